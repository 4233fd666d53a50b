"""What a worker process writes on standard error, as records of this process's log, without the texts it speaks."""

from __future__ import annotations

import json
import logging
from collections import deque
from typing import Any

from portevoix.logs import KNOWN
from portevoix.masking import masked

logger = logging.getLogger(__name__)

REMEMBERED_TEXTS = 4
"""A line may arrive when the worker is at the next text already."""

LONGEST_LINE = 500
"""Characters of a line that are logged."""

LONGEST_MASKED = 4 * LONGEST_LINE
"""Characters of a line that are looked at: what is logged ends far before a word that is cut there."""


class Hearsay:
    """Pass on what one worker writes.

    A line that its own log wrote is logged as it would be here, with its level, fields and request; any other line is
    logged at DEBUG, since libraries print what they like.

    Attributes:
        pid: number of the process.
        request_id: request that it works for, or worked for last.
    """

    def __init__(self, worker: str) -> None:
        """Speak of the process called `worker`."""
        self.pid = 0
        self.request_id = ""
        self._worker = worker
        self._texts: deque[str] = deque(maxlen=REMEMBERED_TEXTS)

    def begin(self, text: str, request_id: str) -> None:
        """Say that from now on it works at `text`."""
        self._texts.append(text)
        self.request_id = request_id

    def masked(self, words: str) -> str:
        """Return words without those of the texts it has worked at."""
        return masked(words, *self._texts)

    def take(self, line: bytes) -> None:
        """Log a line."""
        words = line.decode("utf-8", "replace").strip()
        record = _record(words)
        if record is not None:
            self._repeat(record)
        elif words and logger.isEnabledFor(logging.DEBUG):
            said = self.masked(words[:LONGEST_MASKED])[:LONGEST_LINE]
            logger.debug("worker.said", extra={**self.facts(), "line": said})

    def facts(self) -> dict[str, Any]:
        """Return the fields by which the process is known in the log."""
        return {"worker": self._worker, "pid": self.pid, "request_id": self.request_id}

    def _repeat(self, said: dict[str, Any]) -> None:
        source, severity = logging.getLogger(str(said["logger"])[:100]), _severity(said["level"])
        if not source.isEnabledFor(severity):
            return
        fields = {name: self._plain(value) for name, value in said.items() if name not in OWN}
        source.handle(logging.makeLogRecord({
            "name": source.name, "levelno": severity, "levelname": logging.getLevelName(severity),
            "msg": self.masked(str(said["event"])), **self.facts(), **fields,
        }))  # fmt: skip

    def _plain(self, value: Any) -> Any:
        return value if isinstance(value, bool | int | float | None) else self.masked(str(value))


OWN = KNOWN | {"time", "level", "event", "logger"}


def last_words(lines: list[bytes]) -> str:
    """Return the last line that says something, or ""; of a log line its event, or the end of its traceback."""
    for line in reversed(lines):
        words = line.decode("utf-8", "replace").strip()
        record = _record(words)
        if record is not None:
            words = str(record.get("exception", record["event"])).splitlines()[-1]
        if words:
            return words[:200]
    return ""


def _record(words: str) -> dict[str, Any] | None:
    """Return what the worker's log wrote, or None where a line is none of it."""
    if not words.startswith("{"):
        return None
    try:
        record = json.loads(words)
    except ValueError:
        return None
    is_known = isinstance(record, dict) and {"event", "level", "logger"} <= record.keys() and record["event"]
    return record if is_known else None


def _severity(name: object) -> int:
    return logging.getLevelNamesMapping().get(str(name), logging.WARNING)
