"""How log records look: a line for people, or one JSON object a line; both on standard error."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime
from typing import Any, TextIO

PLAIN = re.compile(r"[\w./:@%+,-]+")
"""What needs no quotes in a line for people."""

KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""Attributes that every record has; the others are its fields."""


def configure_logging(form: str = "human", level: str = "INFO", stream: TextIO | None = None) -> logging.Handler:
    """Write all log records to `stream` (standard error when None); calling it again replaces what it set before.

    Args:
        form: `human` for `12:03:04 WARNING engine.failed engine=… why="…"`, `json` for one object a line.
        level: least severity of the house's own records, a name of `logging`; others' begin at WARNING, piper's at
            ERROR.
        stream: where to.

    Returns:
        What writes them.
    """
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.set_name("portevoix")
    handler.setFormatter(JsonLines() if form == "json" else HumanLines())
    root = logging.getLogger()
    for former in [one for one in root.handlers if one.get_name() == "portevoix"]:
        root.removeHandler(former)
    root.addHandler(handler)
    logging.getLogger("portevoix").setLevel(level)
    logging.getLogger("piper").setLevel("ERROR")  # its warnings quote what is being said
    return handler


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in KNOWN}


class HumanLines(logging.Formatter):
    """Write `time LEVEL event key=value …`; a value never breaks the line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it where there is one."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        facts = [f"{name}={_quoted(value)}" for name, value in fields_of(record).items() if value not in (None, "")]
        line = " ".join((f"{time} {record.levelname:<7}", record.getMessage(), *facts))
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """Write one JSON object a line: time (ISO 8601 with offset), level, event, logger, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")
        facts = {"time": time, "level": record.levelname, "event": record.getMessage(), "logger": record.name}
        facts |= fields_of(record)
        if record.exc_info:
            facts["exception"] = self.formatException(record.exc_info)
        return json.dumps(facts, default=str)


def _quoted(value: object) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=not text.isprintable())
