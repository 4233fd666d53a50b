"""Locks by which several programs fetch a model once; they end with their process, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

LOCK_SECONDS = 0.5

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_of(folder: Path, name: str) -> Path:
    """Return the lock of a model that is kept in a folder."""
    return folder / f".{name}.lock"


def is_locked(path: Path) -> bool:
    """Tell whether a process is fetching the model of a lock."""
    try:
        with path.open("r+b") as lock:
            _try_lock(lock)
    except FileNotFoundError:
        return False
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return False


@contextmanager
def locked(path: Path, tell: Callable[[str], object]) -> Generator[None, None, None]:
    """Be the only process that fetches this model; another one is waited for."""
    while (lock := _lock(path)) is None:
        tell("waiting")
        time.sleep(LOCK_SECONDS)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        lock.close()


def _lock(path: Path) -> IO[bytes] | None:
    """Return the locked file, or None where another process has it, or has just removed it."""
    lock = path.open("wb")
    try:
        _try_lock(lock)
        if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            return lock
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise
    lock.close()
    return None
