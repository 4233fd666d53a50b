from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.errors import EngineDied, EngineFailed
from portevoix.logs import JsonLines, fields_of
from portevoix.rooms.hearsay import LONGEST_LINE, Hearsay, last_words
from portevoix.rooms.room import Room
from portevoix.rooms.worker import RoomPlan
from portevoix.speech import Utterance, Voice

ROOT = Path(__file__).parents[3]
PLAN = RoomPlan(
    "gossip", "tests.unit.rooms.gossip:Gossip", environment={"PYTHONPATH": str(ROOT)},
    ready_seconds=60.0, cancel_seconds=30.0, beat_seconds=10.0,
)  # fmt: skip
VOICE = Voice("somebody", "gossip", "fr")
SECRET = "Zibeline quarante Élégamment"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, "portevoix")
    return caplog


@pytest.fixture
async def room():
    room = Room(PLAN)
    yield room
    await room.aclose()


async def speak(room: Room, text: str = SECRET, request_id: str = "r7") -> None:
    utterance = replace(Utterance(text, VOICE, "fr"), request_id=request_id)
    async with aclosing(room.stream(utterance)) as chunks:
        async for _ in chunks:
            pass


def records(log, event: str) -> list[logging.LogRecord]:
    return [record for record in log.records if record.getMessage() == event]


def written(log) -> str:
    return "\n".join(f"{record.getMessage()} {fields_of(record)}" for record in log.records)


async def said(log, event: str, count: int = 1) -> list[logging.LogRecord]:
    """Wait until something has come through the pipe."""
    async with asyncio.timeout(30):
        while len(found := records(log, event)) < count:  # noqa: ASYNC110 - another process's pipe
            await asyncio.sleep(0.005)
    return found


async def test_what_a_worker_logs_is_logged_here_with_its_level_fields_and_request(room, log):
    await speak(room)
    (told,) = await said(log, "gossip.told")
    assert (told.name, told.levelno, told.request_id, told.count) == ("portevoix.gossip", logging.WARNING, "r7", 3)
    assert (told.worker, told.pid) == ("gossip", room.processes()[0])
    (whispered,) = await said(log, "gossip.whispered")
    assert whispered.levelno == logging.DEBUG


async def test_each_request_has_its_own_name(room, log):
    for name in ("r1", "r2"):
        await speak(room, request_id=name)
    assert [record.request_id for record in await said(log, "gossip.told", 2)] == ["r1", "r2"]


async def test_no_word_of_the_text_gets_through_whatever_a_library_does(room, log):
    await speak(room)
    await said(log, "worker.said", 2)
    with pytest.raises(EngineFailed) as failure:
        await speak(room, f"crash {SECRET}")
    await said(log, "worker.said", 4)
    for word in ("zibeline", "quarante", "élégamment", "gamment"):
        assert word not in (written(log) + str(failure.value)).lower()
    assert "ValueError: unknown word in" in failure.value.why


async def test_a_worker_keeps_to_the_level_of_this_process(caplog):
    caplog.set_level(logging.WARNING, "portevoix")
    room = Room(PLAN)
    await speak(room)
    await said(caplog, "gossip.told")
    assert not records(caplog, "gossip.whispered")
    assert not records(caplog, "worker.said")
    await room.aclose()


async def test_a_worker_that_ends_by_itself_leaves_its_last_words_and_exit_code(room, log):
    with pytest.raises(EngineDied):
        await speak(room, f"leave {SECRET}")
    (ended,) = await said(log, "worker.ended")
    assert (ended.exit_code, ended.request_id) == (7, "r7")
    assert ended.last_words.startswith("out of memory at")
    assert "Zibeline" not in ended.last_words


async def test_a_worker_that_is_closed_leaves_quietly(log):
    room = Room(PLAN)
    await speak(room)
    await room.aclose()
    assert not records(log, "worker.ended")


def test_anything_on_standard_error_is_borne(log):
    hearsay = Hearsay("x")
    evil = [b"", b"{", b"[1]", b'{"event": 1}', b"\xff\xfe", b"x" * 100_000, b'{"event":"e","level":[],"logger":null}',
            b'{"event":"e","level":"WARNING","logger":"l","msg":"%s","args":[1],"name":2,"exc_info":true}']  # fmt: skip
    for line in evil:
        hearsay.take(line)
    for record in log.records:
        JsonLines().format(record)
    assert max(len(record.line) for record in records(log, "worker.said")) == LONGEST_LINE


def test_last_words_are_those_of_people():
    failed = b'{"event": "x.failed", "level": "ERROR", "logger": "l", "exception": "Trace\\nOops: it broke"}'
    lines = [b"early", failed, b" "]
    assert last_words(lines) == "Oops: it broke"
    assert last_words(lines[:1]) == "early"
    assert last_words([]) == ""
