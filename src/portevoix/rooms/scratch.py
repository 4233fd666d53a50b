"""A private folder for passing files, gone at the end, and swept by the next one if its owner was killed."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from portevoix.locks import try_lock

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".lock"


class ScratchFolder:
    """Own one folder below `parent`.

    A locked file beside the folder tells that its owner lives: the lock ends with the process, however that ends.

    Attributes:
        path: the folder; only this user may enter it.
    """

    def __init__(self, parent: Path) -> None:
        """Make the folder, and remove those that dead owners have left in `parent`.

        Raises:
            OSError: `parent` cannot be made or written.
        """
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock_path = parent / f"{name}{SUFFIX}"
        self._lock = self._lock_path.open("wb")
        try_lock(self._lock)
        self.path = parent / name
        self.path.mkdir(mode=0o700)

    def close(self) -> None:
        """Remove the folder with everything in it; safe to call again."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
        self._lock_path.unlink(missing_ok=True)


def _sweep(parent: Path) -> None:
    for lock_path in parent.glob(f"*{SUFFIX}"):
        with suppress(OSError), lock_path.open("r+b") as lock:
            try_lock(lock)
            shutil.rmtree(lock_path.with_suffix(""), ignore_errors=True)
            lock_path.unlink(missing_ok=True)
