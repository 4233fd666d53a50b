"""The server as a process: how it begins, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from portevoix.errors import MachineError, PortInUse
from portevoix.server.run import listen

ROOT = Path(__file__).parents[2]
PAGE = re.compile(r"^  page     (http://127\.0\.0\.1:\d+)/$")


class Process:
    """A server in a process of its own.

    Attributes:
        lines: what it has told so far, on standard error.
        url: where it listens, once it has told.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.serve_script", *arguments]
        self.popen = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.url = ""

    def until(self, pattern: re.Pattern[str] | str) -> re.Match[str]:
        """Read on to a line that has the pattern in it."""
        for line in self.popen.stderr:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, self.lines[-1]):
                return found
        raise AssertionError(f"it ended without {pattern!r}: {self.lines}")

    def end(self) -> int:
        """Wait for its end, and return its exit code."""
        self.lines += self.popen.stderr.read().splitlines()
        return self.popen.wait(20)


@contextmanager
def process(*arguments: str):
    one = Process(*arguments)
    try:
        yield one
    finally:
        one.popen.kill()
        one.popen.wait()
        one.popen.stderr.close()


@contextmanager
def running(seconds_per_word: float = 0.0, *changes: str):
    with process("0", str(seconds_per_word), *changes) as one:
        one.url = one.until(PAGE).group(1)
        one.until("portevoix say")
        yield one


def order(text: str):
    return {"model": "tts-1", "input": text, "voice": "alpha-en", "response_format": "pcm"}


def test_tells_its_owner_five_lines_that_are_true():
    with running() as server:
        speaks, missing, page, next_, other = server.lines[-5:]
        assert speaks.endswith("speaks with alpha (alpha-fr)")
        assert missing == "  missing  nothing"
        assert httpx.get(page.split()[1]).status_code == 200
        command = next_.removeprefix("  next     ").replace("-o bonjour.wav", "-s -o - | head -c 4")
        said = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=20)
        assert said.stdout == b"RIFF"
        assert "portevoix say" in other


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_finishes_what_is_being_spoken_and_ends_well(number):
    words = 40
    with running(0.02) as server:
        with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=order("mot " * words)) as answer:
            pieces = answer.iter_raw()
            content = next(pieces)
            server.popen.send_signal(number)
            server.until("server.stopping")
            content += b"".join(pieces)
        assert len(content) == pytest.approx(words * 0.15 * 24_000 * 2, rel=0.01)
        assert server.end() == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)
    assert not any("Traceback" in line for line in server.lines)


def test_a_second_signal_does_not_wait():
    with (
        running(0.2) as server,
        httpx.stream("POST", f"{server.url}/v1/audio/speech", json=order("mot " * 1000)) as answer,
    ):
        next(answer.iter_raw())
        server.popen.send_signal(signal.SIGINT)
        server.until("server.stopping")
        server.popen.send_signal(signal.SIGINT)
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.lines)


def test_a_port_in_use_is_told_before_anything_else():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with process(str(port), "0") as server:
            assert server.end() == PortInUse.exit_code == 6
    (line,) = server.lines
    assert line.startswith(f"port_in_use: the server cannot listen on 127.0.0.1 port {port}: another program does.")
    assert "--port" in line


def test_metrics_on_their_own_port():
    with process("0", "0", "monitoring.prometheus_enabled=true", "monitoring.prometheus_port=0") as server:
        port = server.until(r"metrics\.served .*port=(\d+)").group(1)
        assert "tts_queue_running" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
        server.until("portevoix say")
        server.popen.terminate()
        assert server.end() == 0


def test_a_metrics_port_in_use_costs_only_itself():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(0, "monitoring.prometheus_enabled=true", f"monitoring.prometheus_port={port}") as server:
            assert any("WARNING metrics.port_not_usable" in line for line in server.lines)
            assert httpx.get(f"{server.url}/health/live").status_code == 200


def test_json_lines_on_request():
    with running(0, 'monitoring.log_format="json"') as server:
        assert any(line.startswith('{"time": "') and '"event": "server.started"' in line for line in server.lines)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listens_where_it_is_told(host):
    with listen(host, 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize(("host", "port", "why"), [
    ("192.0.2.1", 0, "address of this machine"), ("no.such.host.invalid", 0, "address of this machine"),
])  # fmt: skip
def test_an_address_that_is_not_ours_is_refused(host, port, why):
    with pytest.raises(MachineError) as caught:
        listen(host, port)
    assert why in caught.value.hint
