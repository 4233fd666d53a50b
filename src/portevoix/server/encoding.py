"""Audio to bytes without holding up the event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from portevoix.codecs import FORMATS, Encoder, complete, encoder

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
    make = partial(encoder, format_name, sample_rate)
    async with aclosing(encode_through(make, chunks, is_light=_is_light(format_name))) as pieces:
        async for piece in pieces:
            yield piece


async def encode_through(
    make: Callable[[], Encoder], chunks: AsyncGenerator[AudioChunk, None], *, is_light: bool
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of the encoder that `make` returns, as soon as they are certain; owns `chunks`.

    Args:
        make: opens an encoder for the sample rate of the chunks.
        chunks: the audio.
        is_light: encoding takes less time than a thread takes to begin.

    Raises:
        UnknownFormat: this machine cannot write the format.
    """
    async with aclosing(chunks):
        writer = await run_encoder(make, is_light=is_light)
        async for chunk in chunks:
            if encoded := await run_encoder(partial(writer.encode, chunk.samples), is_light=is_light):
                yield encoded
        if encoded := await run_encoder(writer.finish, is_light=is_light):
            yield encoded


async def encode_whole(format_name: str, sample_rate: int, chunks: Iterable[AudioChunk]) -> bytes:
    """Return a complete file with exact lengths."""
    samples = [chunk.samples for chunk in chunks]
    return await run_encoder(lambda: complete(format_name, sample_rate, samples), is_light=_is_light(format_name))


def warm_up() -> None:
    """Import what encoders need and use it once; takes a while, for a thread."""
    import numpy as np

    for name in FORMATS:
        complete(name, 22_050, [np.zeros(2205, np.float32)])


def _is_light(format_name: str) -> bool:
    """Return whether a format is only copied, which is done before a thread has begun."""
    return FORMATS[format_name].recipe is None


async def run_encoder(work: Callable[[], Result], *, is_light: bool) -> Result:
    """Return what `work` returns, done by a thread unless it is light."""
    return work() if is_light else await asyncio.to_thread(work)
