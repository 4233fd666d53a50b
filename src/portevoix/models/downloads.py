"""All downloads of a program: one for each model however many ask, and whoever wants to know how far they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

from portevoix.clock import Clock, system_clock
from portevoix.errors import PortevoixError
from portevoix.models.catalogue import Model
from portevoix.models.download import Limits, download
from portevoix.models.faults import DownloadCancelled, NotCached
from portevoix.models.folders import FolderStore
from portevoix.models.hub import Hub
from portevoix.models.progress import Meter, Phase, Progress, Tell
from portevoix.models.store import Store

logger = logging.getLogger(__name__)

PATIENCE_SHARE = 0.3
"""Part of the time of a stall after which the fetching process asks again: three times before the watch ends it."""


class Downloads:
    """Fetch models into stores; used from one event loop.

    Attributes:
        hub: where they come from.
        listeners: are told each progress of each download, in order, from the event loop.
    """

    def __init__(
        self, hub: Hub, limits: Limits | None = None, *, listeners: tuple[Tell, ...] = (), clock: Clock = system_clock
    ) -> None:
        """Fetch from `hub` within `limits`; nothing is begun yet."""
        self.hub = hub
        self.listeners = list(listeners)
        self._limits = limits or Limits()
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}
        self._changed = asyncio.Event()

    @property
    def progress(self) -> tuple[Progress, ...]:
        """Return the latest of every download of this program, also of those that have ended."""
        return tuple(self._progress.values())

    def progress_of(self, name: str) -> Progress | None:
        """Return the latest of one download, or None where there was none."""
        return self._progress.get(name)

    async def fetch(self, model: Model, store: Store | FolderStore) -> None:
        """Return as soon as a model is in a store, without any work when it is; several who ask wait for one download.

        Cancelling this leaves the download alone.

        Raises:
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        if not store.has(model):
            await asyncio.shield(self.begin(model, store))

    def begin(self, model: Model, store: Store | FolderStore) -> asyncio.Task[None]:
        """Begin a download, or return the one that is under way."""
        task = self._tasks.get(model.name)
        if task is None:
            self._tell(Progress(model.name, total_bytes=model.size_bytes))
            task = asyncio.create_task(self._run(model, store), name=f"fetch {model.name}")
            self._tasks[model.name] = task
            task.add_done_callback(lambda ended: self._forget(model.name, ended))
        return task

    def cancel(self, name: str) -> bool:
        """Stop a download; whoever waits for it gets `DownloadCancelled`. Return whether there was one."""
        task = self._tasks.get(name)
        if task is None:
            return False
        # A task that has not taken its first step yet would end without being able to tell.
        asyncio.get_running_loop().call_soon(task.cancel)
        return True

    async def watch(self) -> AsyncGenerator[Progress, None]:
        """Yield what is known of each download, and each change; a slow listener misses steps, but never the last."""
        told: dict[str, Progress] = {}
        while True:
            changed = self._changed
            for name, progress in tuple(self._progress.items()):
                if told.get(name) != progress:
                    told[name] = progress
                    yield progress
            await changed.wait()

    async def aclose(self) -> None:
        """Stop all downloads; no process is left."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, model: Model, store: Store | FolderStore) -> None:
        meter = Meter(model.name, model.size_bytes, self._clock)
        if store.has(model):
            self._tell(meter.step("done", {}))
            return
        try:
            self._require_network(model)
            order = store.order(
                model, self.hub, spare_bytes=self._limits.spare_bytes,
                patience_seconds=self._limits.stall_seconds * PATIENCE_SHARE,
            )  # fmt: skip
            await download(order, self._limits, self._teller(meter))
        except asyncio.CancelledError:
            raise self._failed(
                meter,
                DownloadCancelled(
                    f"fetching {model.name} was stopped", hint="Fetch it again: it goes on where it stopped."
                ),
            ) from None
        except PortevoixError as error:
            raise self._failed(meter, error) from None

    def _teller(self, meter: Meter) -> Callable[[str, dict[str, Any]], None]:
        def tell(event: str, facts: dict[str, Any]) -> None:
            self._tell(meter.step(event, facts))

        return tell

    def _failed(self, meter: Meter, error: PortevoixError) -> PortevoixError:
        phase: Phase = "cancelled" if isinstance(error, DownloadCancelled) else "failed"
        why = ". ".join(part for part in (str(error), error.hint) if part)
        self._tell(replace(meter.progress, phase=phase, bytes_per_second=0.0, code=error.code, why=why))
        return error

    def _require_network(self, model: Model) -> None:
        if self.hub.is_offline:
            raise NotCached(f"{model.name} is not on this machine", "the network may not be used",
                            "Unset HF_HUB_OFFLINE and models.offline, or bring its files here.")  # fmt: skip

    def _tell(self, progress: Progress) -> None:
        if progress == self._progress.get(progress.model):
            return
        self._progress[progress.model] = progress
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in self.listeners:
            listener(progress)

    def _forget(self, name: str, ended: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not ended.cancelled():
            ended.exception()
