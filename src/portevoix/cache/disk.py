"""The recordings that outlive the process, without the event loop ever waiting for a disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from portevoix.cache.memory import TierStats
from portevoix.cache.shelf import Shelf, remove_index

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from portevoix.cache.recording import Recording

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

_REST_SECONDS = 60.0
"""How long a disk that failed is left alone."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DiskTier:
    """Keep recordings in a folder that several processes may share; all blocking work is on one thread of its own.

    Whatever is wrong with the disk never reaches speech: the tier steps aside, says so once in the log, finds nothing
    and keeps nothing, and tries again a minute later. A corrupted index is given up, and a new one is begun then.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        ttl_seconds: float,
        clock: Callable[[], float] = time.time,
        lock_seconds: float = 5.0,
    ) -> None:
        """Keep the settings; the folder is opened, on the thread, when it is first needed.

        Args:
            folder: holds the index and the recordings; made when it is not there.
            max_bytes: upper bound of what the recordings take on disk.
            ttl_seconds: age at which a recording is forgotten; `math.inf` for never.
            clock: seconds since the epoch.
            lock_seconds: how long a write waits for another process that writes, before it is given up.
        """
        self._folder = folder
        self._clock = clock
        self._make_shelf = partial(Shelf, folder, max_bytes, ttl_seconds, clock, lock_seconds)
        self._shelf: Shelf | None = None
        self._resting_until: float | None = None
        self._is_closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="cache-disk")
        self._hits = self._misses = self._evictions = 0

    @property
    def is_working(self) -> bool:
        """Return False from a failure of the disk until a later try goes well."""
        return self._resting_until is None

    async def open(self) -> bool:
        """Open and sweep the folder now, and return whether it works; without this, the first look-up does it."""
        await self._call(lambda _: True)
        return self.is_working

    async def get(self, key: str) -> Recording | None:
        """Return a recording that is whole and not too old."""
        found = await self.find(key)
        return found[0] if found else None

    async def find(self, key: str) -> tuple[Recording, float] | None:
        """Return a recording that is whole and not too old, with its age in seconds."""
        found = await self._call(lambda shelf: shelf.get(key))
        self._hits += found is not None
        self._misses += found is None
        return found

    def put(self, key: str, recording: Recording) -> asyncio.Future[None]:
        """Begin to keep a recording, before any look-up that is asked for later.

        Returns:
            What is done when the recording is on the disk, or has been given up; it need not be awaited.
        """
        made = self._clock()
        return self._call(lambda shelf: shelf.put(key, recording, made))

    async def clear(self) -> None:
        """Forget everything, also what other processes have put there."""
        await self._call(lambda shelf: shelf.clear())

    def stats(self) -> TierStats:
        """Return what it held after the last write, and how it has served since it was made; never waits."""
        shelf = self._shelf
        entries, size = (shelf.entries, shelf.bytes) if shelf else (0, 0)
        evictions = self._evictions + (shelf.evictions if shelf else 0)
        return TierStats(entries, size, self._hits, self._misses, evictions)

    async def aclose(self) -> None:
        """Finish what was begun and end the thread; afterwards nothing is found and nothing kept."""
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close_shelf)
        self._thread.shutdown(wait=False)

    def _call(self, work: Callable[[Shelf], _Answer]) -> asyncio.Future[_Answer | None]:
        loop = asyncio.get_running_loop()
        if not self._is_closed and not self._is_resting():
            return loop.run_in_executor(self._thread, self._run, work)
        nothing: asyncio.Future[_Answer | None] = loop.create_future()
        nothing.set_result(None)
        return nothing

    def _is_resting(self) -> bool:
        return self._resting_until is not None and self._clock() < self._resting_until

    def _run(self, work: Callable[[Shelf], _Answer]) -> _Answer | None:
        """Do the work on the shelf; called on the thread alone."""
        try:
            return work(self._opened_shelf())
        except (sqlite3.Error, OSError) as error:
            if _primary_code(error) not in _BUSY:  # a lock that another process holds is no fault of the disk
                self._step_aside(error)
            return None

    def _opened_shelf(self) -> Shelf:
        if self._shelf is None:
            self._shelf = self._make_shelf()
            if not self.is_working:
                _log.info("cache.disk_resumed", extra={"folder": str(self._folder)})
            self._resting_until = None
        return self._shelf

    def _step_aside(self, error: Exception) -> None:
        if self.is_working:
            reason = f"{type(error).__name__}: {error}"
            _log.warning("cache.disk_stepped_aside", extra={"folder": str(self._folder), "reason": reason})
        self._resting_until = self._clock() + _REST_SECONDS
        self._close_shelf()
        if _primary_code(error) in _CORRUPT:
            with suppress(OSError):
                remove_index(self._folder)

    def _close_shelf(self) -> None:
        if self._shelf is not None:
            self._evictions += self._shelf.evictions
            self._shelf.close()
            self._shelf = None


def _primary_code(error: Exception) -> int:
    """Return SQLite's own code without its extension; 0 for an error of another kind."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
