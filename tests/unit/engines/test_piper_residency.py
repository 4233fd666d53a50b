"""Voices of Piper come and go in memory, each by itself, and nobody hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.app import build, read_configuration
from portevoix.engine import Phase, Surroundings
from portevoix.engines.piper_native import MEMORY_PER_FILE_BYTE, PiperNative, PiperNativeOptions
from portevoix.rooms.residency import MemoryShort, Residency, ResidencyLimits
from portevoix.speech import Utterance
from tests.rooms import until
from tests.unit.engines.test_piper_native import VOICES, copy, speak

FRENCH, ENGLISH = "fr_FR-petit-low", "en_US-small-low"
ONE_BYTES = MEMORY_PER_FILE_BYTE * (VOICES / f"{FRENCH}.onnx").stat().st_size
ONE_AT_A_TIME = {"cpu": int(1.5 * ONE_BYTES)}
LONG = "Bonjour à tous les amis du monde, et merci d'être venus de si loin pour nous entendre. " * 5
Make = Callable[..., tuple[PiperNative, Residency]]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[tuple[PiperNative, Residency]] = []

    def build_one(folder: Path = VOICES, **limits) -> tuple[PiperNative, Residency]:
        residency = Residency(ResidencyLimits(**limits))
        surroundings = Surroundings((folder,), tmp_path / "cache", residency=residency)
        made.append((PiperNative(PiperNativeOptions(), surroundings), residency))
        return made[-1]

    yield build_one
    for engine, residency in made:
        await engine.aclose()
        await residency.aclose()


def in_memory(engine: PiperNative) -> set[str]:
    return set(engine._loaded)


async def test_the_voice_that_was_heard_longest_ago_makes_place_and_comes_back_by_itself(make: Make) -> None:
    engine, residency = make(ceiling_bytes=ONE_AT_A_TIME)
    for voice in (FRENCH, ENGLISH, FRENCH):
        assert len(await speak(engine, "Bonjour.", voice))
        assert in_memory(engine) == {voice}
        assert residency.occupied_bytes("cpu") == ONE_BYTES


async def test_many_voices_stay_where_there_is_memory(make: Make, tmp_path: Path) -> None:
    for number in range(5):
        for path in VOICES.glob(f"{FRENCH}.onnx*"):
            if path.is_file():
                (tmp_path / path.name.replace("petit", f"petit{number}")).write_bytes(path.read_bytes())
    engine, _ = make(tmp_path)
    names = [f"fr_FR-petit{number}-low" for number in range(5)]
    for name in names:
        await speak(engine, "Bonjour.", name)
    assert in_memory(engine) == set(names)


async def test_a_voice_that_speaks_is_never_unloaded_and_its_place_is_waited_for(make: Make) -> None:
    engine, residency = make(ceiling_bytes=ONE_AT_A_TIME, patience_seconds=0.05)
    voice = next(one for one in engine.voices() if one.name == FRENCH)
    async with aclosing(engine.stream(Utterance(LONG, voice, "fr"))) as chunks:
        await anext(chunks)
        with pytest.raises(MemoryShort, match=ENGLISH):
            await speak(engine, "Hello.", ENGLISH)
        assert in_memory(engine) == {FRENCH}
        residency.limits = ResidencyLimits(ceiling_bytes=ONE_AT_A_TIME, patience_seconds=60)
        waiting = asyncio.create_task(speak(engine, "Hello.", ENGLISH))
        heard = [chunk async for chunk in chunks]
    assert heard
    assert len(await waiting)
    assert in_memory(engine) == {ENGLISH}


async def test_one_that_nobody_asks_for_leaves_and_the_engine_stays_ready(make: Make) -> None:
    engine, residency = make(idle_seconds=0.001)
    await engine.load()
    await until(lambda: not in_memory(engine))
    assert engine.state().phase is Phase.READY
    assert len(await speak(engine, "Bonjour."))
    await until(lambda: residency.occupied_bytes("cpu") == 0)


async def test_one_that_left_memory_and_then_the_disk_is_missing(make: Make, tmp_path: Path) -> None:
    model = copy(FRENCH, tmp_path / "voices")
    engine, _ = make(tmp_path / "voices", idle_seconds=0.001)
    await speak(engine, "Bonjour.")
    await until(lambda: not in_memory(engine))
    model.unlink()
    await until(lambda: engine.state().phase is Phase.UNAVAILABLE)
    assert engine.state().code == "model_missing"


async def test_a_voice_that_can_never_fit_says_so_and_is_asked_again_when_it_can(make: Make) -> None:
    engine, residency = make(ceiling_bytes={"cpu": 1000})
    with pytest.raises(MemoryShort, match="there is no memory for"):
        await engine.load()
    assert engine.state().phase is Phase.IDLE
    residency.limits = ResidencyLimits()
    await engine.load()
    assert in_memory(engine) == {FRENCH, "en_US-duo-low"}


async def test_a_voice_that_is_loaded_for_somebody_who_left_is_on_the_books(make: Make) -> None:
    engine, residency = make(idle_seconds=0.001)
    asking = asyncio.create_task(speak(engine, "Bonjour."))
    await until(lambda: engine._loading)
    asking.cancel()
    await until(lambda: engine.state().phase is Phase.READY)
    await until(lambda: not in_memory(engine))
    assert residency.occupied_bytes("cpu") == 0


async def test_closing_gives_all_of_it_back(make: Make) -> None:
    engine, residency = make()
    await engine.load()
    assert residency.occupied_bytes("cpu") > 0
    await engine.aclose()
    assert residency.occupied_bytes("cpu") == 0
    assert len(await speak(engine, "Bonjour."))


async def test_all_engines_of_an_app_share_one_memory(tmp_path: Path) -> None:
    environ = {"PORTEVOIX_DATA": str(tmp_path)}
    (tmp_path / "tts.yaml").write_text(
        f"voice_folders: ['{VOICES}']\nbackends:\n  piper_native: {{}}\n", encoding="utf-8"
    )
    app = build(read_configuration(tmp_path / "tts.yaml", environ))
    try:
        level = next(one for one in app.levels if one.name == "piper_native")
        await level.load()
        assert app.residency.occupied_bytes("cpu") >= ONE_BYTES
    finally:
        await app.aclose()
    assert app.residency.occupied_bytes("cpu") == 0
