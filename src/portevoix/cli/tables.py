"""Tables and JSON on stdout."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
NARROWEST = 16


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, flexible: int = 0) -> None:
    """Print rows under their columns' names.

    Args:
        columns: the names.
        rows: one value for each column; None prints as "-".
        flexible: how many of the last columns are broken into lines to fit a terminal; elsewhere nothing is broken.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    if flexible and sys.stdout.isatty():
        widths = _fitted(widths, flexible, shutil.get_terminal_size().columns)
    click.echo(click.style(_line([name.upper() for name in columns], widths), bold=True))
    for row in cells:
        for line in _lines(row, widths):
            click.echo(line)


def print_json(value: Any) -> None:
    """Print a value as JSON, dataclasses as objects; in ASCII where the terminal knows no more."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(value, indent=2, ensure_ascii=not is_unicode, default=_jsonable))


def _jsonable(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def _cell(value: object) -> str:
    return "-" if value is None else " ".join(str(value).split())


def _fitted(widths: list[int], flexible: int, terminal: int) -> list[int]:
    """Return widths that fit a terminal, taken from the widest of the flexible columns."""
    fixed, free = widths[:-flexible], widths[-flexible:]
    room = terminal - sum(fixed) - len(GAP) * (len(widths) - 1)
    while sum(free) > room and max(free) > NARROWEST:
        free[free.index(max(free))] -= 1
    return [*fixed, *free]


def _lines(row: list[str], widths: list[int]) -> list[str]:
    broken = [textwrap.wrap(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, broken))
    filled = [lines + [""] * (height - len(lines)) for lines in broken]
    return [_line(cells, widths) for cells in zip(*filled, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
