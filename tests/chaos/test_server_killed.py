"""The server itself is killed under load: it comes back, and what it had spoken it still knows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.command_line import UNHURRIED, VOICES

TEXT = "Une phrase que le serveur connaît déjà."


class Server:
    """A real server process on a free port, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._environ = {
            **os.environ,
            **UNHURRIED,
            "PORTEVOIX_ADVANCED__LOAD_PATIENCE_SECONDS": "60",
            "PORTEVOIX_VOICES": str(VOICES),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
        }
        self._port = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "portevoix", "serve", "--port", str(self._port)]
        self.process = subprocess.Popen(command, env=self._environ, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        address = next(line.split()[-1] for line in self.process.stderr if line.lstrip().startswith("page"))
        self._port = int(address.rstrip("/").rpartition(":")[2])
        self.address = address.rstrip("/")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def speak(self, text: str) -> httpx.Response:
        body = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "wav"}
        return httpx.post(f"{self.address}/v1/audio/speech", json=body, timeout=60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path)
    one.start()
    yield one
    one.process.terminate()
    one.process.wait(60)
    assert one.process.stderr is not None
    one.process.stderr.close()


def children(pid: int) -> set[int]:
    return {
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/status")
        if f"PPid:\t{pid}\n" in status.read_text(encoding="utf-8")
    }


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z"
    except OSError:
        return True


def test_it_comes_back_and_its_cache_is_whole(server: Server) -> None:
    server.speak(TEXT)
    known = server.speak(TEXT)
    assert known.headers["x-tts-cache"] == "hit"
    listeners = [
        threading.Thread(target=lambda number=number: _try(server, f"Phrase {number}. " * 20), daemon=True)
        for number in range(6)
    ]
    for listener in listeners:
        listener.start()
    workers = children(server.process.pid)
    server.kill()
    for listener in listeners:
        listener.join(60)
    assert server.process.stderr is not None
    server.process.stderr.close()
    server.start()
    answer = server.speak(TEXT)
    assert answer.headers["x-tts-cache"] == "hit"
    assert answer.headers["x-tts-engine"] == "piper_native"
    assert answer.content == known.content
    assert server.speak("Une autre phrase.").status_code == 200
    assert all(gone(pid) for pid in workers), "a worker outlived its server"


def _try(server: Server, text: str) -> None:
    try:
        server.speak(text)
    except httpx.HTTPError:
        return
