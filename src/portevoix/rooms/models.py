"""What heavy engines read of a model's folder before they load it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from portevoix.errors import EngineError, ModelBroken
from portevoix.speech import Voice


def read_config(path: Path) -> dict[str, Any]:
    """Return a JSON file's object.

    Raises:
        ModelBroken: it cannot be read, or is no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelBroken(f"{path.name} of {path.parent.name} cannot be read", f"{error}"[:200]) from error
    if not isinstance(content, dict):
        raise ModelBroken(f"{path.name} of {path.parent.name} cannot be read", "it is no JSON object")
    return content


def signature_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file of a folder is replaced: names, sizes, times; one level deep."""
    try:
        return tuple(sorted((entry.name, *stamp_of(Path(entry.path))) for entry in os.scandir(folder)))
    except OSError:
        return ()


def fingerprint_of(folder: Path) -> str:
    """Return what identifies the model in a folder, cheaply: 16 hexadecimal digits from names, sizes and times."""
    return hashlib.sha256(repr(signature_of(folder)).encode()).hexdigest()[:16]


def presence_of(fault: EngineError | None, folder: Path) -> dict[str, Any]:
    """Return what a voice says about the model in `folder` that it needs, of which `fault` is what is wrong."""
    if fault is None:
        return {"is_installed": True, "fingerprint": fingerprint_of(folder)}
    return {"is_installed": False, "why_not": str(fault), "hint": fault.hint}


def prints_of(voices: Iterable[Voice]) -> dict[str, str]:
    """Return the fingerprints of the voices that are here, by name."""
    return {voice.name: voice.fingerprint for voice in voices if voice.is_installed}


def are_replaced(loaded: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Return whether files of a voice that was loaded were replaced; ones that are gone were not."""
    return any(here.get(name, fingerprint) != fingerprint for name, fingerprint in loaded.items())


def stamp_of(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and the time of its last change, zeros where it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)
    return stat.st_size, stat.st_mtime_ns


def is_there(path: Path) -> bool:
    """Tell whether there is a folder, or a file that is not empty."""
    return path.is_dir() or stamp_of(path)[0] > 0
