"""Whole clips as bytes, so that what is asked for again and again is not encoded again and again."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from portevoix.cache.recent import Recent
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
        self._clips: Recent[tuple[str, int, bytes], bytes] = Recent(max_bytes, lambda _, content: len(content))

    async def encode(self, format_name: str, sample_rate: int, chunks: Sequence[AudioChunk]) -> bytes:
        """Return a complete file of all chunks, made now or before.

        Raises:
            UnknownFormat: this machine cannot write the format.
        """
        key = (format_name, sample_rate, _digest(chunks))
        content = self._clips.get(key)
        if content is None:
            content = await encode_whole(format_name, sample_rate, chunks)
            self._clips.put(key, content)
        return content


def _digest(chunks: Sequence[AudioChunk]) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for chunk in chunks:
        digest.update(chunk.samples.tobytes())
    return digest.digest()
