"""Audio to bytes without holding up the event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from portevoix.codecs import FORMATS, complete, encoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from portevoix.audio import AudioChunk

Result = TypeVar("Result")


async def encode_stream(
    format_name: str, sample_rate: int, chunks: AsyncGenerator[AudioChunk, None]
) -> AsyncGenerator[bytes, None]:
    """Yield bytes as soon as they are certain, by one encoder; owns `chunks`.

    Raises:
        UnknownFormat: this machine cannot write the format.
    """
    is_light = _is_light(format_name)
    async with aclosing(chunks):
        writer = await _run(lambda: encoder(format_name, sample_rate), is_light=is_light)
        async for chunk in chunks:
            samples = chunk.samples
            if encoded := await _run(lambda: writer.encode(samples), is_light=is_light):  # noqa: B023 - awaited here
                yield encoded
        if encoded := await _run(writer.finish, is_light=is_light):
            yield encoded


async def encode_whole(format_name: str, sample_rate: int, chunks: Iterable[AudioChunk]) -> bytes:
    """Return a complete file with exact lengths."""
    samples = [chunk.samples for chunk in chunks]
    return await _run(lambda: complete(format_name, sample_rate, samples), is_light=_is_light(format_name))


def warm_up() -> None:
    """Import what encoders need and use it once; takes a while, for a thread."""
    import numpy as np

    for name in FORMATS:
        complete(name, 22_050, [np.zeros(2205, np.float32)])


def _is_light(format_name: str) -> bool:
    """Return whether a format is only copied, which is done before a thread has begun."""
    return FORMATS[format_name].recipe is None


async def _run(work: Callable[[], Result], *, is_light: bool) -> Result:
    return work() if is_light else await asyncio.to_thread(work)
