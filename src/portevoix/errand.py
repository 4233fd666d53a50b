"""A process that does one thing by order, and tells how far it is: its own side of it.

The order comes as one line on standard input, the steps leave as lines of JSON on standard output; the last one is
`done`, or `failed` with the parts of an error. When standard input ends, the process ends with all that it started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from portevoix.errors import PortevoixError

Tell = Callable[..., None]
"""Called with a step's name, and its facts by name."""


def run_errand(work: Callable[[bytes, Tell], None]) -> None:
    """Do what standard input orders; `work` gets the line and what to tell its steps to."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        work(line, _tell)
    except PortevoixError as error:
        _tell("failed", **error.parts)
    else:
        _tell("done")


def _tell(event: str, **facts: Any) -> None:
    try:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _end()


def _leave_with_parent() -> None:
    """End when standard input ends; the lock that the reader of a stream would hold is not taken."""
    while os.read(0, 1024):
        pass
    _end()


def _end() -> None:
    """End this process at once, and where it leads a session all that it started."""
    if os.name != "nt" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
