import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.mms import Mms
from portevoix.engines.vits import Vits, VitsOptions
from portevoix.engines.xtts_v2 import Xtts, XttsOptions
from portevoix.errors import EngineUnavailable, ModelBroken, ModelMissing
from portevoix.rooms.housed import HousedOptions
from tests.housed_contract import Plan, hear, keep_contract, utterance
from tests.humming import FILE, hum, hum_module, write_model
from tests.rooms import until


@pytest.fixture(autouse=True)
def workers_find_the_example(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FILE.parent))


@pytest.mark.parametrize("room", [True, False])
async def test_the_example_keeps_the_contract_of_all_heavy_engines(tmp_path, room):
    write_model(tmp_path / "models")
    hum_module()
    plan = Plan("portevoix_hum:Hum", {"device": "cpu", "room": room}, str(tmp_path / "models"), "", str(tmp_path))
    broken = await keep_contract(plan)
    assert not broken, "\n".join(f"{name}:\n{why}" for name, why in broken.items())


def surroundings(tmp_path, **facts):
    folders = {"models_folder": tmp_path / "models", "rooms_folder": tmp_path / "rooms"}
    return Surroundings((), tmp_path / "cache", **folders, **facts)


def test_without_its_environment_it_tells_the_command(tmp_path):
    state = Xtts(XttsOptions(), surroundings(tmp_path)).state()
    assert state.phase is Phase.UNAVAILABLE
    assert state.hint == "Install it: portevoix engines install xtts_v2"
    assert state.code == EngineUnavailable.code


def test_without_its_model_it_tells_the_command(tmp_path):
    engine = Xtts(XttsOptions(python=sys.executable), surroundings(tmp_path))
    state = engine.state()
    assert (state.phase, state.code) == (Phase.UNAVAILABLE, ModelMissing.code)
    assert state.hint == "Fetch it: portevoix models get xtts_v2"
    (voice,) = engine.voices()
    assert (voice.is_installed, voice.hint) == (False, state.hint)


def test_inside_this_program_it_tells_what_the_program_lacks(tmp_path):
    state = Xtts(XttsOptions(room=False), surroundings(tmp_path)).state()
    assert "torch" in state.why
    assert "backends.xtts_v2.room" in state.hint


def test_an_interpreter_or_a_folder_of_one_s_own_that_is_not_there_is_the_configuration_s_fault(tmp_path):
    state = Xtts(XttsOptions(python=str(tmp_path / "nothing")), surroundings(tmp_path)).state()
    assert state.hint == "Correct backends.xtts_v2.python."
    options = XttsOptions(python=sys.executable, model_path=str(tmp_path / "nothing"))
    state = Xtts(options, surroundings(tmp_path)).state()
    assert state.hint == "Correct backends.xtts_v2.model_path."


async def test_what_is_installed_meanwhile_is_noticed(tmp_path):
    engine = hum(tmp_path)
    model = tmp_path / "models" / "hum" / "voice.json"
    content = model.read_bytes()
    model.unlink()
    with pytest.raises(ModelMissing):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    model.write_bytes(content)
    assert engine.state().phase is Phase.IDLE
    await engine.load()
    await engine.aclose()


@pytest.mark.parametrize("room", [True, False])
async def test_a_start_that_failed_is_tried_again_after_a_rest_or_a_repair(tmp_path, room):
    now = [0.0]
    engine = hum(tmp_path, room=room)
    engine.surroundings = replace(engine.surroundings, clock=lambda: now[0])
    model = tmp_path / "models" / "hum" / "voice.json"
    model.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelBroken) as raised:
        await engine.load()
    assert "portevoix models get hum" in raised.value.hint
    assert engine.state().phase is Phase.UNAVAILABLE
    assert (engine.state().code, engine.bytes) == (ModelBroken.code, 0)
    now[0] = 61.0
    assert engine.state().phase is Phase.IDLE
    with pytest.raises(ModelBroken):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    model.write_text('{"pitch_hz": 100}', encoding="utf-8")
    assert engine.state().phase is Phase.IDLE
    await engine.load()
    assert engine.state().phase is Phase.READY
    await engine.aclose()


async def test_who_is_speaking_is_heard_to_the_end_before_it_is_unloaded(tmp_path):
    engine = hum(tmp_path)
    stream = engine.stream(utterance(engine, "un deux trois quatre cinq six sept huit neuf dix"))
    await anext(stream)
    assert engine.users == 1
    unloading = asyncio.create_task(engine.unload())
    rest = [chunk async for chunk in stream]
    await unloading
    assert rest
    assert not engine.is_loaded
    assert await hear(engine, utterance(engine, "encore"))
    await engine.aclose()


@pytest.mark.parametrize("room", [True, False])
async def test_closing_ends_a_start_that_is_under_way_and_it_may_be_used_again(tmp_path, room):
    engine = hum(tmp_path, room=room)
    is_begun, may_go_on = threading.Event(), threading.Event()
    engine.check = lambda: (is_begun.set(), may_go_on.wait(60))
    starts = [asyncio.create_task(engine.load()) for _ in range(2)]
    await until(is_begun.is_set)
    await engine.aclose()
    may_go_on.set()
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 2
    assert (engine.is_loaded, engine.processes(), engine.state().phase) == (False, (), Phase.IDLE)
    assert await hear(engine, utterance(engine, "encore"))
    await engine.aclose()


async def test_what_is_taken_away_under_a_running_engine_is_told_when_its_process_is_lost_and_noticed_when_it_is_back(
    tmp_path,
):
    engine = hum(tmp_path)
    await engine.load()
    model = tmp_path / "models" / "hum"
    model.rename(tmp_path / "elsewhere")
    assert engine.state().phase is Phase.READY, "it is in memory"
    os.kill(engine.processes()[0], signal.SIGKILL)
    await until(lambda: engine.state().phase is Phase.UNAVAILABLE)
    assert (engine.state().code, engine.state().hint) == (ModelMissing.code, "Fetch it: portevoix models get hum")
    (tmp_path / "elsewhere").rename(model)
    await until(lambda: engine.state().phase is Phase.READY)
    assert await hear(engine, utterance(engine, "encore"))
    await engine.aclose()


async def test_memory_over_the_limit_costs_one_sentence(tmp_path):
    engine = hum(tmp_path, memory_limit_mb=1)
    await engine.load()
    (pid,) = engine.processes()
    while engine.processes() == (pid,):  # noqa: ASYNC110 - until a real process has been weighed
        await asyncio.sleep(0.05)
    await engine.aclose()


def test_it_says_what_it_will_take(tmp_path):
    engine = hum(tmp_path)
    assert engine.bytes == 0
    assert engine.needed_bytes > 100 << 20
    assert hum(tmp_path, room=False).needed_bytes == (tmp_path / "models" / "hum" / "voice.json").stat().st_size
    assert engine.device == "cpu"
    assert hum(tmp_path, device="cuda").device == "cuda:0"


def test_a_family_lists_what_is_here_before_what_could_be(tmp_path):
    folder = tmp_path / "models" / "mms-tts-abi"
    folder.mkdir(parents=True)
    for name in ("config.json", "vocab.json", "tokenizer_config.json", "model.safetensors"):
        (folder / name).write_text('{"num_speakers": 2}', encoding="utf-8")
    (tmp_path / "models" / "mms-tts-deu").mkdir()
    voices = Mms(HousedOptions(python=sys.executable), surroundings(tmp_path)).voices()
    assert (voices[0].name, voices[0].language, voices[0].speakers) == ("mms-tts-abi", "abi", ("0", "1"))
    assert voices[0].is_installed
    half = next(voice for voice in voices if voice.name == "mms-tts-deu")
    assert (half.is_installed, half.language) == (False, "de")
    assert "lacks config.json" in half.why_not
    assert half.hint == "Fetch it: portevoix models get mms-tts-deu"
    assert [voice.name for voice in voices].count("mms-tts-deu") == 1


def test_a_family_wants_the_model_of_the_default_language(tmp_path):
    state = Mms(HousedOptions(python=sys.executable), surroundings(tmp_path, default_language="de")).state()
    assert state.hint == "Fetch it: portevoix models get mms-tts-deu"


def test_a_folder_of_one_s_own_is_the_only_voice(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    engine = Vits(VitsOptions(python=sys.executable, model_path=str(folder), languages=("fr",)), surroundings(tmp_path))
    (voice,) = engine.voices()
    assert (voice.name, voice.language, voice.is_installed) == ("mine", "fr", False)
    assert voice.hint == "Correct backends.vits.model_path."


@pytest.mark.parametrize(
    ("name", "languages"),
    [("mms-tts-fra", ("fr",)), ("mms-tts-uzb-script_latin", ("uz",)), ("mms-tts-abi", ("abi",)), ("vits-ljs", ())],
)
def test_a_model_s_name_tells_its_language(tmp_path, name, languages):
    assert Mms(HousedOptions(), surroundings(tmp_path)).languages_in(name) == languages


def test_an_engine_of_the_house_needs_nothing_but_the_standard_library_to_be_imported():
    """In an environment that has nothing else a worker must come as far as telling what is missing."""
    script = (
        f"import sys; sys.path.append({str(Path('src').absolute())!r})\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('numpy', 'yaml', 'soxr', 'av', 'httpx', 'onnxruntime', 'torch'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "for name in ('vits', 'mms', 'xtts_v2', 'higgs_audio_v2'):\n"
        "    __import__(f'portevoix.engines.{name}')\n"
        "import portevoix.rooms.child\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", [True, False])
async def test_a_model_that_is_replaced_is_loaded_anew_once_nobody_speaks_with_the_old_one(tmp_path, room):
    engine = hum(tmp_path, room=room)
    model = tmp_path / "models" / "hum" / "voice.json"
    said = utterance(engine)
    low = np.concatenate([chunk.samples for chunk in await hear(engine, said)])
    async with aclosing(engine.stream(said)) as speaking:
        old = [(await anext(speaking)).samples]
        (tmp_path / "new").write_text('{"pitch_hz": 880.0}', encoding="utf-8")
        (tmp_path / "new").replace(model)
        following = asyncio.create_task(hear(engine, utterance(engine)))
        old += [chunk.samples async for chunk in speaking]
    high = np.concatenate([chunk.samples for chunk in await following])
    assert np.array_equal(np.concatenate(old), low)
    assert crossings(high) == pytest.approx(4 * crossings(low), rel=0.2)
    processes = engine.processes()
    await hear(engine, utterance(engine))
    assert engine.processes() == processes
    await engine.aclose()


def crossings(samples):
    """Return how often a sound goes through zero upwards."""
    return int(np.count_nonzero((samples[:-1] <= 0) & (samples[1:] > 0)))
