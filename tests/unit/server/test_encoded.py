from __future__ import annotations

import numpy as np
import pytest

from portevoix.audio import AudioChunk
from portevoix.server.encoded import EncodedClips


def clip(level: float, seconds: float = 0.2):
    half = np.full(round(seconds * 8000), level, np.float32)
    return [AudioChunk(half, 16_000), AudioChunk(half, 16_000)]


@pytest.mark.parametrize("format_name", ["mp3", "wav"])
async def test_the_same_audio_is_encoded_once(format_name):
    clips = EncodedClips()
    first = await clips.encode(format_name, 16_000, clip(0.5))
    assert await clips.encode(format_name, 16_000, clip(0.5)) is first


async def test_other_audio_rates_and_formats_are_other_clips():
    clips = EncodedClips()
    made = [
        await clips.encode("wav", 16_000, clip(0.5)), await clips.encode("wav", 16_000, clip(0.25)),
        await clips.encode("wav", 24_000, clip(0.5)), await clips.encode("flac", 16_000, clip(0.5)),
    ]  # fmt: skip
    assert len(set(made)) == 4


async def test_is_bounded_and_forgets_what_was_not_asked_for():
    clips = EncodedClips(max_bytes=15_000)
    first, second = await clips.encode("wav", 16_000, clip(0.1)), await clips.encode("wav", 16_000, clip(0.2))
    assert await clips.encode("wav", 16_000, clip(0.1)) is first
    await clips.encode("wav", 16_000, clip(0.3))
    assert await clips.encode("wav", 16_000, clip(0.1)) is first
    assert await clips.encode("wav", 16_000, clip(0.2)) is not second


async def test_what_is_larger_than_all_of_it_is_not_kept():
    clips = EncodedClips(max_bytes=100)
    assert await clips.encode("wav", 16_000, clip(0.5)) is not await clips.encode("wav", 16_000, clip(0.5))
