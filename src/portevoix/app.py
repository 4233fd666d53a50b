"""The composition root: the only place where the whole is built."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from portevoix.chain import Chain
from portevoix.clock import Clock, system_clock
from portevoix.config import Loaded, load, load_values
from portevoix.config.settings import BackendSettings, Settings
from portevoix.engine import Engine, Surroundings
from portevoix.events import FanOut, Hook
from portevoix.flags import FlagSwitch
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.metrics import Metrics
from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.hub import hub_of, total_timeout_of
from portevoix.models.library import Library
from portevoix.models.store import Store
from portevoix.privacy import tell_nobody
from portevoix.readings import watch_cache, watch_disks, watch_levels, watch_queue_limits, watch_translator
from portevoix.references.judgement import Bounds
from portevoix.references.recordings import RecordingLimits, Recordings
from portevoix.references.shelf import ReferenceShelf
from portevoix.registry import installed_engines
from portevoix.remote.relay import is_relaying
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.rooms.environments import EnvironmentShelf
from portevoix.rooms.installation import Limits as InstallationLimits
from portevoix.rooms.installations import Installations
from portevoix.rooms.residency import Residency, ResidencyLimits
from portevoix.rooms.sources import Sources
from portevoix.speaker import Speaker, SpeakerSettings
from portevoix.speech import SpeechRequest
from portevoix.system.memory import machine_bytes
from portevoix.text.respelling import Respelling
from portevoix.tracing import Tracing
from portevoix.translate.building import build_translator
from portevoix.translate.memory import TranslationMemory
from portevoix.translate.preparation import converting
from portevoix.translate.translator import Translator
from portevoix.watch import Watch

MEGABYTE = 1_000_000


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
        self.residency.limits = _residency_limits(self.settings)
        _export(self.metrics, self.settings, self.levels, self.cache)
        watch_translator(self.metrics, self.translator)

    async def aclose(self, spare: Iterable[App] = ()) -> None:
        """Close everything that none of `spare` uses as well; nothing else is left running."""
        spared = {
            id(part)
            for app in spare
            for part in (app.library, app.rooms, app.cache, app.tracing, app.translator, *app.levels)
        }
        if id(self.library) not in spared:
            await self.library.aclose()
        if id(self.rooms) not in spared:
            await self.rooms.aclose()
        if id(self.translator) not in spared:
            await self.translator.aclose()
        await self.chain.settle()
        await asyncio.gather(*(level.aclose() for level in self.levels if id(level) not in spared))
        if self.cache is not None and id(self.cache) not in spared:
            await self.cache.aclose()
        if self.tracing is not None and id(self.tracing) not in spared:
            await asyncio.to_thread(self.tracing.close)


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
    loaded: Loaded,
    *,
    engines: Mapping[str, type[Engine]] | None = None,
    patience_seconds: float | None = None,
    max_text_length: int | None = None,
    hooks: tuple[Hook, ...] = (),
    clock: Clock = system_clock,
    beside: App | None = None,
) -> App:
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
        ConfigError: traces are wanted and cannot be made.
    """
    tell_nobody()
    settings = loaded.settings
    engines = installed_engines() if engines is None else engines
    metrics = Metrics() if beside is None else beside.metrics
    watch = Watch(
        {name: backend.target_latency_ms for name, backend in settings.backends.items()},
        alerts_on_fallback=settings.monitoring.alert_on_fallback,
        logs_performance=settings.monitoring.log_performance_metrics,
    )
    tracing = _tracing(settings) if beside is None else beside.tracing
    notify = FanOut(metrics, watch, *hooks, *((tracing,) if tracing else ()))
    cache = _shared_cache(settings, beside) or _cache(settings, clock)
    patience = settings.advanced.load_patience_seconds if patience_seconds is None else patience_seconds
    residency = Residency() if beside is None else beside.residency
    surroundings = replace(_surroundings(settings, clock), residency=residency)
    levels = tuple(
        _shared_level(engines[name], settings, patience, cache, beside)
        or Level(
            engines[name](backend.options, surroundings),
            _level_settings(backend, settings, patience),
            breaker=_breaker(settings, clock),
            cache=cache,
            options=backend.options,
            clock=clock,
            notify=notify,
            residency=residency,
        )
        for name, backend in settings.backends.items()
        if name in engines and backend.enabled
    )
    chain = Chain(levels, clock=clock)
    flags = FlagSwitch(replace(settings.feature_flags, enable_piper_native=settings.enables("piper_native")))
    shelf = ReferenceShelf(settings.data_folder / "voices" / "cloned")
    speaker = Speaker(chain, _speaker_settings(settings, max_text_length), route=_route(chain, flags), lend=shelf.lend,
                      clock=clock, notify=notify)  # fmt: skip
    app = App(loaded, chain.levels, chain, speaker, cache, flags, metrics,
              _shared_library(settings, beside) or _library(settings, clock, beside),
              notify, residency=residency, rooms=_shared_rooms(settings, beside) or _rooms(settings),
              recordings=_recordings(settings),
              shelf=shelf, translator=_translator(settings, max_text_length, beside, clock), tracing=tracing,
              engines=engines)  # fmt: skip
    if beside is None:
        app.export()
    return app


def _tracing(settings: Settings) -> Tracing | None:
    endpoint = settings.monitoring.traces_endpoint
    return Tracing.to(endpoint) if endpoint else None


def _shared_cache(settings: Settings, beside: App | None) -> SpeechCache | None:
    """Return the running app's cache where the settings ask for the same."""
    if beside is None or beside.settings.cache != settings.cache:
        return None
    return beside.cache if beside.settings.speech_folder == settings.speech_folder else None


def _shared_library(settings: Settings, beside: App | None) -> Library | None:
    """Return the running app's library where the settings ask for the same, so that downloads go on."""
    if beside is None:
        return None
    now, then = ((one.models, one.data_folder, one.voice_folders, one.rooms_folder, one.translation_models_folder)
                 for one in (settings, beside.settings))  # fmt: skip
    return beside.library if now == then else None


def _shared_rooms(settings: Settings, beside: App | None) -> Installations | None:
    """Return the running app's installations where the settings ask for the same, so that they go on."""
    if beside is None:
        return None
    now, then = ((one.rooms, one.data_folder, one.models.offline) for one in (settings, beside.settings))
    return beside.rooms if now == then else None


def _shared_level(
    kind: type[Engine], settings: Settings, patience_seconds: float, cache: SpeechCache | None, beside: App | None
) -> Level | None:  # fmt: skip
    """Return the running app's level where the new one would be the same: its engine is loaded, and not twice."""
    level = next((level for level in beside.levels if level.name == kind.name), None) if beside else None
    if beside is None or level is None or cache is not beside.cache:
        return None
    before, backend = beside.settings, settings.backends[kind.name]
    is_alike = (
        isinstance(level.engine, kind)
        and before.backends[kind.name] == backend
        and level.settings == _level_settings(backend, settings, patience_seconds)
        and _treats_alike(before, settings)
    )
    return level if is_alike else None


def _treats_alike(before: Settings, settings: Settings) -> bool:
    """Tell whether an engine would have the same breaker and the same surroundings."""
    surroundings, former = (_surroundings(one, system_clock) for one in (settings, before))
    return before.circuit_breaker == settings.circuit_breaker and former == surroundings


def _translator(settings: Settings, max_text_length: int | None, beside: App | None, clock: Clock) -> Translator:
    """Return the running app's translator where the new one would be the same, else a new one."""
    wanted = settings.translation
    longest = settings.advanced.max_text_length if max_text_length is None else max_text_length
    if beside is not None and _treats_alike(beside.settings, settings) and (
        (beside.settings.translation, beside.speaker.settings.max_text_length) == (wanted, longest)
    ):  # fmt: skip
        return beside.translator
    return build_translator(
        wanted.engines, _surroundings(settings, clock),
        TranslationMemory(wanted.cache_characters, wanted.cache_ttl_seconds, clock=clock),
        max_text_length=longest, make_breaker=lambda: _breaker(settings, clock), clock=clock,
    )  # fmt: skip


def bystander(name: str, settings: Settings) -> Engine | None:
    """Return an engine that takes no part, only to be asked where it stands; None where it is not installed."""
    kind = installed_engines().get(name)
    return kind(settings.backends[name].options, _surroundings(settings, system_clock)) if kind else None


def _level_settings(backend: BackendSettings, settings: Settings, patience_seconds: float) -> LevelSettings:
    return LevelSettings(
        backend.priority,
        backend.target_latency_ms,
        settings.advanced.first_audio_budget_factor,
        backend.voices,
        patience_seconds,
        backend.priorities,
    )


def _breaker(settings: Settings, clock: Clock) -> CircuitBreaker:
    wanted = settings.circuit_breaker
    return CircuitBreaker(wanted.failure_threshold, wanted.reset_timeout_seconds, clock=clock)


def _surroundings(settings: Settings, clock: Clock) -> Surroundings:
    return Surroundings(
        settings.voice_folders, settings.cache_folder, settings.advanced.gpu_memory_fraction,
        settings.advanced.default_language, clock, settings.models_folder, settings.rooms_folder,
    )  # fmt: skip


def _library(settings: Settings, clock: Clock, beside: App | None) -> Library:
    wanted, voices = settings.models, settings.data_folder / "voices"
    folder = voices if voices in settings.voice_folders or not settings.voice_folders else settings.voice_folders[0]
    limits = Limits(total_timeout_of(os.environ, wanted.download_timeout_seconds), wanted.stall_timeout_seconds)
    hub = hub_of(os.environ, endpoint=wanted.endpoint, is_offline=wanted.offline)
    listeners = tuple(beside.library.downloads.listeners) if beside else ()
    downloads = Downloads(hub, limits, listeners=listeners, clock=clock)
    finish = converting(settings.models_folder, settings.translation_models_folder, settings.rooms_folder)
    return Library(Store(folder), downloads, settings.models_folder, finish=finish)


def _residency_limits(settings: Settings) -> ResidencyLimits:
    wanted = settings.rooms
    allowed = machine_bytes() * 3 // 4 if wanted.memory_limit_mb is None else int(wanted.memory_limit_mb * MEGABYTE)
    ceilings = {"cpu": allowed, "cuda": int(wanted.gpu_memory_limit_mb * MEGABYTE)}
    return ResidencyLimits(wanted.idle_unload_seconds, ceilings)


def _rooms(settings: Settings) -> Installations:
    wanted = settings.rooms
    sources = Sources(wanted.torch_index or "", wanted.torch_backend, is_offline=settings.models.offline)
    return Installations(EnvironmentShelf(settings.rooms_folder), sources=sources,
                         limits=InstallationLimits(wanted.install_timeout_seconds))  # fmt: skip


def _recordings(settings: Settings) -> Recordings:
    wanted, places = settings.references, settings.references.folders
    if places is None:
        places = (Path(), settings.data_folder, Path(tempfile.gettempdir()))
    limits = RecordingLimits(Bounds(most_seconds=wanted.max_seconds))
    return Recordings(settings.cache_folder / "references", places, limits)


def _cache(settings: Settings, clock: Clock) -> SpeechCache | None:
    wanted = settings.cache
    if not wanted.enabled:
        return None
    memory = MemoryTier(int(wanted.max_size_mb * MEGABYTE), wanted.ttl_seconds, clock=clock)
    room_bytes = int(wanted.disk_max_size_mb * MEGABYTE)
    disk = DiskTier(settings.speech_folder, room_bytes, wanted.disk_ttl_seconds) if wanted.disk_enabled else None
    return SpeechCache(memory, disk)


def _speaker_settings(settings: Settings, max_text_length: int | None) -> SpeakerSettings:
    advanced = settings.advanced
    return SpeakerSettings(
        default_language=advanced.default_language,
        max_text_length=advanced.max_text_length if max_text_length is None else max_text_length,
        sanitizes_text=advanced.sanitize_text,
        read_ahead_seconds=advanced.read_ahead_seconds,
        lead_in_seconds=advanced.lead_in_seconds,
        aliases=settings.voices,
        respell=Respelling(settings.replacements),
    )


def _export(metrics: Metrics, settings: Settings, levels: tuple[Level, ...], cache: SpeechCache | None) -> None:
    """Export what has a state of its own: engines, disks, the cache."""
    wanted, server = settings.cache, settings.server
    limits = {"memory": int(wanted.max_size_mb * MEGABYTE), "disk": int(wanted.disk_max_size_mb * MEGABYTE)}
    watch_levels(metrics, levels)
    watch_disks(metrics, {"data": settings.data_folder, "cache": settings.cache_folder})
    watch_cache(metrics, cache, limits)
    watch_queue_limits(metrics, server.max_concurrent_requests, server.max_queued_requests)


def _route(chain: Chain, flags: FlagSwitch) -> Any:
    """Return what chooses the chain for a request, by the flags that are in force at that moment."""

    def route(request: SpeechRequest) -> Chain:
        names = [level.name for level in chain.levels if not (request.is_relayed and is_relaying(level.engine))]
        if not flags.flags.enable_piper_native:
            names = [name for name in names if name != "piper_native"]
        if flags.uses_chain(request.request_id):
            return chain if len(names) == len(chain.levels) else chain.only(*names)
        return chain.only(*names[:1])

    return route
