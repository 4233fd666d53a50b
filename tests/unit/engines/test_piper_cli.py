"""The piper program as a child, with the real program and the small voices, and with scripted programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.piper_cli import PiperCli, PiperCliOptions, find_executable, model_file, one_line
from portevoix.errors import EngineError, EngineFailed, EngineUnavailable, InvalidParameter, ModelBroken, ModelMissing
from portevoix.speech import Utterance

VOICES = Path(__file__).parents[2] / "fixtures" / "voices"
PROGRAM = Path(__file__).parents[1] / "rooms" / "scripted_program.py"


def surroundings(tmp_path, *folders):
    return Surroundings(voice_folders=folders or (VOICES,), cache_folder=tmp_path / "cache")


def scripted(tmp_path, manner):
    """Return the path of a program that behaves like piper's command line, in some manner."""
    path = tmp_path / "piper"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAM}" {manner} "$4"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def speak(engine, text, voice="fr_FR-petit-low", **changes):
    found = next(known for known in engine.voices() if known.name == voice)
    async with aclosing(engine.stream(Utterance(text, found, found.language, **changes))) as chunks:
        return [chunk async for chunk in chunks]


@pytest.fixture
async def engine(tmp_path):
    engine = PiperCli(PiperCliOptions(), surroundings(tmp_path))
    yield engine
    await engine.aclose()
    assert list((tmp_path / "cache" / "piper_cli").glob("*")) == []


@pytest.fixture
async def fake(tmp_path):
    engine = PiperCli(PiperCliOptions(executable_path=scripted(tmp_path, "plain")), surroundings(tmp_path))
    await engine.load()
    yield engine
    await engine.aclose()


async def test_it_speaks_audibly_from_a_warm_child(engine):
    assert engine.state().phase is Phase.IDLE
    await engine.load()
    assert engine.state().phase is Phase.READY
    before = engine.processes()
    (chunk,) = await speak(engine, "Bonjour à tous.\nComment\r\nallez-vous ?")
    assert np.abs(chunk.samples).max() > 0.05
    assert chunk.seconds > 0.5
    await speak(engine, "Encore un mot.")
    assert engine.processes() == before
    os.kill(before[0], signal.SIGKILL)
    while engine.processes() == before:  # noqa: ASYNC110 - until real processes have moved
        await asyncio.sleep(0)
    assert await speak(engine, "Après la mort.")


async def test_speed_and_voice_each_have_their_child_and_there_are_never_more_than_two(engine):
    (slow,) = await speak(engine, "Bonjour à tous, mes amis.")
    (fast,) = await speak(engine, "Bonjour à tous, mes amis.", speed=2.0)
    assert fast.seconds < 0.75 * slow.seconds
    assert await speak(engine, "Hello everybody.", "en_US-small-low")
    assert len(engine.processes()) <= 2


async def test_speakers_are_known_by_name_and_number(engine):
    for speaker in ("0", 1, *engine.voices()[0].speakers[:1]):
        assert await speak(engine, "Hello.", "en_US-duo-low", speaker=speaker)
    with pytest.raises(InvalidParameter, match="no speaker nobody"):
        await speak(engine, "Hello.", "en_US-duo-low", speaker="nobody")


async def test_a_voice_whose_file_is_replaced_gets_another_child(tmp_path):
    folder, now = tmp_path / "voices", [0.0]
    shutil.copytree(VOICES, folder)
    around = replace(surroundings(tmp_path, folder), clock=lambda: now[0])
    engine = PiperCli(PiperCliOptions(executable_path=scripted(tmp_path, "plain")), around)
    await speak(engine, "Bonjour")
    (old,) = engine.processes()
    await speak(engine, "Encore")
    assert engine.processes() == (old,)
    model = folder / "fr_FR-petit-low.onnx"
    os.utime(model, ns=(0, 1))
    now[0] += 60.0
    await speak(engine, "Bonjour")
    assert engine.processes()[-1] != old
    await engine.aclose()


async def test_a_death_in_the_middle_costs_one_sentence(fake):
    with pytest.raises(EngineFailed):
        await speak(fake, "die")
    assert fake.state().phase is Phase.READY
    assert await speak(fake, "Bonjour")


async def test_one_that_gives_up_in_the_middle_leaves_the_child_to_the_next(fake):
    before = fake.processes()
    for _ in range(5):
        impatient = asyncio.create_task(speak(fake, "Bonjour"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.gather(impatient, return_exceptions=True)
    assert len((await speak(fake, "Bonjour"))[0].samples) == 100
    assert fake.processes() == before


async def test_a_hung_child_that_nobody_waits_for_is_replaced(fake):
    before = fake.processes()
    impatient = asyncio.create_task(speak(fake, "hang"))
    while not fake._programs or all(program.keeper.life.idle.is_set() for program in fake._programs.values()):  # noqa: ASYNC110 - until real processes have moved
        await asyncio.sleep(0)
    impatient.cancel()
    assert await speak(fake, "Bonjour")
    assert fake.processes() != before


async def test_utterances_at_once_are_not_mixed_up(fake):
    texts = ["a" * length for length in range(1, 20)]
    spoken = await asyncio.gather(*(speak(fake, text) for text in texts))
    lengths = [round(chunks[0].samples[0] * 32768) for chunks in spoken]
    assert lengths == [len(text) for text in texts]


@pytest.mark.parametrize("path", ["C:\\Program Files\\piper\\piper.exe", "no/such/piper", "/"])
async def test_a_program_that_is_not_there_is_an_engine_that_is_not_ready(tmp_path, path):
    engine = PiperCli(PiperCliOptions(executable_path=path), surroundings(tmp_path))
    assert engine.state().phase is Phase.UNAVAILABLE
    assert path in engine.state().why
    assert "executable_path" in engine.state().hint
    with pytest.raises(EngineUnavailable):
        await engine.load()
    await engine.aclose()


async def test_a_program_that_is_not_piper_is_an_engine_that_is_not_ready(tmp_path):
    engine = PiperCli(PiperCliOptions(executable_path="/bin/false"), surroundings(tmp_path))
    with pytest.raises(EngineError, match="did not start"):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.processes() == ()
    await engine.aclose()


async def test_a_program_says_itself_why_it_does_not_start(tmp_path):
    engine = PiperCli(PiperCliOptions(executable_path=scripted(tmp_path, "gone")), surroundings(tmp_path))
    with pytest.raises(EngineFailed, match="Unable to find voice"):
        await engine.load()
    await engine.aclose()


async def test_without_a_voice_it_says_what_to_do_and_notices_one_that_is_put_there(tmp_path):
    folder = tmp_path / "voices"
    folder.mkdir()
    hour = 0
    moved = replace(surroundings(tmp_path, folder), clock=lambda: 3600.0 * hour)
    engine = PiperCli(PiperCliOptions(), moved)
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.state().code == ModelMissing.code
    assert "fr_FR-siwis-medium" in engine.state().hint
    with pytest.raises(ModelMissing):
        await engine.load()
    with pytest.raises(ModelMissing):
        await speak(engine, "Bonjour", "fr_FR-siwis-medium")
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(VOICES / f"fr_FR-petit-low{suffix}", folder)
    hour += 1
    assert engine.state().phase is Phase.IDLE
    await engine.aclose()


async def test_a_configured_voice_comes_first_and_one_that_is_broken_is_told(tmp_path):
    chosen = PiperCli(PiperCliOptions(model_path=str(VOICES / "en_US-small-low.onnx")), surroundings(tmp_path))
    assert chosen.voices()[0].name == "en_US-small-low"
    broken = tmp_path / "half.onnx"
    broken.write_bytes(b"")
    engine = PiperCli(PiperCliOptions(model_path=str(broken)), surroundings(tmp_path))
    with pytest.raises(ModelBroken):
        await engine.load()
    await engine.aclose()


async def test_a_model_that_the_program_cannot_read_is_told(tmp_path):
    folder = tmp_path / "voices"
    folder.mkdir()
    shutil.copy(VOICES / "fr_FR-petit-low.onnx.json", folder)
    (folder / "fr_FR-petit-low.onnx").write_bytes((VOICES / "fr_FR-petit-low.onnx").read_bytes()[:1000])
    engine = PiperCli(PiperCliOptions(), surroundings(tmp_path, folder))
    with pytest.raises(EngineFailed, match="did not start"):
        await engine.load()
    await engine.aclose()


async def test_a_cache_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    engine = PiperCli(PiperCliOptions(), Surroundings(voice_folders=(VOICES,), cache_folder=tmp_path / "file"))
    with pytest.raises(EngineUnavailable, match="cannot write its files"):
        await engine.load()
    await engine.aclose()


async def test_several_loads_make_one_process(fake):
    before = fake.processes()
    await asyncio.gather(*(fake.load() for _ in range(5)))
    assert fake.processes() == before
    assert len(before) == 1


@pytest.mark.parametrize(("text", "line"), [
    ("a\nb\r\n\tc", "a b c"), ("\0a\x1b", "a"), ("[[ə]] x", "[ [ə]] x"),
    ("été 😀", "été 😀"), ("\ud800a", "a"), ("a\u2028b", "a b"),
])  # fmt: skip
def test_any_text_is_one_line_of_text(text, line):
    assert one_line(text) == line


def test_a_windows_path_keeps_its_name():
    assert model_file("C:\\voices\\fr_FR-siwis-medium.onnx").name == "fr_FR-siwis-medium.onnx"
    assert model_file(None) is None


def test_the_program_beside_the_interpreter_is_found():
    assert find_executable().parent == Path(sys.executable).parent
