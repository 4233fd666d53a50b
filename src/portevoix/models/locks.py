"""Locks by which several programs fetch a model once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from portevoix.locks import drop_lock, is_locked, take_lock, wait_for_lock
from portevoix.models.faults import ModelInUse


def lock_of(folder: Path, name: str) -> Path:
    """Return the lock of a model that is kept in a folder."""
    return folder / f".{name}.lock"


def is_fetching_into(folder: Path) -> bool:
    """Tell whether any program fetches a model into a folder."""
    return any(map(is_locked, folder.glob(".*.lock")))


def require_free(folder: Path, name: str) -> None:
    """Make sure that no program fetches a model.

    Raises:
        ModelInUse: one does.
    """
    if is_locked(lock_of(folder, name)):
        raise ModelInUse(f"{name} cannot be removed", "a program is fetching it", "Stop that first, or let it end.")


@contextmanager
def locked(path: Path, tell: Callable[[str], object]) -> Generator[None, None, None]:
    """Be the only process that fetches this model; another one is waited for."""
    lock = wait_for_lock(lambda: take_lock(path), tell)
    try:
        yield
    finally:
        drop_lock(lock, path)
