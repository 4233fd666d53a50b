"""Rooms on real processes: a scripted synthesizer does in there what its text says."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineFailed, EngineTimeout, EngineUnavailable, InvalidParameter
from portevoix.rooms.room import Room
from portevoix.rooms.worker import RoomPlan
from portevoix.speech import Utterance, Voice

ROOT = Path(__file__).parents[3]
MODULE = "tests.unit.rooms.scripted_synthesizer"
VOICE = Voice("somebody", "scripted", "fr-FR", 8000)
PLAN = RoomPlan(
    "scripted", f"{MODULE}:Scripted", environment={"PYTHONPATH": str(ROOT)},
    ready_seconds=60.0, cancel_seconds=30.0, beat_seconds=10.0,
)  # fmt: skip
"""Limits so wide that a busy machine never meets them; a test of a limit sets its own."""
ODD_TEXTS = ["été", "😀😀", "\ud800", "a\0b", "a\nb\r\n", "مرحبا", " ", "x" * 100_000]


def utterance(text="speak"):
    return Utterance(text, VOICE, "fr")


async def chunks_of(room, text="speak"):
    async with aclosing(room.stream(utterance(text))) as chunks:
        return [chunk async for chunk in chunks]


def wait_for_end(pid):
    """Wait until a process that may be nobody's child is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


@pytest.fixture
async def room():
    room = Room(PLAN)
    yield room
    await room.aclose()


async def test_it_hands_over_samples_and_marks_as_they_are(room):
    await room.start()
    assert room.voices() == (replace(VOICE, speakers=("one", "two")),)
    chunks = await chunks_of(room)
    assert [chunk.samples[0] for chunk in chunks] == pytest.approx([0, 0.001, 0.002, 0.003, 0.004])
    assert all(chunk.samples.dtype == np.float32 and len(chunk.samples) == 800 for chunk in chunks)
    assert [chunk.marks[0].start for chunk in chunks] == [0, 1, 2, 3, 4]
    assert {chunk.sample_rate for chunk in chunks} == {8000}


async def test_it_starts_by_itself_when_it_is_asked_to_speak(room):
    assert room.state().phase is Phase.IDLE
    assert len(await chunks_of(room)) == 5
    assert room.state().phase is Phase.READY


async def test_any_text_passes_unharmed():
    room = Room(replace(PLAN, factory=f"{MODULE}:Echo"))
    for text in ODD_TEXTS:
        (chunk,) = await chunks_of(room, text)
        assert "".join(chr(int(point)) for point in chunk.samples) == text
    await room.aclose()


async def test_a_text_beyond_the_limit_does_not_block_the_next(room):
    with pytest.raises(ValueError, match="too large"):
        await chunks_of(room, "x" * (17 << 20))
    assert len(await chunks_of(room)) == 5


async def test_several_starts_make_one_process(room):
    await asyncio.gather(*(room.start() for _ in range(5)))
    (pid,) = room.processes()
    await room.start()
    assert room.processes() == (pid,)


@pytest.mark.parametrize(
    ("plan", "kind", "words"),
    [
        (replace(PLAN, options={"on_start": "refuse"}), EngineUnavailable, "no voice here: it is switched off"),
        (replace(PLAN, options={"on_start": "raise"}), EngineFailed, "boom at start"),
        (replace(PLAN, options={"on_start": "die"}), EngineFailed, "last words"),
        (replace(PLAN, options={"on_start": "hang"}, ready_seconds=1.0), EngineTimeout, "not ready in 1 s"),
        (replace(PLAN, options={"no_such": 1}), EngineFailed, "no_such"),
        (replace(PLAN, factory="no_such_package:X"), EngineUnavailable, "no_such_package"),
        (replace(PLAN, python="no-such-python"), EngineFailed, "no-such-python"),
    ],
)
async def test_a_start_that_fails_says_why_and_leaves_nothing(plan, kind, words):
    room = Room(plan)
    with pytest.raises(kind, match=words):
        await room.start()
    assert room.state().phase is Phase.UNAVAILABLE
    assert room.state().code == kind.code
    assert room.processes() == ()
    await room.aclose()


@pytest.mark.parametrize(("text", "kind"), [
    ("raise", EngineFailed), ("fail", EngineFailed), ("refuse", InvalidParameter),
])  # fmt: skip
async def test_an_error_inside_costs_the_sentence_and_not_the_process(room, text, kind):
    await room.start()
    before = room.processes()
    with pytest.raises(kind):
        await chunks_of(room, text)
    assert len(await chunks_of(room)) == 5
    assert room.processes() == before


async def test_an_error_of_the_house_keeps_its_three_parts(room):
    with pytest.raises(EngineFailed) as caught:
        await chunks_of(room, "fail")
    error = caught.value
    assert (error.what, error.why, error.hint) == ("the model broke", "a tensor is missing", "Fetch it again.")


@pytest.mark.parametrize(("text", "words", "limits"), [
    ("die", "its process ended", {}),
    ("garbage", "cannot be understood", {}),
    ("grandchild", "its process ended", {}),
    ("stop", "no sign of life", {"beat_seconds": 0.5, "missed_beats": 10}),
    ("leak", "MiB of memory", {"beat_seconds": 0.1, "missed_beats": 600, "memory_limit_bytes": 300 << 20}),
])  # fmt: skip
async def test_a_worker_that_is_lost_costs_one_sentence(text, words, limits):
    room = Room(replace(PLAN, **limits))
    await room.start()
    before = room.processes()
    with pytest.raises(EngineFailed, match=words):
        await chunks_of(room, text)
    assert len(await chunks_of(room)) == 5
    assert room.processes() != before
    await room.aclose()


async def test_a_worker_that_dies_while_it_is_idle_is_replaced_before_anybody_asks(room):
    await room.start()
    before = room.processes()
    os.kill(before[0], signal.SIGKILL)
    assert len(await chunks_of(room)) == 5
    assert room.processes() != before


@pytest.mark.parametrize("taken", [0, 1, 3, 5])
async def test_closing_at_any_stage_keeps_the_process_for_the_next(room, taken):
    await room.start()
    before = room.processes()
    stream = room.stream(utterance())
    for _ in range(taken):
        await anext(stream)
    await stream.aclose()
    assert len(await chunks_of(room)) == 5
    assert room.processes() == before


async def test_cancelling_one_that_waits_its_turn_disturbs_nobody(room):
    first = room.stream(utterance())
    await anext(first)
    second = asyncio.create_task(chunks_of(room))
    third = asyncio.create_task(chunks_of(room))
    await asyncio.sleep(0)
    second.cancel()
    await first.aclose()
    assert len(await third) == 5
    assert second.cancelled()


async def test_a_worker_that_does_not_stop_is_killed_and_replaced(tmp_path):
    record = tmp_path / "record"
    room = Room(replace(PLAN, options={"record": str(record)}, cancel_seconds=0.25))
    await room.start()
    before = room.processes()
    stream = room.stream(utterance("hang"))
    await anext(stream)
    while "acts" not in record.read_text():  # noqa: ASYNC110 - until the real process has got there
        await asyncio.sleep(0)
    await stream.aclose()
    assert len(await chunks_of(room)) == 5
    assert room.processes() != before
    wait_for_end(before[0])
    await room.aclose()


async def test_utterances_take_turns(room):
    spoken = await asyncio.gather(*(chunks_of(room) for _ in range(4)))
    for chunks in spoken:
        assert [chunk.marks[0].start for chunk in chunks] == [0, 1, 2, 3, 4]


async def test_it_works_only_a_few_chunks_ahead(tmp_path):
    record = tmp_path / "record"
    room = Room(replace(PLAN, options={"chunks": 500, "record": str(record)}, ahead_chunks=3))
    stream = room.stream(utterance())
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    async with aclosing(room.stream(utterance())) as following:
        await anext(following)
    worked = record.read_text().split("\n0\n")[0].split()
    assert len(worked) <= 4
    await room.aclose()


async def test_closing_lets_the_synthesizer_close_and_leaves_nothing(tmp_path):
    record = tmp_path / "record"
    room = Room(replace(PLAN, options={"record": str(record)}))
    await chunks_of(room)
    (pid,) = room.processes()
    await room.aclose()
    assert record.read_text().split()[-1] == "closed"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(EngineUnavailable, match="closed"):
        await chunks_of(room)


async def test_closing_ends_a_stopped_worker_and_the_sentence_it_was_at():
    room = Room(PLAN)
    stream = room.stream(utterance("stop"))
    await anext(stream)
    (pid,) = room.processes()
    rest = asyncio.create_task(_drain(stream))
    await asyncio.sleep(0)
    await room.aclose()
    with pytest.raises(EngineFailed):
        await rest
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def _drain(stream):
    async with aclosing(stream):
        async for _ in stream:
            pass


async def test_after_deaths_in_a_row_it_says_that_it_rests(tmp_path):
    resting, go_on, pauses = asyncio.Event(), asyncio.Event(), []

    async def rest(seconds):
        pauses.append(seconds)
        resting.set()
        await go_on.wait()

    room = Room(PLAN, rest=rest)
    for _ in range(2):
        with pytest.raises(EngineFailed):
            await chunks_of(room, "die")
    await resting.wait()
    with pytest.raises(EngineUnavailable, match="rests"):
        await chunks_of(room)
    go_on.set()
    while room.state().phase is not Phase.READY:  # noqa: ASYNC110 - until real processes have moved
        await asyncio.sleep(0)
    assert len(await chunks_of(room)) == 5
    assert pauses == [0.5]
    await room.aclose()


def test_a_worker_does_not_outlive_its_parent():
    script = f"""
import asyncio, os, sys
from portevoix.rooms.room import Room
from portevoix.rooms.worker import RoomPlan

async def main():
    room = Room(RoomPlan("x", "{MODULE}:Scripted", environment={{"PYTHONPATH": {str(ROOT)!r}}}))
    await room.start()
    print(room.processes()[0], flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    wait_for_end(int(done.stdout))
