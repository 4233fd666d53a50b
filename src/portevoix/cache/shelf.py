"""Recordings in a folder: an index in SQLite, and one file for each recording, named by its content."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.cache.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LAYOUT = 1
"""Version of the index; one of another version is begun anew."""

_WAL_TRIES = 100
"""How often a shelf waits for others that open the same new index; each try is microseconds after the last."""

_TABLE = """
CREATE TABLE IF NOT EXISTS recordings (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, bytes INTEGER NOT NULL, made REAL NOT NULL, turn INTEGER NOT NULL
) WITHOUT ROWID
"""
_ORDER = "CREATE INDEX IF NOT EXISTS recordings_by_turn ON recordings (turn)"
_NEXT_TURN = "(SELECT COALESCE(MAX(turn), 0) + 1 FROM recordings)"


class Shelf:
    """Keep recordings on disk by blocking calls; one thread uses it, and any number of processes share the folder.

    Files are made only while the index is locked for writing: so a file without a line in the locked index is an orphan
    of a process that died, whoever else is at work, and can be swept away. A look-up takes no lock. What was cut short,
    damaged or swapped is found by its name, the SHA-256 of key and content, and is never served.

    Attributes:
        entries: recordings there were after the last write of this process.
        bytes: what they took.
        evictions: recordings that made room for those of this process.
    """

    def __init__(
        self, folder: Path, max_bytes: int, ttl_seconds: float, clock: Callable[[], float], lock_seconds: float
    ) -> None:
        """Open or make the folder, and sweep it.

        Args:
            folder: holds the index and the recordings.
            max_bytes: upper bound of what the recordings take on disk.
            ttl_seconds: age at which a recording is forgotten.
            clock: seconds since the epoch, because ages outlive the process.
            lock_seconds: how long a write waits for another process that writes.

        Raises:
            OSError: the folder cannot be made or written.
            sqlite3.Error: the index cannot be read or written, or is locked for too long.
        """
        self._files = folder / "recordings"
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        # Keys in the order of use, written down with the next write, so that a look-up never waits for a lock.
        self._used: dict[str, None] = {}
        self.entries = self.bytes = self.evictions = 0
        self._files.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index = sqlite3.connect(_index_path(folder), timeout=lock_seconds, isolation_level=None)
        try:
            self._prepare()
        except BaseException:
            self._index.close()
            raise

    def get(self, key: str) -> tuple[Recording, float] | None:
        """Return a recording and its age in seconds; None when it is unknown, too old, or not whole."""
        row = self._index.execute("SELECT name, made FROM recordings WHERE key = ?", (key,)).fetchone()
        age_seconds = max(0.0, self._clock() - row[1]) if row else 0.0
        if row is None or age_seconds >= self._ttl_seconds:
            return None
        recording = self._read(key, row[0])
        if recording is None:
            return None
        self._used.pop(key, None)
        self._used[key] = None
        return recording, age_seconds

    def put(self, key: str, recording: Recording, made: float) -> None:
        """Keep a recording made at that time, unless it alone is larger than the bound; the ones used longest ago go.

        The recording that was there before under this key is lost only when the new one is safe.
        """
        content = recording.to_bytes()
        if len(content) > self._max_bytes:
            return
        name = _name(key, content)
        with self._writing():
            before = self._index.execute("SELECT name FROM recordings WHERE key = ?", (key,)).fetchone()
            self._write(name, content)
            self._index.execute(
                f"INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, {_NEXT_TURN})",  # noqa: S608 -- a constant
                (key, name, len(content), made),
            )
            self._make_room()
        if before and before[0] != name:
            self._path(before[0]).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        with self._writing():
            self._index.execute("DELETE FROM recordings")
            self._sweep()
            self._measure()

    def close(self) -> None:
        """Write down the order of use and close the index; safe whatever state the disk is in."""
        try:
            with self._writing():
                pass
        except sqlite3.Error:  # the order of use is worth no trouble
            pass
        finally:
            self._index.close()

    def _prepare(self) -> None:
        self._enter_wal()
        self._index.execute("PRAGMA synchronous = NORMAL")
        with self._writing():
            if self._index.execute("PRAGMA user_version").fetchone()[0] != _LAYOUT:
                self._index.execute("DROP TABLE IF EXISTS recordings")
                self._index.execute(f"PRAGMA user_version = {_LAYOUT}")
            self._index.execute(_TABLE)
            self._index.execute(_ORDER)
            oldest = self._clock() - self._ttl_seconds
            self._index.execute("DELETE FROM recordings WHERE made <= ?", (oldest,))
            self._sweep()
            self._make_room()

    def _enter_wal(self) -> None:
        """Let readers and a writer work side by side; SQLite itself does not wait here for others that do the same."""
        for tries_left in reversed(range(_WAL_TRIES)):
            try:
                self._index.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not tries_left:
                    raise
                self._index.execute("BEGIN IMMEDIATE")  # this one waits
                self._index.execute("ROLLBACK")
            else:
                return

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the only write lock of all processes; what was done is undone in the index when an error leaves."""
        self._index.execute("BEGIN IMMEDIATE")
        try:
            self._write_uses()
            yield
            self._index.execute("COMMIT")
        except BaseException:
            if self._index.in_transaction:
                self._index.execute("ROLLBACK")
            raise

    def _write_uses(self) -> None:
        update = f"UPDATE recordings SET turn = {_NEXT_TURN} WHERE key = ?"  # noqa: S608 -- a constant
        for key in self._used:
            self._index.execute(update, (key,))
        self._used.clear()

    def _make_room(self) -> None:
        self._measure()
        leaving, excess = [], self.bytes - self._max_bytes
        for key, name, size in self._index.execute("SELECT key, name, bytes FROM recordings ORDER BY turn"):
            if excess <= 0:
                break
            leaving.append((key, name))
            excess -= size
        for key, name in leaving:
            self._path(name).unlink(missing_ok=True)
            self._index.execute("DELETE FROM recordings WHERE key = ?", (key,))
        if leaving:
            self.evictions += len(leaving)
            self._measure()

    def _measure(self) -> None:
        sizes = "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM recordings"
        self.entries, self.bytes = self._index.execute(sizes).fetchone()

    def _sweep(self) -> None:
        """Remove files that no line of the index names, and lines whose file is gone."""
        files = {path.name: path for path in self._files.glob("[0-9a-f][0-9a-f]/*")}
        names = {name for (name,) in self._index.execute("SELECT name FROM recordings")}
        for name in files.keys() - names:
            files[name].unlink(missing_ok=True)
        gone = [(name,) for name in names - files.keys()]
        self._index.executemany("DELETE FROM recordings WHERE name = ?", gone)

    def _path(self, name: str) -> Path:
        return self._files / name[:2] / name

    def _write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        beside = path.with_suffix(".part")
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def _read(self, key: str, name: str) -> Recording | None:
        try:
            content = self._path(name).read_bytes()
        except FileNotFoundError:  # another process has just removed it, or died while it did
            return None
        return Recording.from_bytes(content) if _name(key, content) == name else None


def remove_index(folder: Path) -> None:
    """Remove a folder's index, so that the next shelf begins anew and sweeps away the files.

    Raises:
        OSError: it cannot be removed.
    """
    for suffix in ("", "-wal", "-shm"):
        Path(f"{_index_path(folder)}{suffix}").unlink(missing_ok=True)


def _index_path(folder: Path) -> Path:
    return folder / "index.sqlite"


def _name(key: str, content: bytes) -> str:
    return sha256(b"%d:%s" % (len(key), key.encode()) + content).hexdigest()
