"""One file on its way: asked for, continued, checked."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from portevoix.errors import DiskFull
from portevoix.models.answers import (
    Interrupted,
    Statement,
    is_encoded,
    range_begin,
    range_total,
    require_file,
    statement_of,
    translated,
)
from portevoix.models.checksums import checksum
from portevoix.models.faults import (
    DownloadCorrupt,
    DownloadStalled,
    FetchError,
    HubBadAnswer,
    HubTokenInvalid,
    HubUnreachable,
)
from portevoix.models.order import Order, OrderedFile
from portevoix.models.sizes import size_of

PAUSES_SECONDS = (0.3, 1.0)
"""Before each new attempt after one that brought nothing; after these the fetch has failed."""

WORTHWHILE_BYTES = 65_536
"""An attempt that brought this much was none in vain."""

TELL_SECONDS = 0.1
TOKEN = re.compile(r"[!-~]+")
CORRUPT_HINT = "Try again later, or name another mirror with HF_ENDPOINT."

Tell = Callable[..., None]


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


class Transfer:
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
        """Return the file's size in bytes once it is there and as it should be.

        Raises:
            FetchError: the hub refuses, falls silent, or sends something else, again and again.
            DiskFull: there is no room for it.
        """
        in_vain = 0
        while True:
            before = size_of(self._file.incomplete)
            try:
                self._receive()
                return self._check()
            except Interrupted as interrupted:
                brought = size_of(self._file.incomplete) - before
                in_vain = 0 if brought >= WORTHWHILE_BYTES else in_vain + 1
                if in_vain > len(PAUSES_SECONDS):
                    raise interrupted.error from interrupted
                pause(interrupted, in_vain, self._tell)

    def _receive(self) -> None:
        have = size_of(self._file.incomplete)
        headers = asking(self._order) | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with self._client.stream("GET", self._file.url, headers=headers) as answer:
                self._take(answer, have)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error, self._file.url) from error

    def _take(self, answer: httpx.Response, have: int) -> None:
        self._stated = statement_of(answer)
        _, can_be_checked = self._expected()  # where it cannot, parts of two files would be taken for one
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if have != (range_total(answer) or -1) or not can_be_checked:
                self._begin_anew()
            return
        require_file(answer, self._file, has_token=bool(self._order.token))
        begin = have if answer.status_code == httpx.codes.PARTIAL_CONTENT else 0
        if begin and (range_begin(answer) != begin or is_encoded(answer) or not can_be_checked):
            self._begin_anew()
        total = self._total(answer, begin)
        require_room(self._file.place.parent, total - begin, self._order.spare_bytes)
        self._tell("size", total=self._before + total + self._after, done=self._before + begin)
        self._write(answer, begin)

    def _total(self, answer: httpx.Response, begin: int) -> int:
        """Return the size of the file, as the answer tells it where it does, else as it is known.

        Raises:
            DownloadCorrupt: the two differ.
        """
        expected = self._stated.size_bytes or self._file.size_bytes
        length = "" if is_encoded(answer) else answer.headers.get("content-length", "")
        if not length:
            return max(begin, expected)
        total = begin + int(length)
        if expected and total != expected:
            raise DownloadCorrupt(
                f"{self._file.place.name} is not what was published",
                f"the hub sends {total} bytes where there should be {expected}", CORRUPT_HINT,
            )  # fmt: skip
        return total

    def _write(self, answer: httpx.Response, begin: int) -> None:
        with self._file.incomplete.open("ab" if begin else "wb") as sink:
            done = begin
            for piece in answer.iter_bytes():
                sink.write(piece)
                done += len(piece)
                self._tell_now_and_then("bytes", self._before + done)
            sink.flush()
            os.fsync(sink.fileno())

    def _check(self) -> int:
        """Return the size; a wrong checksum is worth one more copy, since a part may be of another time."""
        wanted, algorithm = self._expected()
        size = size_of(self._file.incomplete)
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
        known = ((self._file.sha256, "sha256"), (self._file.blob, "blob"), (self._stated.sha256, "sha256"),
                 (self._stated.blob, "blob"), (self._file.md5, "md5"))  # fmt: skip
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


def pause(interrupted: Interrupted, in_vain: int, tell: Tell) -> None:
    """Wait before another attempt, the `in_vain`-th that is needed; after a silence there has been waiting enough."""
    if in_vain and not isinstance(interrupted.error, DownloadStalled):
        tell("pausing")
        time.sleep(max(PAUSES_SECONDS[in_vain - 1], interrupted.pause_seconds))


def asking(order: Order) -> dict[str, str]:
    """Return the headers of a request.

    Raises:
        HubTokenInvalid: the token is none.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "portevoix"}
    if order.token and not TOKEN.fullmatch(order.token):
        raise HubTokenInvalid("the token in HF_TOKEN cannot be sent", "it has characters that no token has",
                              "Set HF_TOKEN to a valid token, or unset it.")  # fmt: skip
    return headers | ({"Authorization": f"Bearer {order.token}"} if order.token else {})
