"""How words are to be spoken: what an operator writes in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Respelling:
    """Replace what regular expressions find, one after the other; the same for every engine."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        r"""Take pairs of an expression and its replacement, in which `\1` stands for its first group.

        Raises:
            re.error: an expression, or a reference in a replacement, cannot be read.
        """
        self._pairs = tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)

    def __call__(self, text: str) -> str:
        """Return the text as it is to be spoken."""
        for pattern, replacement in self._pairs:
            text = pattern.sub(replacement, text)
        return text
