"""Text that arrives on standard input."""

from __future__ import annotations

import codecs
import os
from typing import TYPE_CHECKING

from portevoix.cli import blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PIECE_BYTES = 65_536


class IncomingText:
    """Read a file descriptor as UTF-8, piece by piece as it arrives.

    Attributes:
        beginning: the first characters, as far as they have arrived.
        has_broken_bytes: something was not UTF-8 and became a replacement character.
    """

    BEGINNING_CHARACTERS = 200

    def __init__(self, descriptor: int) -> None:
        """Read from `descriptor`, which stays the caller's."""
        self._descriptor = descriptor
        self.beginning = ""
        self.has_broken_bytes = False

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the text until its end; nothing is read before it is asked for."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        is_open = True
        while is_open:
            content = await blocking.call(os.read, self._descriptor, PIECE_BYTES)
            is_open = bool(content)
            if text := decoder.decode(content, final=not is_open):
                self._note(text)
                yield text

    def _note(self, text: str) -> None:
        self.beginning = (self.beginning + text)[: self.BEGINNING_CHARACTERS]
        self.has_broken_bytes = self.has_broken_bytes or "\ufffd" in text
