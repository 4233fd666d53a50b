"""Run uv, which installs packages: find it, or fetch it with pip where it is not there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from portevoix.errors import DiskFull, PortevoixError
from portevoix.rooms.faults import RoomError, RoomUnreachable

PACKAGE = "uv>=0.8"
TOOLS = ".tools"
FETCH_SECONDS = 300.0
LAST_LINES = 40

UNREACHABLE = re.compile(
    r"error sending request|dns error|client error|connection (?:refused|reset)|timed out|operation timed|"
    r"network is unreachable|network was disabled|connection broken|NewConnectionError|Could not resolve|"
    r"stream closed|error decoding response body|HTTP status (?:client|server) error",
    re.IGNORECASE,
)
FULL = re.compile(r"os error 28|No space left on device|Errno 28", re.IGNORECASE)


class Uv:
    """Run one uv."""

    def __init__(self, program: str, environ: Mapping[str, str], inherited: IO[bytes] | None = None) -> None:
        """Run `program` with `environ`; its processes inherit the file `inherited`, and with it the lock on it."""
        self._program = program
        self._environ = dict(environ)
        self._inherited = (inherited.fileno(),) if inherited is not None and os.name != "nt" else ()

    def run(self, arguments: Sequence[str], hear: Callable[[str], None]) -> None:
        """Run it to its end.

        Args:
            arguments: of uv.
            hear: called with each line that it prints.

        Raises:
            DiskFull: there is no room left.
            RoomUnreachable: packages could not be fetched.
            RoomError: anything else that uv said.
        """
        command = (self._program, "--color", "never", *arguments)
        lines: list[str] = []
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environ,
            text=True, encoding="utf-8", errors="replace", pass_fds=self._inherited,
        ) as process:  # fmt: skip
            assert process.stdout is not None  # noqa: S101 - it was asked for
            for line in process.stdout:
                lines = [*lines[1 - LAST_LINES :], line.rstrip()]
                hear(line.rstrip())
        if process.returncode:
            raise fault_in(lines)


def find_uv(folder: Path, environ: Mapping[str, str], python: str = sys.executable) -> str:
    """Return a uv: the one installed beside this package, on the path, or fetched below `folder`.

    Raises:
        RoomUnreachable: there is none, and it cannot be fetched.
        RoomError: there is none, and it cannot be installed.
    """
    fetched = _script(folder / TOOLS, "uv")
    found = _packaged() or shutil.which("uv", path=environ.get("PATH")) or (str(fetched) if fetched.is_file() else "")
    return found or fetch_uv(folder / TOOLS, environ, python)


def fault_in(lines: Sequence[str]) -> PortevoixError:
    """Return the error that the last lines of a failed installer tell."""
    text = "\n".join(lines)
    why = _reason(lines)
    if FULL.search(text):
        return DiskFull("there is no room left for the packages", why, "Make room there, then install again.")
    if UNREACHABLE.search(text):
        return RoomUnreachable("packages cannot be fetched", why, "Check the network, or what pip is configured with.")
    return RoomError("packages cannot be installed", why, "Run it again with -v; a newer Portevoix may know better.")


def _reason(lines: Sequence[str]) -> str:
    """Return the error's own lines, the innermost cause included, short enough for a message."""
    first = next((number for number, line in enumerate(lines) if re.match(r"\s*(?:error|ERROR|×)", line)), -3)
    told = [re.sub(r"^\s*(?:error:|ERROR:|cause:|Caused by:|×|├─▶|╰─▶|│)\s*", "", line) for line in lines[first:]]
    whole = ": ".join(line.strip().rstrip(":.") for line in told if line.strip() and not line.startswith("hint"))
    return whole if len(whole) <= 400 else f"{whole[:200]} … {whole[-190:]}"  # noqa: PLR2004 - two readable ends


def _packaged() -> str:
    try:
        import uv
    except ImportError:
        return ""
    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError:
        return ""


def fetch_uv(tools: Path, environ: Mapping[str, str], python: str = sys.executable) -> str:
    """Install uv into the environment `tools`, made for it, by pip with its configuration; return the program.

    Raises:
        RoomUnreachable: it cannot be fetched.
        RoomError: it cannot be installed.
    """
    for command in ((python, "-m", "venv", "--clear", str(tools)),
                    (str(_script(tools, "python")), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input",
                     "install", "--retries", "1", PACKAGE)):  # fmt: skip
        try:
            ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=dict(environ), text=True, timeout=FETCH_SECONDS, check=False)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RoomError("uv is not there, and cannot be installed", str(error), INSTALL_HINT) from error
        if ended.returncode:
            fault = fault_in(ended.stdout.splitlines()[-LAST_LINES:])
            raise type(fault)("uv is not there, and cannot be installed", fault.why, INSTALL_HINT)
    return str(_script(tools, "uv"))


INSTALL_HINT = "Install it by hand: pip install uv"


def _script(environment: Path, name: str) -> Path:
    return environment / "Scripts" / f"{name}.exe" if os.name == "nt" else environment / "bin" / name
