"""A machine with a real server for the console's tests: its own folder, Piper voices, and a double of the hub."""

from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.e2e.command_line import VOICES, CommandLine

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

MODEL = "fr_FR-petit-low"
CONTENT = {f"fr/{path.name}": path.read_bytes() for path in (VOICES / f"{MODEL}.onnx.json", VOICES / f"{MODEL}.onnx")}
LIST = {MODEL: {"num_speakers": 1, "files": {path: {"size_bytes": len(data)} for path, data in CONTENT.items()}}}
FILES = {"voices.json": json.dumps(LIST).encode(), **CONTENT}
"""What the double of the hub has."""

CONFIG = """\
voice_folders: [voices]
models: {fetch_missing: false}
backends:
  piper_cli: {enabled: false}
server: {port: 0}
"""


@dataclass(frozen=True)
class Machine:
    """Hold a running server.

    Attributes:
        url: without a slash at the end.
        shell: the program, as its owner calls it.
    """

    url: str
    shell: CommandLine


@contextmanager
def running_machine(folder: Path, hub_url: str, config: str = CONFIG) -> Generator[Machine, None, None]:
    """Serve from `folder`, which has no voice but the system's; the list of the hub is known."""
    (folder / "config").mkdir()
    (folder / "config" / "tts.yaml").write_text(config, encoding="utf-8")
    shell = CommandLine(folder, {"HF_ENDPOINT": hub_url, "PORTEVOIX_VOICES": ""})
    listed = shell.run("models", "list", "--refresh")
    assert listed.returncode == 0, listed.stderr
    with shell.start("serve", "--log-format", "json", stderr=subprocess.PIPE, text=True) as process:
        told = _Told(process)
        try:
            yield Machine(told.address(), shell)
        finally:
            process.terminate()
            told.end()
            assert "Traceback" not in told.text, told.text
            assert process.wait(60) == 0, told.text


class _Told:
    """Read all that a server writes, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.text = ""
        self._process = process
        self._address: Future[str] = Future()
        self._reading = threading.Thread(target=self._read, name="server log")
        self._reading.start()

    def address(self) -> str:
        return self._address.result(60)

    def end(self) -> None:
        self._reading.join(60)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.text += line
            if line.startswith("{") and (content := json.loads(line))["event"] == "server.started":
                self._address.set_result(str(content["address"]))
        if not self._address.done():
            self._address.set_exception(AssertionError(self.text))
