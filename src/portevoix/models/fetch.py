"""Fetch files in a process of its own: `python -m portevoix.models.fetch`.

The order comes as one line of JSON on standard input, the steps leave as lines of JSON on standard output. The process
ends when standard input does, and may be killed at any time: what has arrived lies in `*.incomplete` and is continued
by the next one. Nothing lies in its place before it is whole and checked.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx

from portevoix.errors import DiskFull, NotWritable, PortevoixError
from portevoix.models.answers import (
    Interrupted,
    Statement,
    range_begin,
    range_total,
    require_file,
    statement_of,
    translated,
)
from portevoix.models.checksums import checksum
from portevoix.models.faults import DownloadCorrupt, DownloadStalled, FetchError, HubBadAnswer, HubUnreachable
from portevoix.models.order import Order, OrderedFile

PAUSES_SECONDS = (0.3, 1.0)
"""Before each new attempt after one that brought nothing; after these the fetch has failed."""

WORTHWHILE_BYTES = 65_536
"""An attempt that brought this much was none in vain."""

CONNECT_SECONDS = 5.0
TELL_SECONDS = 0.1
LOCK_SECONDS = 0.5

Tell = Callable[..., None]

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def fetch(order: Order, tell: Tell) -> None:
    """Fetch what is missing of an order, then put it in its place.

    Raises:
        PortevoixError: what went wrong, in the words of the house.
    """
    folder = order.files[0].place.parent
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f".{order.name}.lock", tell):
            missing = [file for file in order.files if not _is_in_place(file)]
            require_room(folder, sum(map(_missing_bytes, missing)), order.spare_bytes)
            timeout = httpx.Timeout(order.patience_seconds, connect=min(CONNECT_SECONDS, order.patience_seconds))
            with httpx.Client(timeout=timeout, follow_redirects=True) as client:
                arrived = sum(_size_of(file.place) for file in order.files if file not in missing)
                for number, file in enumerate(missing, 1):
                    after = sum(one.size_bytes for one in missing[number:])
                    arrived += _Transfer(file, order, client, tell, (arrived, after)).run()
            for file in missing:
                file.incomplete.replace(file.place)


def require_room(folder: Path, needed_bytes: int, spare_bytes: int) -> None:
    """Make sure that a disk has room.

    Raises:
        DiskFull: it has not.
    """
    free = shutil.disk_usage(folder).free
    if needed_bytes and needed_bytes + spare_bytes > free:
        raise DiskFull(
            "there is no room for the download",
            f"{needed_bytes / 1e6:.0f} MB and {spare_bytes / 1e6:.0f} MB to spare are needed in {folder}, "
            f"{free / 1e6:.0f} MB are free",
            "Make room there, or choose another data_folder.",
        )


class _Transfer:
    """Bring one file to its place before last: whole, checked, and still called incomplete."""

    def __init__(
        self, file: OrderedFile, order: Order, client: httpx.Client, tell: Tell, around: tuple[int, int]
    ) -> None:
        """Bring `file` of `order`; `around` is the size of the files before and after it."""
        self._file = file
        self._order = order
        self._client = client
        self._tell = tell
        self._before, self._after = around
        self._stated = Statement()
        self._next_telling = 0.0
        self._is_second_copy = False

    def run(self) -> int:
        """Return the file's size in bytes once it is there and as it should be."""
        in_vain = 0
        while True:
            before = _size_of(self._file.incomplete)
            try:
                self._receive()
                return self._check()
            except Interrupted as interrupted:
                brought = _size_of(self._file.incomplete) - before
                in_vain = 0 if brought >= WORTHWHILE_BYTES else in_vain + 1
                if in_vain > len(PAUSES_SECONDS):
                    raise interrupted.error from interrupted
                self._pause(interrupted, in_vain)

    def _pause(self, interrupted: Interrupted, in_vain: int) -> None:
        """Wait before another attempt; after a silence there has been waiting enough."""
        if in_vain and not isinstance(interrupted.error, DownloadStalled):
            self._tell("pausing")
            time.sleep(max(PAUSES_SECONDS[in_vain - 1], interrupted.pause_seconds))

    def _receive(self) -> None:
        have = _size_of(self._file.incomplete)
        headers = {"Accept-Encoding": "identity", "User-Agent": "portevoix"}
        if have:
            headers["Range"] = f"bytes={have}-"
        if self._order.token:
            headers["Authorization"] = f"Bearer {self._order.token}"
        try:
            with self._client.stream("GET", self._file.url, headers=headers) as answer:
                self._take(answer, have)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error, self._file.url) from error

    def _take(self, answer: httpx.Response, have: int) -> None:
        self._stated = statement_of(answer)
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if have != (range_total(answer) or -1):
                self._begin_anew()
            return
        require_file(answer, self._file, has_token=bool(self._order.token))
        begin = have if answer.status_code == httpx.codes.PARTIAL_CONTENT else 0
        if begin and range_begin(answer) != begin:
            self._begin_anew()
        total = begin + int(answer.headers.get("content-length", 0))
        self._require_size(total)
        require_room(self._file.place.parent, total - begin, self._order.spare_bytes)
        self._tell("size", total=self._before + total + self._after, done=self._before + begin)
        self._write(answer, begin)

    def _write(self, answer: httpx.Response, begin: int) -> None:
        with self._file.incomplete.open("ab" if begin else "wb") as sink:
            done = begin
            for piece in answer.iter_raw():
                sink.write(piece)
                done += len(piece)
                self._tell_now_and_then("bytes", self._before + done)
            sink.flush()
            os.fsync(sink.fileno())

    def _require_size(self, total: int) -> None:
        expected = self._stated.size_bytes or self._file.size_bytes
        if total and expected and total != expected:
            raise DownloadCorrupt(
                f"{self._file.place.name} is not what was published",
                f"the hub sends {total} bytes where there should be {expected}", CORRUPT_HINT,
            )  # fmt: skip

    def _check(self) -> int:
        """Return the size; a wrong checksum is worth one more copy, since a part may be of another time."""
        wanted, algorithm = self._expected()
        size = _size_of(self._file.incomplete)
        if size < (self._stated.size_bytes or self._file.size_bytes):
            raise Interrupted(HubUnreachable(f"{self._file.place.name} did not arrive whole", f"{size} bytes did"))
        found = checksum(self._file.incomplete, algorithm, self._tell_checking) if algorithm else wanted
        if found == wanted:
            return size
        self._file.incomplete.unlink(missing_ok=True)
        if self._is_second_copy:
            raise DownloadCorrupt(f"{self._file.place.name} is not what was published",
                                  f"its {algorithm} is {found}, not {wanted}", CORRUPT_HINT)  # fmt: skip
        self._is_second_copy = True
        raise Interrupted(FetchError(f"{self._file.place.name} arrived damaged"))

    def _expected(self) -> tuple[str, str]:
        """Return the best checksum that is known, and how it is made; the catalogue's own comes first."""
        known = ((self._file.sha256, "sha256"), (self._stated.sha256, "sha256"), (self._stated.blob, "blob"),
                 (self._file.md5, "md5"))  # fmt: skip
        return next(((value, algorithm) for value, algorithm in known if value), ("", ""))

    def _begin_anew(self) -> None:
        self._file.incomplete.unlink(missing_ok=True)
        raise Interrupted(HubBadAnswer("the hub cannot continue a download", "it sends another part than was asked"))

    def _tell_checking(self, done: int) -> None:
        self._tell("checking", checked=done)

    def _tell_now_and_then(self, event: str, done: int) -> None:
        now = time.monotonic()
        if now >= self._next_telling:
            self._next_telling = now + TELL_SECONDS
            self._tell(event, done=done)


CORRUPT_HINT = "Try again later, or name another mirror with HF_ENDPOINT."


def _is_in_place(file: OrderedFile) -> bool:
    return file.place.is_file() and _size_of(file.place) == (file.size_bytes or _size_of(file.place))


def _missing_bytes(file: OrderedFile) -> int:
    return max(0, file.size_bytes - _size_of(file.incomplete))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _writing(folder: Path) -> Generator[None, None, None]:
    """Translate what a disk says."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{folder} is full", error.strerror or "", "Make room there, then go on.") from error
        raise NotWritable(f"{folder} cannot be written", error.strerror or str(error),
                          "Correct its permissions, or choose another data_folder.") from error  # fmt: skip


@contextmanager
def _locked(path: Path, tell: Tell) -> Generator[None, None, None]:
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


def main() -> None:
    """Fetch what standard input orders."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _tell("begun")
    try:
        fetch(Order.parse(line), _tell)
    except PortevoixError as error:
        _tell("failed", code=error.code, what=error.what, why=error.why, hint=error.hint)
        return
    _tell("done")


def _tell(event: str, **facts: Any) -> None:
    try:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)


def _leave_with_parent() -> None:
    """End the process when standard input ends; the lock that the reader of a stream would hold is not taken."""
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
