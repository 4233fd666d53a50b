"""Speech with the times of its characters: one JSON object, or one a line as it is spoken."""

from __future__ import annotations

import base64
import json
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from portevoix.server.elevenlabs.alignment import Aligner, Alignment
from portevoix.server.elevenlabs.context import MESSAGE_BYTES
from portevoix.server.elevenlabs.speech import Manner, encode_clip
from portevoix.server.encoding import encode_through
from portevoix.server.sending import begin_answer, send_piece

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from starlette.types import Send

    from portevoix.audio import AudioChunk
    from portevoix.server.clip import Clip
    from portevoix.server.elevenlabs.formats import OutputFormat

MEDIA_TYPE = "application/json"


def describe_timed(audio: bytes, alignment: Alignment | None) -> dict[str, Any]:
    """Return audio and the times of its characters, which are those of the prepared text under both names."""
    times = alignment and alignment.in_seconds()
    return {"audio_base64": base64.b64encode(audio).decode(), "alignment": times, "normalized_alignment": times}


async def _send_whole(clip: Clip, output: OutputFormat, facts: Mapping[str, str], send: Send) -> None:
    aligner = Aligner(is_absolute=True)
    for chunk in clip.gathered:
        aligner.add(chunk.marks)
    content = json.dumps(describe_timed(await encode_clip(clip, output), aligner.take())).encode()
    await begin_answer(send, {"Content-Type": MEDIA_TYPE, **facts, "Content-Length": str(len(content))})
    await send_piece(send, content)


async def _send_lines(clip: Clip, output: OutputFormat, facts: Mapping[str, str], send: Send) -> None:
    """Send a line for each piece of audio, with the characters that became known meanwhile."""
    aligner = Aligner(is_absolute=True)
    make = partial(output.encoder, clip.sample_rate)
    await begin_answer(send, {"Content-Type": MEDIA_TYPE, **facts})
    async with aclosing(encode_through(make, _noted(clip, aligner), is_light=output.recipe is None)) as pieces:
        async for piece in pieces:
            for start in range(0, len(piece), MESSAGE_BYTES):
                await send_piece(send, _line(piece[start : start + MESSAGE_BYTES], aligner.take()))
    if (rest := aligner.take()) is not None:
        await send_piece(send, _line(b"", rest))


async def _noted(clip: Clip, aligner: Aligner) -> AsyncGenerator[AudioChunk, None]:
    async with aclosing(clip.chunks()) as chunks:
        async for chunk in chunks:
            aligner.add(chunk.marks)
            yield chunk


def _line(audio: bytes, alignment: Alignment | None) -> bytes:
    return json.dumps(describe_timed(audio, alignment)).encode() + b"\n"


TIMED_CLIP = Manner(False, _send_whole, _send_lines)
TIMED_STREAM = Manner(True, _send_lines, _send_lines)
