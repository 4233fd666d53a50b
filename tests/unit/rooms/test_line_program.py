"""Programs that answer lines with files, on real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import sys
import wave
from io import BytesIO
from pathlib import Path

import pytest

from portevoix.errors import EngineFailed, EngineTimeout
from portevoix.rooms.line_program import LineProgram, ProgramPlan

PROGRAM = Path(__file__).with_name("scripted_program.py")


def plan(folder, manner="plain", **changes):
    command = [sys.executable, str(PROGRAM), manner, str(folder)]
    return ProgramPlan("program", command, folder, "a", hint="Look at it.", **changes)


def length_said(wav):
    """Return how long the line was, as the program wrote it into its samples."""
    with wave.open(BytesIO(wav)) as file:
        return int.from_bytes(file.readframes(1), "little")


@pytest.fixture
async def program(tmp_path):
    program = await LineProgram.start(plan(tmp_path))
    yield program
    await program.aclose()


@pytest.mark.parametrize("manner", ["plain", "early", "grandchild"])
async def test_each_line_gets_its_own_file(tmp_path, manner):
    program = await LineProgram.start(plan(tmp_path, manner))
    for line in ("Bonjour", "", "été 😀 \ud800", "x" * 5000):
        assert length_said(await program.answer(line, 30)) == len(line)
    await program.aclose()
    assert list(tmp_path.glob("*.wav")) == []


@pytest.mark.parametrize(("manner", "kind", "words"), [
    ("gone", EngineFailed, "Unable to find voice"), ("mute", EngineTimeout, "did not answer in 1 s"),
])  # fmt: skip
async def test_a_start_that_fails_says_why(tmp_path, manner, kind, words):
    with pytest.raises(kind, match=words) as caught:
        await LineProgram.start(plan(tmp_path, manner, ready_seconds=1.0))
    assert caught.value.hint == "Look at it."


async def test_a_program_that_is_not_there_says_so(tmp_path):
    with pytest.raises(EngineFailed, match="no-such-program"):
        await LineProgram.start(ProgramPlan("program", ["no-such-program"], tmp_path, "a"))


async def test_what_it_says_is_logged_with_the_request_and_without_the_line(program, caplog):
    caplog.set_level(logging.DEBUG, "portevoix")
    await program.answer("Zibeline", 30, "r7")
    said = [record for record in caplog.records if record.getMessage() == "worker.said"]
    assert {(record.worker, record.pid, record.request_id) for record in said} == {("program", program.pid, "r7")}
    assert any(record.line.endswith("remark about '▒'") for record in said)
    assert "Zibeline" not in str([vars(record) for record in caplog.records])


async def test_death_in_the_middle_is_told_at_once(program):
    with pytest.raises(EngineFailed, match="its process ended"):
        await program.answer("die", 30)
    assert program.gone.is_set()
    with pytest.raises(EngineFailed):
        await program.answer("after", 30)


async def test_a_hung_program_is_killed(program):
    with pytest.raises(EngineTimeout, match="did not answer"):
        await program.answer("hang", 0.2)
    assert program.gone.is_set()


async def test_a_file_that_stays_short_is_a_failure(tmp_path):
    program = await LineProgram.start(plan(tmp_path, "cut"))
    with pytest.raises(EngineFailed, match="cut short"):
        await program.answer("Bonjour", 30)
    await program.aclose()


async def test_a_line_that_nobody_waits_for_is_finished_and_forgotten(program, tmp_path):
    impatient = asyncio.create_task(program.answer("one", 30))
    await asyncio.sleep(0)
    impatient.cancel()
    await program.idle.wait()
    assert length_said(await program.answer("three", 30)) == 5
    assert list(tmp_path.glob("*.wav")) == []


async def test_a_program_that_goes_on_with_what_nobody_waits_for_is_killed(tmp_path):
    program = await LineProgram.start(plan(tmp_path, cancel_seconds=0.1))
    impatient = asyncio.create_task(program.answer("hang", 30))
    await asyncio.sleep(0)
    impatient.cancel()
    await program.gone.wait()
    await program.aclose()


async def test_closing_leaves_nothing(tmp_path):
    program = await LineProgram.start(plan(tmp_path, "grandchild"))
    grandchild = int((tmp_path / "grandchild").read_text())
    descriptors = [os.pidfd_open(program.pid), os.pidfd_open(grandchild)]
    await program.aclose()
    for descriptor in descriptors:
        assert select.select([descriptor], [], [])[0]
        os.close(descriptor)
