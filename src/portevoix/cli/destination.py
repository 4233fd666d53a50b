"""Where speech goes: the sound device, a file, or standard output."""

from __future__ import annotations

import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.cli.invocation import STANDARD
from portevoix.codecs import FORMATS, Format, find_format
from portevoix.errors import UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME_WORDS = 6
NAME_CHARACTERS = 48
OTHER_SUFFIXES = {".opus": "opus", ".wave": "wav", ".raw": "pcm"}


@dataclass(frozen=True, slots=True)
class Destination:
    """Say where speech goes.

    Attributes:
        output: file that was named, or None.
        is_stdout: audio goes to standard output.
        plays: audio is played.
        format: format of what is written.
    """

    output: Path | None
    is_stdout: bool
    plays: bool
    format: Format

    @property
    def writes_file(self) -> bool:
        """Tell whether a file is made, under a name that was given or one that is found."""
        return self.output is not None or not (self.plays or self.is_stdout)

    @property
    def folder(self) -> Path:
        """Return the folder of the file."""
        return Path() if self.output is None else self.output.parent


def choose(output: str | None, format_name: str | None, *, plays: bool | None, has_sound: bool) -> Destination:
    """Return where speech goes: to the sound device when nothing was asked for and there is one, else into a file.

    Raises:
        UnknownFormat: no format of that name, or none for files of that suffix.
    """
    is_stdout = output == STANDARD
    path = Path(output) if output and not is_stdout else None
    is_free = output is None and plays is None
    return Destination(path, is_stdout, bool(has_sound if is_free else plays), _format(path, format_name))


def free_name(text: str, extension: str) -> Path:
    """Return a file name made of a text's first words, in plain letters; `speech` where it has none."""
    plain = unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)[:NAME_WORDS]
    return Path(("-".join(words)[:NAME_CHARACTERS].rstrip("-") or "speech") + extension)


def known_suffixes() -> Sequence[str]:
    """Return the suffixes that name a format."""
    return [known.extension for known in FORMATS.values()] + list(OTHER_SUFFIXES)


def _format(path: Path | None, name: str | None) -> Format:
    if name is not None:
        return find_format(name.lower())
    suffix = path.suffix.lower() if path else ""
    if not suffix or not (path and _is_ordinary(path)):
        return FORMATS["wav"]
    named = next((known for known in FORMATS.values() if known.extension == suffix), None)
    if named is None and suffix in OTHER_SUFFIXES:
        named = FORMATS[OTHER_SUFFIXES[suffix]]
    if named is None:
        hint = f"End the name in {', '.join(known_suffixes())}, or give --format."
        raise UnknownFormat(f"there is no audio format for files named *{suffix}", hint=hint, param="output")
    return named


def is_special(path: Path) -> bool:
    """Tell whether a path is that of a device, a pipe or a socket."""
    mode = _mode(path)
    return mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _is_ordinary(path: Path) -> bool:
    mode = _mode(path)
    return mode is None or stat.S_ISREG(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None
