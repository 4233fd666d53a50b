"""The assistant of the guide, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portevoix.dsp.loudness import is_audible
from tests.e2e.command_line import CommandLine, ScriptedPlayer

ASSISTANT = Path(__file__).parents[2] / "docs" / "examples" / "assistant.py"


@pytest.fixture
def player(tmp_path: Path) -> ScriptedPlayer:
    return ScriptedPlayer(tmp_path)


def test_plays_what_it_says_and_prints_who_spoke(tmp_path: Path, player: ScriptedPlayer) -> None:
    shell = CommandLine(tmp_path, dict(player.variables))
    with subprocess.Popen(
        [sys.executable, ASSISTANT], cwd=tmp_path, env=shell.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(b"\nBonjour \xc3\xa0 tous.\n")
        process.stdin.close()
        with player.pipe.open("rb") as heard:
            sound = heard.read()
        assert process.stdout
        assert process.stderr
        told, complaints = process.stdout.read().decode(), process.stderr.read().decode()
        assert process.wait(60) == 0, complaints
    assert is_audible(np.frombuffer(sound, "<i2").astype(np.float32) / 32768)
    assert told.startswith("piper_native in ")
    assert told.endswith(" ms\n")
    assert "the text is empty" in complaints
