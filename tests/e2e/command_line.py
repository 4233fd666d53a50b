"""The command line as people call it: real processes, in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

VOICES = Path(__file__).parent.parent / "fixtures" / "voices"
PATIENCE_SECONDS = 60
CHOSEN = ("PATH", "PYTHONPATH", "LANG", "TMPDIR", "SYSTEMROOT")
UNHURRIED = {"PORTEVOIX_ADVANCED__FIRST_AUDIO_BUDGET_FACTOR": "60"}
"""On a busy machine the first engine may be later than a person would wait: here it is to speak all the same."""


@dataclass
class CommandLine:
    """Run `portevoix` in a folder, with nothing of the user's own about it."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self):
        own = {name: str(self.folder / name.lower()) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COV")}
        kept = {name: os.environ[name] for name in CHOSEN if name in os.environ}
        silent = {"XDG_RUNTIME_DIR": str(self.folder / "runtime"), "HOME": str(self.folder)}
        return {**kept, **coverage, **own, **silent, "PORTEVOIX_VOICES": str(VOICES), **UNHURRIED, **self.variables}

    def command(self, *arguments):
        return [sys.executable, "-m", "portevoix", *map(str, arguments)]

    def run(self, *arguments, stdin=b""):
        """Return the finished process; its output as bytes."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environ, input=stdin, capture_output=True,
            timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    def start(self, *arguments, **pipes):
        """Return the running process."""
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, env=self.environ, **pipes)


class ScriptedPlayer:
    """A player program that passes on what it is fed through a named pipe, for the test to hear."""

    def __init__(self, folder, name="paplay", last_words="", status=0):
        self.arguments = folder / "arguments"
        self.pipe = folder / "heard"
        self.programs = folder / "programs"
        self.programs.mkdir()
        program = self.programs / name
        play = f"cat > '{self.pipe}'" if not status else f"echo '{last_words}' >&2; exit {status}"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{self.arguments}'\n{play}\n")
        program.chmod(0o755)
        os.mkfifo(self.pipe)

    @property
    def variables(self):
        """What makes Portevoix find it, and a sound server with it."""
        return {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}", "PULSE_SERVER": "scripted"}
