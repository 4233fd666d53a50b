"""First audio as a bar chart, written as SVG by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, BAR, GAP, LEFT, TOP = 860, 18, 14, 250, 56
COLOURS = ("#0b6e4f", "#c44536", "#d08c60", "#5b6c8f", "#888888")


def chart(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """Return bars of the medians of first audio, in milliseconds on a logarithmic scale, grouped by text."""
    groups = list(dict.fromkeys(row["text"] for row in rows))
    names = list(dict.fromkeys(row["who"] for row in rows))
    largest = max(row["first"]["median"] for row in rows)
    body, top = [], TOP
    for group in groups:
        body.append(_text(12, top + BAR, group, weight="bold"))
        for row in (row for row in rows if row["text"] == group):
            colour = COLOURS[names.index(row["who"]) % len(COLOURS)]
            body.append(_bar(top, row["who"], row["first"]["median"], largest, colour))
            top += BAR + 4
        top += GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" font-family="sans-serif">'
    ground = f'<rect width="{WIDTH}" height="{top}" fill="white"/>'
    return "\n".join([head, ground, _text(12, 28, title, weight="bold", size=16), *body, "</svg>"]) + "\n"


def _bar(top: int, name: str, value: float, largest: float, colour: str) -> str:
    length = (WIDTH - LEFT - 90) * math.log10(1 + value) / math.log10(1 + largest)
    return (
        _text(LEFT - 8, top + BAR - 4, name, anchor="end")
        + f'<rect x="{LEFT}" y="{top}" width="{length:.0f}" height="{BAR}" fill="{colour}"/>'
        + _text(LEFT + length + 6, top + BAR - 4, f"{value:.0f} ms")
    )


def _text(left: float, top: float, words: str, *, weight: str = "normal", size: int = 13, anchor: str = "start") -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text x="{left:.0f}" y="{top:.0f}" {style}>{escape(words)}</text>'
