"""Log lines on stderr: for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)
"""Least severity by verbosity: a command tells in its own words what warnings would repeat."""

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def start_logging(verbosity: int, log_format: str, level: str | None = None) -> None:
    """Send log lines to stderr, in place of whatever was set up before.

    Args:
        verbosity: 0 to 2; what it asks for comes before `level`.
        log_format: `human` or `json`.
        level: least severity for verbosity 0, as `INFO`; errors alone when None.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else HumanLines())
    severity: int | str = level if level and not verbosity else LEVELS[min(verbosity, len(LEVELS) - 1)]
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("portevoix").setLevel(severity)


class HumanLines(logging.Formatter):
    """Write `12:30:05 warning engine.late engine=piper_native`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and a traceback where there is one."""
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")  # noqa: DTZ006 - people read local time
        fields = "".join(f" {name}={_short(value)}" for name, value in _fields(record).items())
        line = f"{moment} {record.levelname.lower()} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """Write one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(), "event": record.getMessage(), "logger": record.name, **_fields(record),
        }  # fmt: skip
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}


def _short(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(sign in text for sign in ' "=\n') else text
