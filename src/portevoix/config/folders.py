"""Where a user's files are kept, by the XDG Base Directory Specification 0.8: its variables hold absolute paths.

Programs of the assistant's kind also run where no home exists, as in a container with a made-up user: the current
folder stands in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

PROGRAM = "portevoix"


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return the user's home, or the current folder where there is none."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or os.path.expanduser("~")  # noqa: PTH111 - never raises
    return Path(home) if Path(home).is_absolute() else Path.cwd()


def settings_folder(environ: Mapping[str, str]) -> Path:
    """Return where a user's configuration is looked for."""
    return _folder(environ, "XDG_CONFIG_HOME", ".config")


def data_folder(environ: Mapping[str, str]) -> Path:
    """Return where voices and models are kept."""
    return _folder(environ, "XDG_DATA_HOME", ".local/share")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return where things are kept that can be made again."""
    return _folder(environ, "XDG_CACHE_HOME", ".cache")


def voice_folders(data: Path) -> tuple[Path, ...]:
    """Return where voices are looked for by default: beside the program's start, then in the data folder."""
    return Path("voices"), data / "voices"


def listed_voice_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders that `PORTEVOIX_VOICES` names, separated as in `PATH`."""
    return tuple(Path(part) for part in environ.get("PORTEVOIX_VOICES", "").split(os.pathsep) if part.strip())


def _folder(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    named = environ.get(variable, "")
    parent = Path(named) if Path(named).is_absolute() else home_folder(environ) / below_home
    return parent / PROGRAM
