"""Whole clips as bytes, so that what is asked for again and again is not encoded again and again."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from portevoix.server.encoding import encode_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.audio import AudioChunk

MAX_BYTES = 32_000_000
DIGEST_BYTES = 16


class EncodedClips:
    """Keep encoded clips by the samples they were made of, least recently used first to go; from one event loop.

    A clip is found by its own audio, so it can never be somebody else's, and never outdated.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """Keep at most `max_bytes`."""
        self._max_bytes = max_bytes
        self._clips: OrderedDict[tuple[str, int, bytes], bytes] = OrderedDict()
        self._size_bytes = 0

    async def encode(self, format_name: str, sample_rate: int, chunks: Sequence[AudioChunk]) -> bytes:
        """Return a complete file of all chunks, made now or before.

        Raises:
            UnknownFormat: this machine cannot write the format.
        """
        key = (format_name, sample_rate, _digest(chunks))
        if key in self._clips:
            self._clips.move_to_end(key)
            return self._clips[key]
        content = await encode_whole(format_name, sample_rate, chunks)
        self._keep(key, content)
        return content

    def _keep(self, key: tuple[str, int, bytes], content: bytes) -> None:
        if key in self._clips or len(content) > self._max_bytes:
            return
        self._clips[key] = content
        self._size_bytes += len(content)
        while self._size_bytes > self._max_bytes:
            _, dropped = self._clips.popitem(last=False)
            self._size_bytes -= len(dropped)


def _digest(chunks: Sequence[AudioChunk]) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for chunk in chunks:
        digest.update(chunk.samples.tobytes())
    return digest.digest()
