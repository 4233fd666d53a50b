"""Fetch the voice that is wanted and missing while another one speaks, prove it, and let it take over.

The chain asks each engine anew for each sentence: as soon as the voice is loaded, the next sentence is its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import EngineError, PortevoixError
from portevoix.models.download_log import DownloadLog
from portevoix.models.download_metrics import DownloadMetrics
from portevoix.models.faults import NotCached
from portevoix.models.piper_voices import LOOKS_AGAIN_SECONDS, voice_name
from portevoix.models.store import Store

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level
    from portevoix.models.catalogue import Model

logger = logging.getLogger(__name__)

ENGINE = "piper_native"
"""Who speaks with what is fetched."""

FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0

Pause = Callable[[float], Awaitable[object]]


def observe_downloads(app: App) -> None:
    """Count and log the downloads of an app from now on; calling it again changes nothing."""
    listeners = app.library.downloads.listeners
    if not any(isinstance(one, DownloadLog) for one in listeners):
        listeners += [DownloadMetrics(app.metrics.registry), DownloadLog()]


class Fetching:
    """Keep looking for voices that are wanted and missing, until none is."""

    def __init__(self, app: App, *, pause: Pause = asyncio.sleep) -> None:
        """Serve `app`, whose downloads are counted and logged from now on; `pause` waits."""
        self._app = app
        self._pause = pause
        self._told: dict[str, str] = {}
        observe_downloads(app)

    async def run(self) -> None:
        """Fetch and prove; after a failure wait, each time longer, and try again. Ends when nothing is missing.

        Never raises for what a network, a hub or a voice does.
        """
        self._app.library.sweep()
        pause_seconds = FIRST_PAUSE_SECONDS
        while self._app.settings.models.fetch_missing and (missing := self._missing()):
            for level, model, store in missing:
                try:
                    await self._fetch(level, model, store)
                except NotCached as error:
                    self._tell(model, error)
                    return
                except PortevoixError as error:
                    self._tell(model, error)
            if self._missing():
                await self._pause(pause_seconds)
                pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    async def _fetch(self, level: Level, model: Model, store: Store) -> None:
        if not store.has(model):
            logger.info("download.begun", extra={"model": model.name, "licence": model.licence,
                                                 "total_bytes": model.size_bytes})  # fmt: skip
        await self._app.library.downloads.fetch(model, store)
        # The engine looks into its folders no more often than this.
        await self._pause(LOOKS_AGAIN_SECONDS)
        first_seconds = await level.prove(model.languages[0])
        logger.info("voice.took_over", extra={"engine": level.name, "voice": model.name,
                                              "first_audio_ms": round(first_seconds * 1000)})  # fmt: skip

    def _tell(self, model: Model, error: PortevoixError) -> None:
        """Log a failure once, not again for each attempt that fails in the same way."""
        is_news = error.code != self._told.get(model.name)
        self._told[model.name] = error.code
        severity = logging.WARNING if isinstance(error, EngineError) else logging.ERROR
        facts = {"model": model.name, "code": error.code, "why": str(error), "hint": error.hint}
        logger.log(severity if is_news else logging.DEBUG, "voice.not_fetched", extra=facts)

    def _missing(self) -> list[tuple[Level, Model, Store]]:
        """Return what is to be fetched, for whom, and where to."""
        levels = [level for level in self._app.levels if level.name == ENGINE]
        return [(level, model, store) for level in levels for model, store in self._wanted(level)]

    def _wanted(self, level: Level) -> Iterator[tuple[Model, Store]]:
        """Yield the voices that the configuration names and that are not here, else one for the default language."""
        catalogue, store = self._app.library.catalogue, self._app.library.store
        here = {voice.name for voice in level.engine.voices() if voice.is_installed}
        backend = self._app.settings.backends[level.name]
        chosen = Path(backend.options.model_path) if backend.options.model_path else None
        named = dict.fromkeys(backend.voices.values(), store)
        if chosen is not None:
            named[voice_name(chosen)] = Store(chosen.parent)
        known = {name: place for name, place in named.items() if name in catalogue.models}
        yield from ((catalogue.models[name], place) for name, place in known.items() if name not in here)
        language = self._app.settings.advanced.default_language
        voice = level.voice_for(language)
        if not known and (voice is None or not voice.is_installed) and (first := catalogue.first_of(language)):
            yield first, store
