"""The sentence after, begun while the one before it is still spoken, so that no core waits between two sentences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from portevoix.audio import AudioChunk
from portevoix.casting import Candidate
from portevoix.engine import Delivery
from portevoix.speech import Utterance
from portevoix.tasks import end_tasks

SECONDS_PER_CHARACTER = 0.05
"""How long a character is heard at least; the rest of a sentence is taken to be this short, never too long."""


class HeadStart:
    """Let one engine begin with a sentence that is likely to be asked for next; belongs to one event loop.

    The engine computes in this process and orders its work by when it is heard, so that nobody who is listening waits
    for it. What comes of it is kept until somebody asks for the same sentence, or it is closed.
    """

    def __init__(self, candidate: Candidate, asked: Utterance) -> None:
        """Begin at once."""
        self._candidate = candidate
        self._asked = asked
        self._chunks = candidate.level.stream(asked)
        self._first = asyncio.create_task(anext(self._chunks, None), name=f"head start of {candidate.level.name}")

    def fits(self, candidate: Candidate, asked: Utterance) -> bool:
        """Return whether this is what is asked for now."""
        return candidate == self._candidate and asked.sound == self._asked.sound

    async def stream(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield the sentence, from its beginning; to be asked for once.

        Raises:
            EngineError: as the level's own stream.
        """
        async with aclosing(self._chunks) as rest:
            first = await self._first
            if first is not None:
                yield first
                async for chunk in rest:
                    yield chunk

    async def aclose(self) -> None:
        """Stop the work, unless somebody else asked for the same."""
        await end_tasks(self._first)
        await self._chunks.aclose()


def can_start_ahead(candidate: Candidate) -> bool:
    """Return whether an engine may work on two sentences of one listener: it computes in here, and is well."""
    level = candidate.level
    return level.engine.delivery is Delivery.FRAMES and level.refusal(candidate.voice) is None


def later(utterance: Utterance, spoken: str, seconds_spoken: float) -> Utterance:
    """Return the utterance that follows, with the time that is left until `spoken` has been heard.

    Args:
        utterance: what follows; its slack is what the listener has ready now.
        spoken: the sentence that is being spoken.
        seconds_spoken: how much of it is ready.
    """
    left = len(spoken) * SECONDS_PER_CHARACTER / utterance.speed - seconds_spoken
    return replace(utterance, slack_seconds=utterance.slack_seconds + max(0.0, left))
