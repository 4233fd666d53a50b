from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future

import pytest

from portevoix.loop_thread import LoopThread


@pytest.fixture
def thread():
    thread = LoopThread("test")
    yield thread
    thread.close()


async def where() -> tuple[str, int]:
    return threading.current_thread().name, id(asyncio.get_running_loop())


def test_all_work_has_one_loop_whoever_asks(thread: LoopThread) -> None:
    first = asyncio.run(thread.run(where()))
    assert first == asyncio.run(thread.run(where())) == thread.wait(where())
    assert first[0] == "test"


def test_nothing_runs_before_it_is_asked_and_after_it_is_closed(thread: LoopThread) -> None:
    thread.close()
    assert not thread.is_running
    thread.wait(where())
    assert thread.is_running
    thread.close()
    assert not thread.is_running
    assert "test" not in {one.name for one in threading.enumerate()}
    assert thread.wait(where())[0] == "test"


async def test_errors_come_out_as_they_are(thread: LoopThread) -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await thread.run(fail())


class Forever:
    """Work that does not end by itself, and tells that it was cancelled."""

    def __init__(self) -> None:
        self.begun: Future[None] = Future()
        self.ended: Future[str] = Future()

    async def run(self) -> None:
        self.begun.set_result(None)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ended.set_result("cancelled")
            raise


async def test_who_is_cancelled_cancels_the_work(thread: LoopThread) -> None:
    work = Forever()
    waiting = asyncio.create_task(thread.run(work.run()))
    await asyncio.wrap_future(work.begun)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.wrap_future(work.ended) == "cancelled"


def test_closing_ends_what_still_runs(thread: LoopThread) -> None:
    work = Forever()
    caught: Future[BaseException] = Future()

    def wait() -> None:
        try:
            thread.wait(work.run())
        except CancelledError as error:
            caught.set_result(error)

    caller = threading.Thread(target=wait)
    caller.start()
    work.begun.result(timeout=60)
    thread.close()
    assert work.ended.result(timeout=60) == "cancelled"
    assert isinstance(caught.result(timeout=60), CancelledError)
    caller.join()
