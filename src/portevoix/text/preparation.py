"""From a text to what is said of it, sentence by sentence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from portevoix.text.sanitize import sanitize
from portevoix.text.sentences import SentenceSplitter
from portevoix.text.speakable import is_speakable

PORTION_CHARACTERS = 4000
"""How much of a text is prepared at once: some milliseconds in which the event loop does nothing else."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Prepare texts.

    Attributes:
        max_piece_length: longest sentence in characters; a longer one is cut.
        sanitizes_text: emoji, markup and control characters are taken out.
        respell: changes how words of a sentence are written, before anything else is done to it.
    """

    max_piece_length: int
    sanitizes_text: bool
    respell: Callable[[str], str]

    async def sentences(self, text: str, more: AsyncIterator[str] | None = None) -> AsyncGenerator[list[str], None]:
        """Yield what is to be said, each sentence as early as it is certain, with those that are certain already.

        Args:
            text: the beginning.
            more: what follows, arriving meanwhile.
        """
        splitter = SentenceSplitter(self.max_piece_length)
        last = max(0, len(text) - 1) // PORTION_CHARACTERS * PORTION_CHARACTERS
        for begin in range(0, last, PORTION_CHARACTERS):
            yield self._prepared(splitter.feed(text[begin : begin + PORTION_CHARACTERS]))
            await asyncio.sleep(0)  # nothing in it may have been worth speaking
        known = splitter.feed(text[last:])
        if more is not None:
            yield self._prepared(known)
            async for arrived in more:
                yield self._prepared(splitter.feed(arrived))
            known = []
        yield self._prepared([*known, *splitter.finish()])

    def _prepared(self, pieces: Iterable[str]) -> list[str]:
        return [prepared for piece in pieces if (prepared := self._prepare(piece))]

    def _prepare(self, piece: str) -> str:
        piece = self.respell(piece)
        text = sanitize(piece) if self.sanitizes_text else piece.replace("\0", " ")
        return text.strip() if is_speakable(text) else ""
