"""A server in a process of its own, to throw things at: what it logs and what it holds is looked at from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
QUIET_SECONDS = 30.0
TROUBLE = ("Traceback", "crashed", "internal_error", "never retrieved", "was never awaited", "ResourceWarning")
"""What must not be in the log, whatever is asked."""


@dataclass(frozen=True)
class Target:
    """A running server.

    Attributes:
        port: of HTTP, on 127.0.0.1.
        wyoming_port: of Wyoming.
        log: the file with what it says.
        pid: of its process.
    """

    port: int
    wyoming_port: int
    log: Path
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def trouble(self) -> list[str]:
        """Return the lines of the log that tell a mistake of the server's, each with what follows it."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        places = [number for number, line in enumerate(lines) if any(word in line for word in TROUBLE)]
        return ["\n".join(lines[number : number + 30]) for number in places[:3]]

    def descriptors(self) -> list[str]:
        """Return what the process has open, by kind."""
        folder = Path(f"/proc/{self.pid}/fd")
        found = []
        for entry in folder.iterdir():
            try:
                found.append(str(entry.readlink()).split(":")[0])
            except FileNotFoundError:
                continue
        return sorted(found)

    def resident_bytes(self) -> int:
        """Return the memory that the process holds."""
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def settle(self, count: int) -> list[str]:
        """Wait until the process has at most `count` descriptors open and nobody has a turn; return what is open."""
        until = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < until:
            with httpx.Client(base_url=self.url, timeout=QUIET_SECONDS) as client:
                queue = client.get("/api/status").json()["queue"]
            opened = self.descriptors()
            if len(opened) <= count and queue["running"] == queue["waiting"] == 0:
                return opened
        return self.descriptors()


@contextmanager
def fuzzed(folder: Path, *changes: str, seconds_per_word: float = 0.0) -> Generator[Target, None, None]:
    """Serve scripted engines; everything that the server keeps is below `folder`."""
    port, wyoming_port = _free_ports(2)
    log = folder / "log"
    command = [sys.executable, "-X", "dev", "-W", "ignore::DeprecationWarning", "-m", "tests.serve_script", str(port),
               str(seconds_per_word), "wyoming.enabled=true", f"wyoming.port={wyoming_port}", *changes]  # fmt: skip
    home = {"HOME": str(folder), "XDG_DATA_HOME": "", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "",
            "PORTEVOIX_CACHE__DISK_ENABLED": "false"}  # fmt: skip
    surroundings = {**os.environ, **home, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=surroundings, cwd=folder, stdout=said, stderr=said)
    try:
        _wait(f"http://127.0.0.1:{port}/health/ready", process)
        yield Target(port, wyoming_port, log, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _free_ports(count: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in taken]
    for one in taken:
        one.close()
    return ports


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            if httpx.get(url, timeout=START_SECONDS).is_success:
                return
        except httpx.TransportError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                raise AssertionError("the server did not start") from None
    raise AssertionError("the server did not become ready")


def throw_at(connection: socket.socket, content: bytes) -> None:
    """Send all of it, then listen until the server has ended the connection."""
    with suppress(ConnectionError):
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
