"""The composition root: the only place where the whole is built."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from portevoix.chain import Chain
from portevoix.clock import Clock, system_clock
from portevoix.config import Loaded, load
from portevoix.config.settings import BackendSettings, Settings
from portevoix.engine import Engine, Phase, Surroundings
from portevoix.events import Hook, fan_out
from portevoix.flags import FlagSwitch
from portevoix.level import Level, LevelSettings
from portevoix.metrics import Metrics
from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.hub import hub_of, total_timeout_of
from portevoix.models.library import Library
from portevoix.models.store import Store
from portevoix.registry import installed_engines
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.speaker import Speaker, SpeakerSettings
from portevoix.speech import SpeechRequest
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
    """

    loaded: Loaded
    levels: tuple[Level, ...]
    chain: Chain
    speaker: Speaker
    cache: SpeechCache | None
    flags: FlagSwitch
    metrics: Metrics
    library: Library

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
        await asyncio.gather(*(level.load() for level in self.levels))

    async def aclose(self) -> None:
        """Close everything; nothing is left running."""
        await self.library.aclose()
        await self.chain.settle()
        await asyncio.gather(*(level.aclose() for level in self.levels))
        if self.cache is not None:
            await self.cache.aclose()


def read_configuration(
    path: Path | str | None = None, environ: Mapping[str, str] | None = None,
    engines: Mapping[str, type[Engine]] | None = None,
) -> Loaded:  # fmt: skip
    """Return the configuration from a file (or where it is usually found) and the environment.

    Raises:
        ConfigError: it cannot be used; names every problem.
    """
    engines = installed_engines() if engines is None else engines
    return load(None if path is None else Path(path), os.environ if environ is None else environ, engines).or_raise()


def build(
    loaded: Loaded,
    *,
    engines: Mapping[str, type[Engine]] | None = None,
    patience_seconds: float | None = None,
    max_text_length: int | None = None,
    hooks: tuple[Hook, ...] = (),
    clock: Clock = system_clock,
) -> App:
    """Build everything from a configuration; does no work yet, needs no event loop.

    Args:
        loaded: what `read_configuration` returned.
        engines: engine classes by name; all that are installed when None.
        patience_seconds: how long a request waits for an engine to load, in place of the configured time.
        max_text_length: longest text in characters, in place of the configured length.
        hooks: are told every event.
        clock: the time.
    """
    settings = loaded.settings
    engines = installed_engines() if engines is None else engines
    metrics = Metrics()
    watch = Watch(
        {name: backend.target_latency_ms for name, backend in settings.backends.items()},
        alerts_on_fallback=settings.monitoring.alert_on_fallback,
        logs_performance=settings.monitoring.log_performance_metrics,
    )
    notify = fan_out(metrics, watch, *hooks)
    cache = _cache(settings, clock)
    patience = settings.advanced.load_patience_seconds if patience_seconds is None else patience_seconds
    surroundings = _surroundings(settings, clock)
    levels = tuple(
        Level(
            engines[name](backend.options, surroundings),
            _level_settings(backend, settings, patience),
            breaker=_breaker(settings, clock),
            cache=cache,
            options=backend.options,
            clock=clock,
            notify=notify,
        )
        for name, backend in settings.backends.items()
        if name in engines and backend.enabled
    )
    chain = Chain(levels, clock=clock)
    flags = FlagSwitch(replace(settings.feature_flags, enable_piper_native=settings.enables("piper_native")))
    speaker = Speaker(chain, _speaker_settings(settings, max_text_length), route=_route(chain, flags), clock=clock,
                      notify=notify)  # fmt: skip
    for level in chain.levels:
        metrics.introduce(level.name)
    _watch(metrics, settings, chain, cache)
    return App(loaded, chain.levels, chain, speaker, cache, flags, metrics, _library(settings, clock))


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
        settings.advanced.default_language, clock, settings.data_folder / "models", settings.data_folder / "rooms",
    )  # fmt: skip


def _library(settings: Settings, clock: Clock) -> Library:
    wanted, voices = settings.models, settings.data_folder / "voices"
    folder = voices if voices in settings.voice_folders or not settings.voice_folders else settings.voice_folders[0]
    limits = Limits(total_timeout_of(os.environ, wanted.download_timeout_seconds), wanted.stall_timeout_seconds)
    hub = hub_of(os.environ, endpoint=wanted.endpoint, is_offline=wanted.offline)
    return Library(Store(folder), Downloads(hub, limits, clock=clock), settings.data_folder / "models")


def _cache(settings: Settings, clock: Clock) -> SpeechCache | None:
    wanted = settings.cache
    if not wanted.enabled:
        return None
    memory = MemoryTier(int(wanted.max_size_mb * MEGABYTE), wanted.ttl_seconds, clock=clock)
    if not wanted.disk_enabled:
        return SpeechCache(memory)
    disk = DiskTier(settings.speech_folder, int(wanted.disk_max_size_mb * MEGABYTE), wanted.disk_ttl_seconds)
    return SpeechCache(memory, disk)


def _speaker_settings(settings: Settings, max_text_length: int | None) -> SpeakerSettings:
    advanced = settings.advanced
    return SpeakerSettings(
        default_language=advanced.default_language,
        max_text_length=advanced.max_text_length if max_text_length is None else max_text_length,
        sanitizes_text=advanced.sanitize_text,
        read_ahead_seconds=advanced.read_ahead_seconds,
        aliases=settings.voices,
    )


def _watch(metrics: Metrics, settings: Settings, chain: Chain, cache: SpeechCache | None) -> None:
    """Export what has a state of its own: engines, disks, the cache."""
    metrics.watch_disk({"data": settings.data_folder, "cache": settings.cache_folder})
    metrics.watch(
        "tts_engine_ready",
        "1 when the engine can speak",
        ["backend"],
        lambda: {(level.name,): level.state().phase is Phase.READY for level in chain.levels},
    )
    if cache is not None:
        metrics.watch("tts_cache_bytes", "Audio kept in the cache", ["tier"], lambda: _tiers(cache, "bytes"))
        metrics.watch("tts_cache_entries", "Sentences kept in the cache", ["tier"], lambda: _tiers(cache, "entries"))


def _tiers(cache: SpeechCache, fact: str) -> dict[tuple[str, ...], float]:
    stats = cache.stats()
    tiers = {"memory": stats.memory, "disk": stats.disk}
    return {(name,): getattr(tier, fact) for name, tier in tiers.items() if tier is not None}


def _route(chain: Chain, flags: FlagSwitch) -> Any:
    """Return what chooses the chain for a request, by the flags that are in force at that moment."""

    def route(request: SpeechRequest) -> Chain:
        names = [level.name for level in chain.levels]
        if not flags.flags.enable_piper_native:
            names = [name for name in names if name != "piper_native"]
        if flags.uses_chain(request.request_id):
            return chain if len(names) == len(chain.levels) else chain.only(*names)
        return chain.only(*names[:1])

    return route
