"""The composition root: the only place where the whole is built."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from portevoix.cache.cache import SpeechCache
from portevoix.chain import Chain
from portevoix.clock import Clock, system_clock
from portevoix.config import Loaded, load, load_values
from portevoix.config.settings import Settings
from portevoix.engine import Engine
from portevoix.events import FanOut, Hook
from portevoix.flags import FlagSwitch
from portevoix.level import Level
from portevoix.metrics import Metrics
from portevoix.models.library import Library
from portevoix.parts import (
    cache_limits,
    make_cache,
    make_flags,
    make_level,
    make_library,
    make_recordings,
    make_rooms,
    make_speaker,
    make_tracing,
    make_translator,
    make_watch,
    residency_limits,
)
from portevoix.privacy import tell_nobody
from portevoix.readings import watch_cache, watch_disks, watch_levels, watch_queue_limits, watch_translator
from portevoix.references.recordings import Recordings
from portevoix.references.shelf import ReferenceShelf
from portevoix.registry import installed_engines
from portevoix.rooms.installations import Installations
from portevoix.rooms.residency import Residency
from portevoix.speaker import Speaker
from portevoix.succession import (
    inherited_cache,
    inherited_level,
    inherited_library,
    inherited_rooms,
    inherited_translator,
)
from portevoix.tracing import Tracing
from portevoix.translate.translator import Translator

logger = logging.getLogger(__name__)

Closing = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class App:
    """Hold the parts of one running Portevoix; built by `build`, used from one event loop.

    Attributes:
        loaded: the configuration, its problems, and where each value came from.
        levels: every engine that takes part, in order of priority.
        chain: the levels as one engine.
        speaker: the way from text to sound.
        cache: spoken sentences, or None when switched off.
        flags: the feature flags in force.
        metrics: what has been counted.
        library: models that are here, and those that can be fetched.
        events: passes each event on; a hook may be added.
        residency: decides which heavy engines stay in memory.
        rooms: environments of heavy engines that are here, and those that can be installed.
        recordings: checks recordings that a voice is to be borrowed from.
        shelf: voices that are kept of people.
        translator: translates texts.
        tracing: makes spans of what happens, or None where no traces are wanted.
        engines: classes of engines by name, enabled or not.
    """

    loaded: Loaded
    levels: tuple[Level, ...]
    chain: Chain
    speaker: Speaker
    cache: SpeechCache | None
    flags: FlagSwitch
    metrics: Metrics
    library: Library
    events: FanOut = field(default_factory=FanOut)
    residency: Residency = field(kw_only=True)
    rooms: Installations = field(kw_only=True)
    recordings: Recordings = field(kw_only=True)
    shelf: ReferenceShelf = field(kw_only=True)
    translator: Translator = field(kw_only=True)
    tracing: Tracing | None = None
    engines: Mapping[str, type[Engine]] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """Return the settings in force."""
        return self.loaded.settings

    def begin_loading(self) -> None:
        """Load every engine in the background."""
        for level in self.levels:
            level.begin_loading()

    async def load(self) -> None:
        """Load every engine and wait until each is ready or has said why not."""
        await asyncio.gather(self.translator.load(), *(level.load() for level in self.levels))

    def export(self) -> None:
        """Let the metrics show the parts of this app, in place of another's, and its limits of memory hold."""
        settings = self.settings
        self.residency.limits = residency_limits(settings)
        watch_levels(self.metrics, self.levels)
        watch_disks(self.metrics, {"data": settings.data_folder, "cache": settings.cache_folder})
        watch_cache(self.metrics, self.cache, cache_limits(settings))
        watch_queue_limits(self.metrics, settings.server.max_concurrent_requests, settings.server.max_queued_requests)
        watch_translator(self.metrics, self.translator)

    async def aclose(self, spare: Iterable[App] = ()) -> None:
        """Close everything that none of `spare` uses as well; nothing else is left running.

        What cannot be closed keeps nothing else open.

        Raises:
            Exception: what was raised first by a part that cannot be closed; any further ones are in the log.
        """
        spared = {id(part) for app in spare for stage in _closings(app) for part, _ in stage}
        errors: list[BaseException] = []
        for stage in _closings(self):
            closing = [close() for part, close in stage if id(part) not in spared]
            outcomes = await asyncio.gather(*closing, return_exceptions=True)
            errors += [outcome for outcome in outcomes if outcome is not None]
        for error in errors[1:]:
            logger.error("app.part_not_closed", exc_info=error)
        if errors:
            raise errors[0]


def _closings(app: App) -> Iterator[list[tuple[object, Closing]]]:
    """Yield the parts with what closes each, together those that can be closed at once; who writes comes first."""
    yield [(app.library, app.library.aclose)]
    yield [(app.rooms, app.rooms.aclose)]
    yield [(app.translator, app.translator.aclose)]
    yield [(app.chain, app.chain.settle)]
    yield [(level, level.aclose) for level in app.levels]
    if app.cache is not None:
        yield [(app.cache, app.cache.aclose)]
    if app.tracing is not None:
        yield [(app.tracing, partial(asyncio.to_thread, app.tracing.close))]


def read_configuration(
    path: Path | str | Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None,
    engines: Mapping[str, type[Engine]] | None = None,
) -> Loaded:  # fmt: skip
    """Return the configuration from a file (or where it is usually found), or as given, and the environment.

    Raises:
        ConfigError: it cannot be used; names every problem.
    """
    engines = installed_engines() if engines is None else engines
    environ = os.environ if environ is None else environ
    if isinstance(path, Mapping):
        return load_values(path, environ, engines).or_raise()
    return load(None if path is None else Path(path), environ, engines).or_raise()


def build(
    loaded: Loaded, *, engines: Mapping[str, type[Engine]] | None = None, patience_seconds: float | None = None,
    max_text_length: int | None = None, hooks: tuple[Hook, ...] = (), clock: Clock = system_clock,
    beside: App | None = None,
) -> App:  # fmt: skip
    """Build everything from a configuration; does no work yet, needs no event loop.

    Args:
        loaded: what `read_configuration` returned.
        engines: engine classes by name; all that are installed when None.
        patience_seconds: how long a request waits for an engine to load, in place of the configured time.
        max_text_length: longest text in characters, in place of the configured length.
        hooks: are told every event.
        clock: the time.
        beside: an app that is running and is to be followed by this one; the two share the metrics and whatever both
            would have alike, loaded engines above all. `export` shows the new one in the metrics.

    Raises:
        ConfigError: traces are wanted and cannot be made, or an option of a translation engine cannot be used.
    """
    tell_nobody()
    settings = _adjusted(loaded.settings, patience_seconds, max_text_length)
    engines = installed_engines() if engines is None else engines
    metrics = beside.metrics if beside else Metrics()
    residency = beside.residency if beside else Residency()
    tracing = beside.tracing if beside else make_tracing(settings)
    notify = FanOut(metrics, make_watch(settings), *hooks, *((tracing,) if tracing else ()))
    cache = inherited_cache(beside, settings) or make_cache(settings, clock)
    levels = [
        inherited_level(beside, kind, settings, cache)
        or make_level(kind, settings, cache=cache, residency=residency, clock=clock, notify=notify)
        for name, backend in settings.backends.items()
        if backend.enabled and (kind := engines.get(name))
    ]
    chain, flags = Chain(levels, clock=clock), make_flags(settings)
    shelf = ReferenceShelf(settings.data_folder / "voices" / "cloned")
    speaker = make_speaker(settings, chain, flags, shelf, clock=clock, notify=notify)
    listeners = tuple(beside.library.downloads.listeners) if beside else ()
    library = inherited_library(beside, settings) or make_library(settings, clock, listeners)
    rooms = inherited_rooms(beside, settings) or make_rooms(settings)
    translator = inherited_translator(beside, settings) or make_translator(settings, clock)
    app = App(loaded, chain.levels, chain, speaker, cache, flags, metrics, library, notify, residency=residency,
              rooms=rooms, recordings=make_recordings(settings), shelf=shelf, translator=translator, tracing=tracing,
              engines=engines)  # fmt: skip
    if beside is None:
        app.export()
    return app


def _adjusted(settings: Settings, patience_seconds: float | None, max_text_length: int | None) -> Settings:
    """Return the settings with what was given in place of the configured values."""
    advanced = settings.advanced
    patience = advanced.load_patience_seconds if patience_seconds is None else patience_seconds
    longest = advanced.max_text_length if max_text_length is None else max_text_length
    return replace(settings, advanced=replace(advanced, load_patience_seconds=patience, max_text_length=longest))
