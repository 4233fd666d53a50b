"""Speech as server-sent events, in the words of OpenAI's speech API."""

from __future__ import annotations

import base64
from contextlib import aclosing
from typing import TYPE_CHECKING

from portevoix.errors import PortevoixError
from portevoix.server.changes import data_event
from portevoix.server.errors import error_body
from portevoix.server.pauses import with_pauses

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from portevoix.speech import SpeechReport, WordMark

KEEP_ALIVE = b": still speaking\n\n"
DELTA_BYTES = 12_288
"""Most audio in one event: whole samples, whole groups of base64, and lines that line readers can take."""

OUTPUT_UNITS_PER_SECOND = 20
"""What `output_tokens` counts: pieces of 50 ms."""


async def encode_events(
    pieces: AsyncGenerator[bytes, None], take_words: Callable[[], Sequence[WordMark]] = tuple
) -> AsyncGenerator[bytes, None]:
    """Yield each piece as events, and a comment whenever nothing came for 15 s.

    Args:
        pieces: the bytes to carry; owned.
        take_words: returns the words whose times became known since it was asked last; they are told before the
            piece that came with them.

    Raises:
        PortevoixError: what `pieces` raised, after an event that tells it.
    """
    async with aclosing(with_pauses(pieces)) as heard:
        try:
            async for piece in heard:
                if piece is None:
                    yield KEEP_ALIVE
                    continue
                for word in take_words():
                    yield _word_event(word)
                for start in range(0, len(piece), DELTA_BYTES):
                    audio = base64.b64encode(piece[start : start + DELTA_BYTES]).decode()
                    yield data_event({"type": "speech.audio.delta", "audio": audio})
            for word in take_words():
                yield _word_event(word)
        except PortevoixError as error:
            yield data_event({"type": "error", **error_body(error)})
            raise


def done_event(text: str, report: SpeechReport) -> bytes:
    """Return the last event: how much it was, and what happened while the audio was under way."""
    said, heard = len(text), round(report.audio_seconds * OUTPUT_UNITS_PER_SECOND)
    usage = {"input_tokens": said, "output_tokens": heard, "total_tokens": said + heard}
    outcome = {
        "engine": report.engine,
        "voice": report.voice,
        "fallback": report.why_degraded or None,
        "cache": "hit" if report.is_cached else "miss",
        "audio_seconds": round(report.audio_seconds, 3),
    }
    return data_event({"type": "speech.audio.done", "usage": usage, "portevoix": outcome})


def _word_event(word: WordMark) -> bytes:
    return data_event({
        "type": "speech.word", "text": word.text,
        "start_seconds": round(word.start_seconds, 3), "end_seconds": round(word.end_seconds, 3),
        "phonemes": [{"phoneme": one, "end_seconds": round(end, 3)} for one, end in word.phonemes],
    })  # fmt: skip
