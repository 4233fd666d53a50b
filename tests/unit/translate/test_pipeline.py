from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.errors import EngineDied, EngineFailed, EngineTimeout
from portevoix.translate.pipeline import Garbled, Pipeline, _abandon, escape, unescape
from tests.rooms import until
from tests.translating import needs_sed

CAT = ("cat",)
CHATS = ("sed", "-z", "-u", "s/cat/chat/g")


def program(source):
    """Return a stage that is a Python program; `answer(text)` gives what it makes of each text."""
    loop = """
import sys
held = b""
while chunk := sys.stdin.buffer.raw.read(65536):
    held += chunk
    *texts, held = held.split(b"\\0")
    for text in texts:
        sys.stdout.buffer.write(answer(text) + b"\\0")
        sys.stdout.buffer.flush()
"""
    return (sys.executable, "-c", source + loop)


@pytest.fixture
async def started():
    pipelines = []

    async def start(*commands):
        pipelines.append(await Pipeline.start("test", commands))
        return pipelines[-1]

    yield start
    await asyncio.gather(*(pipeline.aclose() for pipeline in pipelines))


@needs_sed
async def test_texts_go_through_all_stages_one_after_another(started):
    pipeline = await started(CAT, CHATS, CAT)
    assert [await pipeline.ask(f"the cat {number}") for number in range(50)] == [
        f"the chat {number}" for number in range(50)
    ]


@pytest.mark.parametrize(
    "text", ["[a] {b} <c> @d ^e$ f/g \\h", "a\0b", "line\nbreak", "\u00e9 😀 \ud800", "[1] [2]", "\\"]
)
async def test_any_text_comes_back_as_it_was(started, text):
    pipeline = await started(CAT)
    expected = text.replace("\0", "").encode("utf-8", "replace").decode()
    assert await pipeline.ask(text) == expected
    assert await pipeline.ask("the next one") == "the next one"


@given(st.text())
def test_escaping_is_undone(text):
    assert unescape(escape(text)) == text.replace("\0", "")


@pytest.mark.parametrize("victim", [0, 1, 2])
async def test_a_killed_stage_is_seen_and_no_answer_is_made_up(started, victim):
    pipeline = await started(CAT, CAT, CAT)
    os.kill(pipeline.pids[victim], signal.SIGKILL)
    with pytest.raises(EngineDied):
        while True:
            await pipeline.ask("hello")
    assert not pipeline.is_alive()
    with pytest.raises(EngineDied):
        await pipeline.ask("hello")


async def test_an_answer_to_another_question_is_refused(started):
    late = program("""
former = b"[1]Test 1.[1]"
def answer(text):
    global former
    former, given = text, former
    return given
""")
    pipeline = await started(late)
    with pytest.raises(Garbled):
        await pipeline.ask("hello")
    assert not pipeline.is_alive()


async def test_half_an_answer_is_refused(started):
    pipeline = await started(program("def answer(text): return text if b'Test' in text else text[:-4]"))
    with pytest.raises(Garbled):
        await pipeline.ask("hello")


async def test_an_empty_answer_is_refused(started):
    pipeline = await started(program("def answer(text): return text.replace(b'hello', b' ')"))
    with pytest.raises(Garbled, match="empty"):
        await pipeline.ask("hello")


async def test_a_stage_that_stops_is_given_up(started):
    pipeline = await started(CAT)
    os.kill(pipeline.pids[0], signal.SIGSTOP)
    with pytest.raises(EngineTimeout):
        await pipeline.ask("hello", 0.05)
    assert not pipeline.is_alive()


async def test_whoever_is_cancelled_leaves_nothing_for_the_next(started):
    pipeline = await started(CAT)
    os.kill(pipeline.pids[0], signal.SIGSTOP)
    asking = asyncio.create_task(pipeline.ask("mine"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not pipeline.is_alive()


async def test_a_text_that_is_too_large_is_refused(started):
    pipeline = await started(CAT)
    with pytest.raises(EngineFailed, match="large"):
        await pipeline.ask("x" * 70_000)
    assert await pipeline.ask("hello") == "hello"


@pytest.mark.parametrize("command", [("no-such-program",), ("false",), ("cat", "--no-such-option")])
async def test_what_does_not_start_is_told_and_nothing_is_left(command):
    with pytest.raises(EngineFailed):
        await Pipeline.start("test", [CAT, command, CAT])


async def test_nothing_is_left_after_closing():
    pipeline = await Pipeline.start("test", [CAT, CAT])
    await pipeline.aclose()
    for pid in pipeline.pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_whoever_leaves_while_programs_are_started_leaves_none_running(tmp_path):
    sign = tmp_path / "pid"
    starting = asyncio.create_task(
        Pipeline.start("test", [("sh", "-c", f"echo $$ > {sign}.new; mv {sign}.new {sign}; exec cat"), CAT])
    )
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    if sign.exists():
        await until(lambda: is_gone(int(sign.read_text())))


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_programs_that_go_slowly_keep_nobody_waiting():
    may_go, has_gone = threading.Event(), threading.Event()

    class Slow:
        stdin = stdout = None

        def kill(self):
            pass

        def wait(self):
            may_go.wait(30)
            has_gone.set()

    spawning = asyncio.get_running_loop().create_future()
    spawning.set_result([Slow()])
    _abandon(spawning)
    assert not has_gone.is_set()
    may_go.set()
    await until(has_gone.is_set)
