"""What an engine made of a recording, kept as one small file for each recording and model."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

MOST_PREPARATIONS = 200
"""Files that are kept; the ones that were used longest ago go first."""


class Preparations:
    """Keep prepared voices in a folder, which several processes may share."""

    def __init__(self, folder: Path, model: str, suffix: str, most: int = MOST_PREPARATIONS) -> None:
        """Keep them in `folder` for a model (its fingerprint); `suffix` is the files', with its dot."""
        self._folder = folder
        self._model = model
        self._suffix = suffix
        self._most = most

    def path(self, digest: str, make: Callable[[Path], None]) -> Path:
        """Return the file for a recording, by its digest, calling `make` to write it where it is not there.

        `make` gets a path beside the final one; a failure or a kill leaves nothing that counts.
        """
        path = self._folder / f"{self._model}-{digest}{self._suffix}"
        if path.is_file():
            with suppress(OSError):
                os.utime(path)
            return path
        self._folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            make(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._sweep()
        return path

    def read(self, digest: str, make: Callable[[Path], None], read: Callable[[Path], T]) -> T:
        """Return what `read` makes of the file for a recording; one that it cannot read is made anew."""
        path = self.path(digest, make)
        try:
            return read(path)
        except Exception:  # noqa: BLE001 - whatever a foreign package says to a file that is no longer whole
            self.forget(digest)
            return read(self.path(digest, make))

    def forget(self, digest: str) -> None:
        """Take a file away, as one that cannot be read."""
        (self._folder / f"{self._model}-{digest}{self._suffix}").unlink(missing_ok=True)

    def _sweep(self) -> None:
        kept = sorted(self._folder.glob(f"[!.]*{self._suffix}"), key=_age, reverse=True)
        for path in kept[self._most :]:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
