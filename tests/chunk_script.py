"""A source of chunks that follows a script, and tells what was done to it."""

from __future__ import annotations

import asyncio

from tests.recordings import chunk


class Script:
    """Make streams that yield chunks, wait and fail as told.

    A step is a number of seconds to wait, an exception to raise, `...` to wait for ever, or a chunk to yield.
    `stubborn` streams take that many seconds to stop.
    """

    def __init__(self, *steps, stubborn_seconds=0.0):
        self.steps = steps
        self.stubborn_seconds = stubborn_seconds
        self.starts = self.pulled = self.closed = 0

    async def stream(self):
        self.starts += 1
        try:
            for step in self.steps:
                if isinstance(step, BaseException):
                    raise step
                if step is ...:
                    await asyncio.Event().wait()
                elif isinstance(step, int | float):
                    await asyncio.sleep(step)
                else:
                    self.pulled += 1
                    yield step
        finally:
            if self.stubborn_seconds:
                await asyncio.sleep(self.stubborn_seconds)
            self.closed += 1


def pieces(count, seconds=0.1):
    return [chunk(seconds, level=(number + 1) / (count + 1)) for number in range(count)]


async def collect(stream):
    return [piece async for piece in stream]


async def collect_into(heard, stream, pause=None):
    """Append to `heard` as chunks come, so that it tells what was there before an error."""
    async for piece in stream:
        heard.append(piece)
        if pause is not None:
            await pause()
