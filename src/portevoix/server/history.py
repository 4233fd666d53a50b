"""The configurations that have been in force: the last ten, on disk, so that the latest survives a restart."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from portevoix.errors import NotWritable
from portevoix.server.files import replace_file

logger = logging.getLogger(__name__)

FOLDER_NAME = "configurations"
INDEX_NAME = "index.json"
KEPT = 10

How = Literal["start", "apply"]


@dataclass(frozen=True, slots=True)
class Record:
    """Tell of one configuration that has been in force.

    Attributes:
        id: counts up, from 1.
        time: when it was put in force first, in Unix seconds.
        hash: fingerprint of its settings.
        name: what its file was called.
        who: who put it in force: a key's id, an address, or "" for the start.
        how: how it was.
        after: id of what was in force before it, 0 where nothing was.
        digest: SHA-256 of its content.
    """

    id: int
    time: float
    hash: str
    name: str = ""
    who: str = ""
    how: How = "start"
    after: int = 0
    digest: str = ""


class History:
    """Keep records with their contents; one process writes.

    Attributes:
        records: the oldest first.
        in_force: id of what is in force, 0 before the first.
    """

    def __init__(self, folder: Path | None, wall_clock: Callable[[], float] = time.time) -> None:
        """Read what is in `folder`, where what is damaged counts as nothing; None: nothing outlives the process."""
        self.records: tuple[Record, ...] = ()
        self.in_force = 0
        self._folder = folder
        self._wall_clock = wall_clock
        self._start_digest = ""
        self._contents: dict[int, bytes] = {}
        self._read()

    @property
    def current(self) -> Record | None:
        """Return the record of what is in force."""
        return self.find(self.in_force)

    def find(self, record_id: int) -> Record | None:
        """Return a record that is still kept."""
        return next((record for record in self.records if record.id == record_id), None)

    def content(self, record: Record) -> bytes | None:
        """Return a record's configuration as it was written, or None where it is gone or was changed."""
        content = self._contents.get(record.id)
        if content is None and self._folder is not None:
            with suppress(OSError):
                content = _place(self._folder, record.id).read_bytes()
        return content if content is not None and digest_of(content) == record.digest else None

    def applied(self, start_content: bytes) -> tuple[Record, bytes] | None:
        """Return what is to be in force after a restart in place of the file that the server is started with.

        That is what was put in force last, unless the file has been changed since: then the file has the last word.
        """
        record = self.current
        digest = digest_of(start_content)
        if record is None or record.digest == digest or self._start_digest != digest:
            return None
        content = self.content(record)
        return None if content is None else (record, content)

    def begin(self, start_content: bytes, name: str, fingerprint: str) -> Record:
        """Note with what the server starts; a disk that cannot be written costs the memory of it, never the start."""
        digest = digest_of(start_content)
        known = self.current
        self._start_digest = digest
        if known is None or known.digest != digest:
            known = self._record(start_content, name, fingerprint, "", "start")
        self._put(known, start_content)
        try:
            self._keep(known, start_content)
            self._write_index()
        except NotWritable as error:
            logger.warning("config.history_not_kept", extra={"why": str(error), "hint": error.hint})
        return known

    def resume(self, record: Record) -> None:
        """Note that the server starts with what had been put in force before."""
        self.in_force = record.id

    def prepare(self, content: bytes, name: str, fingerprint: str, who: str) -> Record:
        """Keep a configuration that is about to be put in force, and return its record; `put` says that it is.

        Raises:
            NotWritable: it could not be kept over a restart.
        """
        record = self._record(content, name, fingerprint, who, "apply")
        self._keep(record, content)
        return record

    def put(self, record: Record, content: bytes | None = None) -> None:
        """Note what is in force now.

        Raises:
            NotWritable: it could not be kept over a restart; it is noted nevertheless.
        """
        self._put(record, content)
        self._write_index()

    def _put(self, record: Record, content: bytes | None) -> None:
        if content is not None:
            self._contents[record.id] = content
        if self.find(record.id) is None:
            self.records = (*self.records, record)
        self.in_force = record.id
        kept = {one.id for one in self.records[-KEPT:]} | {record.id}
        for dropped in (one for one in self.records if one.id not in kept):
            self._contents.pop(dropped.id, None)
            if self._folder is not None:
                _place(self._folder, dropped.id).unlink(missing_ok=True)
        self.records = tuple(one for one in self.records if one.id in kept)

    def _record(self, content: bytes, name: str, fingerprint: str, who: str, how: How) -> Record:
        number = max((record.id for record in self.records), default=0) + 1
        return Record(number, round(self._wall_clock(), 3), fingerprint, name, who, how, self.in_force,
                      digest_of(content))  # fmt: skip

    def _keep(self, record: Record, content: bytes) -> None:
        if self._folder is not None:
            replace_file(_place(self._folder, record.id), content)

    def _read(self) -> None:
        if self._folder is None:
            return
        try:
            index = json.loads((self._folder / INDEX_NAME).read_text("utf-8"))
            self.records = tuple(_record_of(entry) for entry in index["records"])
            self.in_force, self._start_digest = int(index["in_force"]), str(index["start_digest"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("config.history_not_readable", extra={"folder": str(self._folder), "why": str(error)})
            self.records, self.in_force, self._start_digest = (), 0, ""

    def _write_index(self) -> None:
        if self._folder is None:
            return
        index = {"in_force": self.in_force, "start_digest": self._start_digest,
                 "records": [asdict(record) for record in self.records]}  # fmt: skip
        replace_file(self._folder / INDEX_NAME, json.dumps(index, indent=2).encode())


def _place(folder: Path, record_id: int) -> Path:
    return folder / f"{record_id:06d}.yaml"


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _record_of(entry: Mapping[str, Any]) -> Record:
    record = Record(int(entry["id"]), float(entry["time"]), str(entry["hash"]))
    name, who, digest = (str(entry.get(name, "")) for name in ("name", "who", "digest"))
    how: How = "apply" if entry.get("how") == "apply" else "start"
    return replace(record, name=name, who=who, how=how, after=int(entry.get("after", 0)), digest=digest)
