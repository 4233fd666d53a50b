"""The phonemizer of a real server is killed while it is at a text, which is spoken all the same; and it goes on."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import termios
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.test_server_killed import Server, gone
from tests.waiting import until

if TYPE_CHECKING:
    import httpx

KILLS = 3
OTHERS = ("SAPI_FRENCH", "PIPER_CLI")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path)
    yield one
    one.process.kill()
    one.process.wait(60)
    assert one.process.stderr is not None
    one.process.stderr.close()


def children(server: Server) -> dict[int, bytes]:
    """Return the command lines of its child processes, by number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # others come and go
            if f"PPid:\t{server.process.pid}\n" in (folder / "status").read_text(encoding="utf-8"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def phonemizer(server: Server) -> int:
    (pid,) = [pid for pid, command in children(server).items() if b"phonemizer_child" in command]
    return pid


def is_asked(pid: int) -> bool:
    """Tell whether bytes wait in one of its pipes, of a process that is stopped: in that of its input."""
    return any(_waiting_bytes(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.readlink().name[:4] == "pipe")


def _waiting_bytes(pipe: Path) -> int:
    count = array.array("i", [0])
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(descriptor, termios.FIONREAD, count)
    finally:
        os.close(descriptor)
    return count[0]


def speak_and_kill(server: Server, text: str) -> httpx.Response:
    """Return what is answered when the phonemizer is lost with the text before it."""
    pid = phonemizer(server)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(server.speak, text)
        until(lambda: answer.done() or is_asked(pid))
        assert not answer.done()
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(pid))
        return answer.result()


@pytest.mark.parametrize(("others", "end"), [("true", signal.SIGTERM), ("false", signal.SIGKILL)])
def test_who_waits_is_answered_who_comes_later_hears_the_first_voice_and_nothing_is_left(
    server: Server, others: str, end: signal.Signals
) -> None:
    server._environ |= {f"PORTEVOIX_BACKENDS__{name}__ENABLED": others for name in OTHERS}
    server.start()
    assert server.speak("Une première phrase.").headers["x-tts-engine"] == "piper_native"
    for number in range(KILLS):
        engine = speak_and_kill(server, f"Voilà {number}.").headers["x-tts-engine"]
        assert engine == "piper_native" if others == "false" else engine != "silent_emergency"
        assert server.speak(f"Et la suite {number}.").headers["x-tts-engine"] == "piper_native"
    left = children(server)
    assert phonemizer(server) in left
    server.process.send_signal(end)
    server.process.wait(60)
    until(lambda: all(map(gone, left)))
