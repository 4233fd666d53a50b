from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portevoix.vits.config import read_config
from portevoix.vits.making import make_parts
from portevoix.vits.network import Manner
from portevoix.vits.parts import FACTS_FILE, UNFINISHED, PartsStore, find_or_make
from portevoix.vits.sessions import Device
from portevoix.vits.voice import VitsVoice
from tests.unit.vits.conftest import DUO, FRENCH, copied, sentence, spoken

SOURCES = Path(__file__).parents[3] / "src"
LOAD = """
import sys
from pathlib import Path
from portevoix.vits.scheduler import Scheduler
from portevoix.vits.sessions import Device
from portevoix.vits.voice import VitsVoice
print("begins", flush=True)
scheduler = Scheduler(workers=1)
voice = VitsVoice.load(Path(sys.argv[1]), scheduler=scheduler)
scheduler.close()
print(voice.is_split, flush=True)
"""


def loading(model):
    return subprocess.Popen(
        [sys.executable, "-c", LOAD, str(model)],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        text=True,
    )


def parts_of(model):
    return [folder for folder in model.with_name(model.name + ".parts").iterdir() if (folder / FACTS_FILE).exists()]


@pytest.fixture(scope="module")
def made(voice_files):
    """Parts of a voice, in memory."""
    model = voice_files[DUO]
    return make_parts(model, read_config(model.with_name(model.name + ".json")))


@pytest.fixture
def stored(made, tmp_path):
    """A store with parts in it, and their folder."""
    store = PartsStore([tmp_path / "kept"], "f" * 64)
    store.keep(made)
    (folder,) = (tmp_path / "kept").iterdir()
    return store, folder


def test_what_is_kept_is_found(stored, made):
    store, folder = stored
    parts = store.find()
    assert parts.facts == made.facts
    assert parts.models == {name: folder / f"{name}.onnx" for name in made.models}


def test_stored_parts_speak_as_those_in_memory(stored, made):
    one, other = (parts.network() for parts in (made, stored[0].find()))
    latents = np.random.default_rng(0).standard_normal((8, 40)).astype(np.float32)
    manner = Manner()
    assert np.abs(one.decode(latents, 0, 0, manner) - other.decode(latents, 0, 0, manner)).max() < 1e-5


def test_another_model_or_device_does_not_find_them(stored, tmp_path):
    folders = [tmp_path / "kept"]
    assert PartsStore(folders, "e" * 64).find() is None
    assert PartsStore(folders, "f" * 64, Device("cuda")).find() is None
    assert PartsStore(folders, "f" * 64).find() is not None


@pytest.mark.parametrize("name", ["encoder.onnx", FACTS_FILE])
def test_damaged_parts_are_not_found(stored, name):
    store, folder = stored
    (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    assert store.find() is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"facts": {}, "sizes": {}}', '{"facts": null, "sizes": null}'])
def test_facts_that_say_nothing_are_not_believed(stored, text):
    store, folder = stored
    (folder / FACTS_FILE).write_text(text)
    assert store.find() is None


def test_facts_with_an_unknown_key_are_not_believed(stored):
    store, folder = stored
    values = json.loads((folder / FACTS_FILE).read_text())
    values["facts"]["surprise"] = 1
    (folder / FACTS_FILE).write_text(json.dumps(values))
    assert store.find() is None


def test_parts_are_made_once(stored):
    def never():
        raise AssertionError("made again")

    assert find_or_make(stored[0], never).facts


def test_damaged_parts_are_made_again(tmp_path, scheduler):
    model = copied(DUO, tmp_path)
    VitsVoice.load(model, scheduler=scheduler)
    (folder,) = parts_of(model)
    decoder = folder / "decoder.onnx"
    decoder.write_bytes(bytes(decoder.stat().st_size))
    assert VitsVoice.load(model, scheduler=scheduler).is_split
    assert any(decoder.read_bytes())


def test_a_changed_model_is_split_again(tmp_path, scheduler):
    model = copied(DUO, tmp_path)
    first = VitsVoice.load(model, scheduler=scheduler)
    shutil.copy(copied(FRENCH, tmp_path), model)
    second = VitsVoice.load(model, scheduler=scheduler)
    assert first.fingerprint != second.fingerprint
    (left,) = parts_of(model)
    assert left.name.startswith(second.fingerprint[:24])


def test_where_the_first_folder_cannot_be_written_the_next_is_used(made, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    store = PartsStore([blocked / "parts", tmp_path / "elsewhere"], "f" * 64)
    store.keep(made)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert store.find() is not None


def test_where_no_folder_can_be_written_the_parts_stay_in_memory(made, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder should be")
    store = PartsStore([blocked / "parts"], "f" * 64)
    assert store.keep(made) is made
    assert made.network().facts == made.facts


async def test_a_voice_in_a_folder_that_cannot_be_written_streams(tmp_path, scheduler):
    model = copied(DUO, tmp_path)
    model.with_name(model.name + ".parts").write_text("in the way")
    voice = VitsVoice.load(model, scheduler=scheduler)
    assert voice.is_split
    assert len((await spoken(voice, sentence(100))).pieces) > 1


def test_a_full_disk_leaves_nothing_behind(made, tmp_path):
    """A limit on file sizes fails a write in the middle, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            (tmp_path / "probe").write_bytes(bytes(60_000))
        store = PartsStore([tmp_path / "full"], "f" * 64)
        assert store.keep(made) is made
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list((tmp_path / "full").iterdir()) == []


def test_what_a_crash_left_is_neither_read_nor_kept_for_ever(made, tmp_path):
    left = tmp_path / f"{UNFINISHED}old"
    left.mkdir()
    (left / "encoder.onnx").write_text("half")
    os.utime(left, (0, 0))
    young = tmp_path / f"{UNFINISHED}young"
    young.mkdir()
    store = PartsStore([tmp_path], "f" * 64)
    assert store.find() is None
    store.keep(made)
    assert not left.exists()
    assert young.exists()


def test_outdated_parts_go_when_new_ones_come_and_nothing_else_does(made, tmp_path):
    own, shared = tmp_path / "own", tmp_path / "shared"
    old = [f"{'f' * 24}-ort1.0.0-cpu3", f"{'f' * 24}-ort1.0.0-cuda1-int8"]
    young = [f"{'f' * 24}-ort1.0.1-cpu1"]
    replaced = [f"{'e' * 24}-ort1.0.0-cpu3"]
    unknown = [f"{'e' * 24}-ort1.0.0-cpu3.bak", "e" * 24, "notes", f"{'E' * 24}-ort1.0.0-cpu3"]
    for folder in (own, shared):
        for name in (*old, *young, *replaced, *unknown):
            (folder / name).mkdir(parents=True)
            (folder / name / "encoder.onnx").write_text("a part")
        for name in (*old, *unknown):
            os.utime(folder / name, (0, 0))
        (folder / f"{'d' * 24}-ort1.0.0-cpu3").write_text("a file, not a folder")
        PartsStore([folder], "f" * 64, own=own).keep(made)
        PartsStore([folder], "f" * 64, precision="int8", own=own).keep(made)
    stay = {*young, *unknown, f"{'d' * 24}-ort1.0.0-cpu3"}
    left = [{path.name for path in folder.iterdir()} for folder in (own, shared)]
    assert [names & {*old, *young, *replaced, *unknown, *stay} for names in left] == [stay, stay | set(replaced)]
    assert PartsStore([own], "f" * 64).find()
    assert PartsStore([own], "f" * 64, precision="int8").find()


def test_two_processes_can_split_the_same_voice_at_once(tmp_path):
    model = copied(DUO, tmp_path)
    both = [loading(model), loading(model)]
    said = [process.communicate(timeout=60)[0].split() for process in both]
    assert said == [["begins", "True"]] * 2
    assert len(parts_of(model)) == 1
    assert not list(model.with_name(model.name + ".parts").glob(f"{UNFINISHED}*"))


def test_a_kill_while_splitting_is_survived(tmp_path, scheduler):
    """The kill falls as soon as the first file of the parts begins to be written."""
    model = copied(DUO, tmp_path)
    parts = model.with_name(model.name + ".parts")
    with loading(model) as process:
        while process.poll() is None and not list(parts.glob(f"{UNFINISHED}*/*")):
            os.sched_yield()
        process.kill()
    with contextlib.suppress(FileNotFoundError):
        assert parts_of(model) == []
    assert list(parts.glob(f"{UNFINISHED}*"))
    assert VitsVoice.load(model, scheduler=scheduler).is_split
    assert len(parts_of(model)) == 1


WITHOUT_ONNX = """
import sys
sys.modules["onnx"] = None
"""


def test_without_the_onnx_package_a_voice_speaks_whole_unless_its_parts_are_there(tmp_path):
    model = copied(DUO, tmp_path)
    command = [sys.executable, "-c", WITHOUT_ONNX + LOAD, str(model)]
    surroundings = {**os.environ, "PYTHONPATH": str(SOURCES)}
    assert subprocess.check_output(command, env=surroundings, text=True).split() == ["begins", "False"]
    assert loading(model).communicate(timeout=60)[0].split() == ["begins", "True"]
    assert subprocess.check_output(command, env=surroundings, text=True).split() == ["begins", "True"]
