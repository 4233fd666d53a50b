"""What a program writes, cut into lines."""

from __future__ import annotations

LONGEST_LINE_BYTES = 65_536
"""A line without an end is cut here: what a program writes may not fill the memory."""


def cut(unfinished: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines that are complete once `data` has come behind what was `unfinished`, and what is left.

    Lines are without their ends; a carriage return, by which programs draw over a line, ends one too. Empty ones are
    left out.
    """
    *lines, rest = (unfinished + data).replace(b"\r", b"\n").split(b"\n")
    if len(rest) > LONGEST_LINE_BYTES:
        lines, rest = [*lines, rest], b""
    return list(filter(None, lines)), rest
