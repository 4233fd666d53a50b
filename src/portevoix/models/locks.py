"""Locks by which several programs fetch a model once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from portevoix.locks import drop_lock, take_lock

LOCK_SECONDS = 0.5


def lock_of(folder: Path, name: str) -> Path:
    """Return the lock of a model that is kept in a folder."""
    return folder / f".{name}.lock"


@contextmanager
def locked(path: Path, tell: Callable[[str], object]) -> Generator[None, None, None]:
    """Be the only process that fetches this model; another one is waited for."""
    while (lock := take_lock(path)) is None:
        tell("waiting")
        time.sleep(LOCK_SECONDS)
    try:
        yield
    finally:
        drop_lock(lock, path)
