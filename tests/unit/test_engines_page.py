"""The page about engines names every engine there is, with the languages and the licence that the engine states."""

from __future__ import annotations

import re
from pathlib import Path

from portevoix.registry import built_in_engines
from portevoix.rooms.housed import Housed

PAGE = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")


def rows() -> dict[str, list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row for row in cells}


def test_every_engine_has_a_row() -> None:
    names = {re.sub(r"_\d+$", "", name) for name in built_in_engines()}
    assert names == set(rows())


def test_the_rows_of_heavy_engines_say_what_the_engines_say() -> None:
    for name, kind in built_in_engines().items():
        if issubclass(kind, Housed):
            row = rows()[name]
            assert kind.licence in row[5]
            assert row[3].startswith("yes") is kind.can_clone
            assert row[4].startswith("yes") is (kind.delivery.value == "frames")
            if kind.languages and len(kind.languages) > 1:
                assert set(kind.languages) == set(row[2].split())
