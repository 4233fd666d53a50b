"""All downloads of a program: one for each model however many ask, and whoever wants to know how far they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
from portevoix.undertakings import Undertakings

logger = logging.getLogger(__name__)

PATIENCE_SHARE = 0.3
"""Part of the time of a stall after which the fetching process asks again: three times before the watch ends it."""

Finish = Callable[[Model], Awaitable[str]]
"""Make a model that was fetched ready for use, where that takes more; return what is left to do by hand, or ""."""


class Downloads(Undertakings[Progress]):
    """Fetch models into stores; used from one event loop.

    Attributes:
        hub: where they come from.
    """

    def __init__(
        self, hub: Hub, limits: Limits | None = None, *, listeners: tuple[Tell, ...] = (), clock: Clock = system_clock
    ) -> None:
        """Fetch from `hub` within `limits`; nothing is begun yet."""
        super().__init__(listeners)
        self.hub = hub
        self._limits = limits or Limits()
        self._clock = clock

    async def fetch(self, model: Model, store: Store | FolderStore) -> None:
        """Return as soon as a model is in a store, without any work when it is; several who ask wait for one download.

        Cancelling this leaves the download alone.

        Raises:
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        if not store.has(model):
            await asyncio.shield(self.begin(model, store))

    def begin(self, model: Model, store: Store | FolderStore, finish: Finish | None = None) -> asyncio.Task[None]:
        """Begin a download, which `finish` is a part of, or return the one that is under way."""
        first = Progress(model.name, total_bytes=model.size_bytes)
        return self._begin(model.name, first, lambda: self._run(model, store, finish))

    async def _run(self, model: Model, store: Store | FolderStore, finish: Finish | None) -> None:
        meter = Meter(model.name, model.size_bytes, self._clock)
        try:
            if not store.has(model):
                await self._fetch(model, store, meter)
            if finish is not None:
                self._tell(model.name, meter.step("finishing", {}))
            left = "" if finish is None else await finish(model)
            self._tell(model.name, replace(meter.step("done", {}), why=left))
        except asyncio.CancelledError:
            raise self._failed(
                meter,
                DownloadCancelled(
                    f"fetching {model.name} was stopped", hint="Fetch it again: it goes on where it stopped."
                ),
            ) from None
        except PortevoixError as error:
            raise self._failed(meter, error) from None

    async def _fetch(self, model: Model, store: Store | FolderStore, meter: Meter) -> None:
        def step(event: str, facts: dict[str, Any]) -> Progress:
            return meter.progress if event == "done" else meter.step(event, facts)

        self._require_network(model)
        order = store.order(
            model, self.hub, spare_bytes=self._limits.spare_bytes,
            patience_seconds=self._limits.stall_seconds * PATIENCE_SHARE,
        )  # fmt: skip
        await download(order, self._limits, self._teller(model.name, step))

    def _failed(self, meter: Meter, error: PortevoixError) -> PortevoixError:
        phase: Phase = "cancelled" if isinstance(error, DownloadCancelled) else "failed"
        ended = replace(meter.progress, phase=phase, bytes_per_second=0.0, code=error.code, why=error.in_full)
        self._tell(ended.model, ended)
        return error

    def _require_network(self, model: Model) -> None:
        if self.hub.is_offline:
            raise NotCached(f"{model.name} is not on this machine", "the network may not be used",
                            "Unset HF_HUB_OFFLINE and models.offline, or bring its files here.")  # fmt: skip
