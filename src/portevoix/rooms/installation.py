"""One installation: a process that builds an environment, ended with whoever wanted it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portevoix.rooms.build import Order
from portevoix.rooms.faults import KINDS, RoomError, RoomTimeout
from portevoix.rooms.lines import cut
from portevoix.rooms.process import ChildProcess
from portevoix.tasks import see_through

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "portevoix.rooms.build")

Step = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound an installation.

    Attributes:
        total_seconds: how long all of it may take.
    """

    total_seconds: float = 3600.0


async def install(order: Order, limits: Limits, tell: Step) -> None:
    """Build an environment; cancelling kills the process with all it started, and nothing of its work counts.

    Args:
        order: what to build.
        limits: its bounds.
        tell: called with each step of the process: its name and its facts.

    Raises:
        RoomError: it could not be built.
        MachineError: the disk's doing.
    """
    name = order.recipe.name
    try:
        async with asyncio.timeout(limits.total_seconds):
            await _in_process(order, tell)
    except TimeoutError:
        raise RoomTimeout(f"the environment {name} took too long to install", f"more than {limits.total_seconds:g} s",
                          "Install it again, or raise rooms.install_timeout_seconds.") from None  # fmt: skip


async def _in_process(order: Order, tell: Step) -> None:
    steps: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    lines = _Lines(steps)
    try:
        child = await ChildProcess.spawn(COMMAND, on_output=lines.feed, on_end=lambda: steps.put_nowait(None))
    except OSError as error:
        raise RoomError("the process that installs cannot be started", error.strerror or str(error)) from error
    try:
        child.write(order.line())
        while (step := await steps.get()) is not None:
            event = step.pop("event")
            if event == "failed":
                raise KINDS.get(step["code"], RoomError)(step["what"], step["why"], step["hint"])
            if event == "done":  # told by whoever asked, once nothing of the process is left
                return
            tell(event, step)
        raise RoomError(f"the process that installs {order.recipe.name} ended without a word", child.last_words(),
                        "The log says more; memory may have run out.")  # fmt: skip
    finally:
        await see_through(child.end())


class _Lines:
    """Cut output into lines, each a step."""

    def __init__(self, steps: asyncio.Queue[dict[str, Any] | None]) -> None:
        self._steps = steps
        self._rest = b""

    def feed(self, data: bytes) -> None:
        lines, self._rest = cut(self._rest, data)
        for line in lines:
            self._steps.put_nowait(json.loads(line))
