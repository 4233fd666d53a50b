"""Real engines, killed and stopped while many listen: nobody goes unanswered, and everything comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from portevoix.app import App, build
from portevoix.config import load
from portevoix.dsp.loudness import is_audible
from portevoix.level import Level
from portevoix.registry import built_in_engines
from portevoix.speech import SpeechReport, SpeechRequest

VOICES = Path("tests/fixtures/voices").absolute()


def make(folder: Path, **backends: bool) -> App:
    engines = built_in_engines()
    environ = {
        "PORTEVOIX_VOICES": str(VOICES),
        "PORTEVOIX_CACHE_FOLDER": str(folder),
        "PORTEVOIX_CACHE__ENABLED": "false",
        **{f"PORTEVOIX_BACKENDS__{name.upper()}__ENABLED": str(on).lower() for name, on in backends.items()},
    }
    config = folder / "empty.yaml"
    config.write_text("", encoding="utf-8")
    return build(load(config, environ, engines).or_raise(), engines=engines)


@pytest.fixture
async def espeak_alone(tmp_path: Path) -> AsyncIterator[App]:
    app = make(tmp_path, piper_native=False, piper_cli=False)
    await app.load()
    yield app
    await app.aclose()


@pytest.fixture
async def without_native(tmp_path: Path) -> AsyncIterator[App]:
    app = make(tmp_path, piper_native=False)
    await app.load()
    yield app
    await app.aclose()


def level(app: App, name: str) -> Level:
    return next(level for level in app.levels if level.name == name)


def strike(app: App, name: str, blow: signal.Signals) -> None:
    for pid in level(app, name).engine.processes():  # type: ignore[attr-defined]
        with suppress(ProcessLookupError):
            os.kill(pid, blow)


async def speak(app: App, text: str) -> tuple[np.ndarray, SpeechReport]:
    speech = await app.speaker.open(SpeechRequest(text, language="fr"))
    samples = np.concatenate([chunk.samples async for chunk in speech])
    return samples, speech.report


def is_running(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and command.read_bytes() != b""


async def test_espeak_is_killed_while_everybody_listens(espeak_alone: App) -> None:
    answers: list[tuple[np.ndarray, SpeechReport]] = []

    async def client(number: int) -> None:
        for turn in range(10):
            answers.append(await speak(espeak_alone, f"Ceci est la phrase {number} et {turn}."))
            if len(answers) % 5 == 0:  # the others are in the middle of theirs
                strike(espeak_alone, "sapi_french", signal.SIGKILL)

    await asyncio.gather(*map(client, range(4)))
    assert len(answers) == 40
    assert all(len(samples) for samples, _ in answers)
    audible = [is_audible(samples) for samples, _ in answers]
    assert sum(audible) >= 38, "a sentence struck twice may fall silent, hardly ever"


async def test_espeak_is_back_at_once_after_a_kill(espeak_alone: App) -> None:
    await speak(espeak_alone, "Un.")
    strike(espeak_alone, "sapi_french", signal.SIGKILL)
    async with asyncio.timeout(60):
        samples, report = await speak(espeak_alone, "Deux trois quatre.")
    assert is_audible(samples)
    assert report.engine == "sapi_french"


async def test_espeak_that_is_stopped_is_replaced(espeak_alone: App) -> None:
    await speak(espeak_alone, "Un.")
    strike(espeak_alone, "sapi_french", signal.SIGSTOP)
    async with asyncio.timeout(20):
        await speak(espeak_alone, "Deux trois quatre.")
        samples, report = await speak(espeak_alone, "Cinq six sept.")
    assert is_audible(samples)
    assert report.engine == "sapi_french"


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_piper_program_is_struck_and_the_next_speaks(without_native: App, blow: signal.Signals) -> None:
    _, report = await speak(without_native, "Bonjour à tous.")
    assert report.engine == "piper_cli"
    strike(without_native, "piper_cli", blow)
    async with asyncio.timeout(20):
        samples, report = await speak(without_native, "Encore une phrase.")
        assert is_audible(samples)
        assert report.engine in ("piper_cli", "sapi_french")
        await asyncio.sleep(0)
        samples, report = await speak(without_native, "Et une autre phrase.")
    assert is_audible(samples)


async def test_a_slow_listener_does_not_keep_others_waiting(espeak_alone: App) -> None:
    text = "Voici une très longue phrase qui continue sans fin apparente, " * 5
    speeches = [await espeak_alone.speaker.open(SpeechRequest(text, language="fr")) for _ in range(3)]
    async with asyncio.timeout(60):
        samples, report = await speak(espeak_alone, "Moi aussi.")
    assert is_audible(samples)
    assert report.engine == "sapi_french"
    for speech in speeches:
        await speech.aclose()


@pytest.mark.parametrize("turns", [0, 1, 5, 50])
async def test_a_request_in_the_first_moment_is_heard(tmp_path: Path, turns: int) -> None:
    app = make(tmp_path, piper_native=False, piper_cli=False)
    app.begin_loading()
    for _ in range(turns):
        await asyncio.sleep(0)
    samples, report = await speak(app, "Bonjour à tous.")
    assert is_audible(samples)
    assert report.engine == "sapi_french"
    await app.aclose()


async def test_nothing_is_left_running(tmp_path: Path) -> None:
    app = make(tmp_path, piper_native=False)
    await app.load()
    await speak(app, "Bonjour.")
    pids = [pid for one in app.levels if hasattr(one.engine, "processes") for pid in one.engine.processes()]
    assert pids
    await app.aclose()
    assert not [pid for pid in pids if is_running(pid)]
