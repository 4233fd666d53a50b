"""Locks on files that end with their process, however that ends."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOCK_SECONDS = 0.5
"""Pause between two attempts to get a lock that another process has."""

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[bytes]) -> None:
        """Lock a file at once.

        Raises:
            OSError: somebody else has it.
        """
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def share_lock(file: IO[bytes]) -> None:
        """Do nothing: this system has no locks to share, and does not move folders that are in use."""

else:
    import fcntl

    def try_lock(file: IO[bytes]) -> None:
        """Lock a file at once.

        Raises:
            OSError: somebody else has it.
        """
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def share_lock(file: IO[bytes]) -> None:
        """Lock a file together with others that share it, waiting while one has it alone."""
        fcntl.flock(file, fcntl.LOCK_SH)


def take_lock(path: Path) -> IO[bytes] | None:
    """Return the locked file at `path`, made where it is missing; None while another process has it.

    Closing the file gives the lock back; so does the end of the process, and of every child that inherited the file.

    Raises:
        OSError: the file cannot be made.
    """
    file = path.open("wb")
    try:
        try_lock(file)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise
    file.close()
    return None


def wait_for_lock(take: Callable[[], IO[bytes] | None], tell: Callable[[str], object]) -> IO[bytes]:
    """Return what `take` returns, asked again and again while it is None; `tell` hears `waiting` each time."""
    while (lock := take()) is None:
        tell("waiting")
        time.sleep(LOCK_SECONDS)
    return lock


def drop_lock(file: IO[bytes], path: Path) -> None:
    """Give back what `take_lock` returned, and leave no file."""
    with suppress(OSError):
        path.unlink()
    file.close()


def is_locked(path: Path) -> bool:
    """Tell whether some process holds the file at `path`, alone or shared."""
    with suppress(OSError), path.open("rb") as file:
        try:
            try_lock(file)
        except OSError:
            return True
    return False
