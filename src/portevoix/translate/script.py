"""What a speaker gets of a translation: the translated words alone, sentence by sentence as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from portevoix.translate.request import SentencePair
from portevoix.translate.translator import Rendering

SENTENCE_END = "\u2029"
"""Tells the speaker at once that a sentence is over; it is not spoken."""


async def script(
    rendering: Rendering, pairs: AsyncGenerator[SentencePair, None] | None = None
) -> AsyncGenerator[str, None]:
    """Yield the words to speak, never the text that they were made from; owns `pairs`.

    Args:
        rendering: what is being translated.
        pairs: its sentences as they come; those of the rendering itself when None.

    Raises:
        TranslationFailed: nobody could translate the next sentence.
    """
    async with aclosing(rendering.__aiter__() if pairs is None else pairs) as source:
        async for pair in source:
            yield pair.before + pair.target + SENTENCE_END
    yield rendering.plan.tail
