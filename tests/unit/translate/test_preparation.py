from __future__ import annotations

import asyncio
import shutil
import sys

import pytest

from portevoix.errors import EngineUnavailable, MachineError, ModelBroken, ModelMissing, NotWritable
from portevoix.locks import drop_lock, take_lock
from portevoix.models.locks import lock_of
from portevoix.rooms.environments import EnvironmentShelf
from portevoix.translate.conversion import convert, digest
from portevoix.translate.preparation import prepare_model
from tests.translating import MODEL


@pytest.fixture
def weights(tmp_path):
    """Return a folder that looks like published weights."""
    folder = tmp_path / "models" / "opus-mt-en-fr"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "marian"}')
    (folder / "source.spm").write_bytes(b"x")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    return folder


@pytest.fixture
def python(tmp_path):
    """Make interpreters that stand for that of the environment, and do what they are told in its place."""

    def make(script):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    return make


def prepare(weights, tmp_path, **options):
    target = tmp_path / "made" / weights.name
    return prepare_model(weights, target, rooms=EnvironmentShelf(tmp_path / "rooms"), **options)


async def test_the_environment_converts(weights, tmp_path, python):
    shutil.copytree(MODEL, tmp_path / "done")
    asked = f'test "$5" = {weights} && test "$8" = float16'
    program = python(f'{asked} && mkdir -p {tmp_path}/made && mv {tmp_path}/done "$6"')
    await prepare(weights, tmp_path, python=program, quantization="float16")
    assert (tmp_path / "made" / "opus-mt-en-fr" / "model.bin").is_file()


async def test_without_the_environment_it_says_how_to_install_it(weights, tmp_path):
    with pytest.raises(EngineUnavailable) as caught:
        await prepare(weights, tmp_path)
    assert "portevoix engines install neural" in caught.value.hint


async def test_without_weights_it_says_how_to_fetch_them(tmp_path):
    with pytest.raises(ModelMissing) as caught:
        await prepare(tmp_path / "opus-mt-en-fr", tmp_path)
    assert "portevoix models get opus-mt-en-fr" in caught.value.hint


async def test_what_is_converted_already_stays(weights, tmp_path):
    (tmp_path / "made" / weights.name).mkdir(parents=True)
    with pytest.raises(MachineError):
        await prepare(weights, tmp_path)


async def test_an_environment_that_lacks_its_packages_says_so(weights, tmp_path, python):
    program = python("echo 'Loading' >&2; echo \"Error: No module named 'torch'\" >&2; exit 1")
    with pytest.raises(ModelBroken, match="No module named 'torch'"):
        await prepare(weights, tmp_path, python=program)


async def test_an_interpreter_that_is_none(weights, tmp_path):
    with pytest.raises(EngineUnavailable):
        await prepare(weights, tmp_path, python=tmp_path / "nothing")


async def test_a_conversion_that_takes_too_long_or_is_left_is_ended(weights, tmp_path, python):
    program = python("exec sleep 1000")
    with pytest.raises(ModelBroken, match="took over"):
        await prepare(weights, tmp_path, python=program, limit_seconds=0.05)
    converting = asyncio.create_task(prepare(weights, tmp_path, python=program))
    await asyncio.sleep(0)
    converting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await converting


async def test_only_one_makes_a_model_and_what_a_killed_one_left_goes(weights, tmp_path, python):
    left = tmp_path / "made" / f".{weights.name}.converting"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    place = lock_of(left.parent, weights.name)
    lock = take_lock(place)
    program = python('mkdir "$6"')
    with pytest.raises(MachineError, match="is being converted"):
        await prepare(weights, tmp_path, python=program)
    drop_lock(lock, place)
    await prepare(weights, tmp_path, python=program)
    assert [path.name for path in left.parent.iterdir()] == [weights.name]


async def test_a_folder_that_cannot_be_written_is_told(weights, tmp_path, python):
    (tmp_path / "made").write_text("a file")
    with pytest.raises(NotWritable):
        await prepare(weights, tmp_path, python=python("exit 0"))


async def test_the_real_program_runs_where_this_package_is_not_installed(tmp_path):
    empty = tmp_path / "opus-mt-en-fr"
    empty.mkdir()
    with pytest.raises(ModelBroken, match=r"has no config\.json"):
        await prepare(empty, tmp_path, python=sys.executable)


def test_weights_that_lack_something_are_refused(tmp_path, weights):
    (weights / "config.json").unlink()
    with pytest.raises(FileNotFoundError):
        convert(weights, tmp_path / "made")


def test_the_checksum_is_that_of_the_weights():
    assert (MODEL / "model.bin.sha256").read_text().split()[0] == digest(MODEL / "model.bin")
