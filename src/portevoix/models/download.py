"""One download: a process that fetches, watched for its silence, ended with whoever wanted it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from portevoix.children import end_child
from portevoix.errors import PortevoixError
from portevoix.models.faults import KINDS, DownloadStalled, DownloadTimeout, FetchError, HubUnreachable
from portevoix.models.order import Order

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "portevoix.models.fetch")
DEATHS = 3
"""Ends of the process without a word, one after the other without a byte between them, after which it has failed."""

START_SECONDS = 30.0
"""Least time for the process to start: on a busy machine that is no silence of the hub's."""

Step = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound a download.

    Attributes:
        total_seconds: how long all of it may take.
        stall_seconds: how long it may go without the least speed.
        least_bytes_per_second: that speed, over `stall_seconds`.
        spare_bytes: room that is to be left on the disk.
    """

    total_seconds: float = 3600.0
    stall_seconds: float = 20.0
    least_bytes_per_second: float = 4_000.0
    spare_bytes: int = 50_000_000


async def download(order: Order, limits: Limits, tell: Step) -> None:
    """Fetch an order; cancelling kills the process, and what has arrived is continued the next time.

    Args:
        order: what to fetch.
        limits: its bounds.
        tell: called with each step of the process: its name and its facts.

    Raises:
        FetchError: the other side's doing, or the network's.
        MachineError: the disk's.
    """
    try:
        async with asyncio.timeout(limits.total_seconds):
            await _until_fetched(order, limits, tell)
    except TimeoutError:
        raise DownloadTimeout(f"{order.name} took too long to fetch", f"more than {limits.total_seconds:g} s",
                              "Fetch it again, it goes on where it stopped, or raise TTS_DOWNLOAD_TIMEOUT.",
                              ) from None  # fmt: skip


async def _until_fetched(order: Order, limits: Limits, tell: Step) -> None:
    """Begin again where a process died that was killed by somebody else."""
    deaths = 0
    while True:
        watch = _Watch(limits)
        if await _in_process(order, watch, tell):
            return
        deaths = 1 if watch.has_brought else deaths + 1
        if deaths >= DEATHS:
            raise FetchError(f"the process that fetches {order.name} ended without a word",
                             hint="The log says more; memory may have run out.")  # fmt: skip
        logger.warning("download.process_died", extra={"model": order.name})


class _Watch:
    """Tell progress from its semblance: the mark moves only when enough has come since it moved last."""

    def __init__(self, limits: Limits) -> None:
        self.stall_seconds = limits.stall_seconds
        self.is_connected = False
        self.has_brought = False
        self._enough_bytes = limits.least_bytes_per_second * limits.stall_seconds
        self._mark_bytes = 0

    def has_moved(self, event: str, facts: dict[str, Any]) -> bool:
        if event != "bytes":
            self.is_connected |= event == "size"
            self._mark_bytes = facts.get("done", self._mark_bytes)
            return True
        self.has_brought = True
        if facts["done"] - self._mark_bytes < self._enough_bytes:
            return False
        self._mark_bytes = facts["done"]
        return True


async def _in_process(order: Order, watch: _Watch, tell: Step) -> bool:
    """Return whether the process fetched all; false when it died.

    Raises:
        PortevoixError: what it told.
        DownloadStalled: it told nothing for too long, or too little.
    """
    try:
        process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE, start_new_session=True)
    except OSError as error:
        raise FetchError("the process that fetches cannot be started", error.strerror or str(error)) from error
    assert process.stdin is not None  # noqa: S101 - it was asked for
    try:
        process.stdin.write(order.line())
        async with asyncio.timeout(max(watch.stall_seconds, START_SECONDS)) as patience:
            return await _follow(process, watch, patience, tell)
    except TimeoutError:
        raise _stalled(order, watch) from None
    finally:
        await end_child(process)


async def _follow(process: Process, watch: _Watch, patience: asyncio.Timeout, tell: Step) -> bool:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    now = asyncio.get_running_loop().time
    async for line in process.stdout:
        facts = json.loads(line)
        event = facts.pop("event")
        if event == "failed":
            raise _told(facts)
        if watch.has_moved(event, facts):
            patience.reschedule(now() + watch.stall_seconds)
        tell(event, facts)
        if event == "done":
            return True
    return False


def _stalled(order: Order, watch: _Watch) -> FetchError:
    host = urlsplit(order.url).netloc.rpartition("@")[2]
    within = f"within {watch.stall_seconds:g} s"
    if not watch.is_connected:
        return HubUnreachable(f"{host} did not answer", within, "Check the network, or name a mirror with HF_ENDPOINT.")
    return DownloadStalled(f"{host} sends too little", f"next to nothing {within}",
                           "Try again: it goes on where it stopped.")  # fmt: skip


def _told(facts: dict[str, Any]) -> PortevoixError:
    return KINDS.get(facts["code"], FetchError)(facts["what"], facts["why"], facts["hint"])
