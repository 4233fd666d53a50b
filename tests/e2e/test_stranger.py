"""An engine from a stranger's package: one file and one entry point, and everything knows about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.e2e.command_line import UNHURRIED

ENGINE = """
from dataclasses import dataclass, field
import numpy as np
from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, EngineState, Phase
from portevoix.speech import Voice

@dataclass(frozen=True)
class WhistleOptions:
    pitch_hz: int = field(default=440, metadata={"help": "pitch of the whistle", "unit": "Hz", "minimum": 100})

class Whistle:
    name = "whistle"
    summary = "whistles"
    Options = WhistleOptions
    priority = 5
    target_latency_ms = 50.0
    delivery = Delivery.FRAMES
    is_silent = False

    def __init__(self, options, surroundings):
        self._pitch_hz = options.pitch_hz

    def state(self):
        return EngineState(Phase.READY, device="lips")

    def voices(self):
        return (Voice("whistle-fr", self.name, "fr-FR", 16000),)

    async def load(self):
        pass

    async def stream(self, utterance):
        times = np.arange(16000) / 16000
        yield AudioChunk((0.3 * np.sin(2 * np.pi * self._pitch_hz * times)).astype(np.float32), 16000)

    async def aclose(self):
        pass
"""


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """Install the package beside ours, as pip would, and return the environment that sees it."""
    (tmp_path / "whistle.py").write_text(ENGINE, encoding="utf-8")
    information = tmp_path / "whistle-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: whistle\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("[portevoix.engines]\nwhistle = whistle:Whistle\n", encoding="utf-8")
    folders = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}
    return {**os.environ, **UNHURRIED, "PYTHONPATH": str(tmp_path), **folders}


def portevoix(environ: dict[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portevoix", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_it_is_listed_and_speaks_first(stranger, tmp_path: Path) -> None:
    engines = json.loads(portevoix(stranger, "engines", "--json").stdout)
    rows = engines["engines"] if isinstance(engines, dict) else engines
    assert next(iter(rows))["engine"] == "whistle"
    done = portevoix(stranger, "say", "Bonjour", "-o", str(tmp_path / "a.wav"))
    assert "whistle" in done.stderr
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getframerate() == 16000


def test_its_options_are_configuration(stranger, tmp_path: Path) -> None:
    config = tmp_path / "tts.yaml"
    config.write_text("backends: {whistle: {pitch_hz: 880, priority: 50}}\n", encoding="utf-8")
    rows = portevoix(stranger, "--config", str(config), "config", "show", "--json").stdout
    assert "backends.whistle.pitch_hz" in rows
    assert "880" in rows
    config.write_text("backends: {whistle: {pitch_hz: 10, pich_hz: 3}}\n", encoding="utf-8")
    problems = portevoix(stranger, "config", "check", str(config), code=3)
    told = problems.stdout + problems.stderr
    assert "pitch_hz" in told
    assert "pich_hz" in told


def test_its_voices_are_listed(stranger) -> None:
    assert "whistle-fr" in portevoix(stranger, "voices", "--json").stdout


def test_without_the_package_the_configuration_still_loads(tmp_path: Path) -> None:
    config = tmp_path / "tts.yaml"
    config.write_text("backends: {whistle: {pitch_hz: 880}}\n", encoding="utf-8")
    done = portevoix(dict(os.environ), "config", "check", str(config))
    assert "whistle" in done.stdout + done.stderr
