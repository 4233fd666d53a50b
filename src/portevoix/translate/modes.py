"""Apertium's modes: for each direction a file with the programs that translate, one behind the other."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portevoix.translate.languages import short

PROGRAM = "apertium"
_NAME = re.compile(r"([a-z]{2,3})-([a-z]{2,3})")
_ARGUMENTS = {"$1": "-n", "$2": ""}
"""What stands for the arguments of a mode: words that are not known keep no mark, and nothing is told about choices."""


@dataclass(frozen=True, slots=True)
class Mode:
    """Describe one direction.

    Attributes:
        name: as `eng-spa`.
        source: language it reads.
        target: language it writes.
        path: the file.
    """

    name: str
    source: str
    target: str
    path: Path

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """Return the programs and their arguments, each told to answer at every NUL.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no pipeline.
        """
        return parse(self.path.read_text("utf-8"))


def find_modes(folder: Path) -> tuple[Mode, ...]:
    """Return the modes in a folder that lead from one language to another; those of regions and norms are left out."""
    found = []
    for path in sorted(folder.glob("*.mode")):
        match = _NAME.fullmatch(path.stem)
        if match and short(match[1]) != short(match[2]):
            found.append(Mode(path.stem, short(match[1]), short(match[2]), path))
    return tuple(found)


def modes_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return where Apertium's modes are, or None where it is not installed."""
    if named := environ.get("APERTIUM_DATADIR"):
        return Path(named) / "modes"
    program = shutil.which(PROGRAM)
    return Path(program).resolve().parent.parent / "share" / "apertium" / "modes" if program else None


def parse(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the programs of a mode, with `-z` as their first argument.

    Raises:
        ValueError: it is no pipeline.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            stages.append([])
        elif argument := _ARGUMENTS.get(word, word):
            stages[-1].append(argument)
    if not all(stages):
        raise ValueError("a stage of the pipeline is empty")
    return tuple((program, "-z", *arguments) for program, *arguments in stages)
