"""The parts of an app, each made from the settings; none does any work yet."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from portevoix.chain import Chain
from portevoix.clock import Clock, system_clock
from portevoix.config.settings import Settings
from portevoix.engine import Engine, Surroundings
from portevoix.events import Hook
from portevoix.flags import FlagSwitch
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.hub import hub_of, total_timeout_of
from portevoix.models.library import Library
from portevoix.models.progress import Tell
from portevoix.models.store import Store
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


def make_watch(settings: Settings) -> Watch:
    """Return what looks out for engines that are late or replaced."""
    wanted = settings.monitoring
    targets = {name: backend.target_latency_ms for name, backend in settings.backends.items()}
    return Watch(targets, alerts_on_fallback=wanted.alert_on_fallback, logs_performance=wanted.log_performance_metrics)


def make_tracing(settings: Settings) -> Tracing | None:
    """Return what makes spans, or None where no traces are wanted.

    Raises:
        ConfigError: traces are wanted and cannot be made.
    """
    endpoint = settings.monitoring.traces_endpoint
    return Tracing.to(endpoint) if endpoint else None


def make_flags(settings: Settings) -> FlagSwitch:
    """Return the flags, as they are at first."""
    return FlagSwitch(replace(settings.feature_flags, enable_piper_native=settings.enables("piper_native")))


def make_cache(settings: Settings, clock: Clock) -> SpeechCache | None:
    """Return an empty cache, over what there is on the disk; None where it is switched off."""
    wanted, limits = settings.cache, cache_limits(settings)
    if not wanted.enabled:
        return None
    memory = MemoryTier(limits["memory"], wanted.ttl_seconds, clock=clock)
    is_kept = wanted.disk_enabled
    return SpeechCache(
        memory, DiskTier(settings.speech_folder, limits["disk"], wanted.disk_ttl_seconds) if is_kept else None
    )


def cache_limits(settings: Settings) -> dict[str, int]:
    """Return the bytes that each tier of the cache may take."""
    wanted = settings.cache
    return {"memory": int(wanted.max_size_mb * MEGABYTE), "disk": int(wanted.disk_max_size_mb * MEGABYTE)}


def make_level(
    kind: type[Engine], settings: Settings, *, cache: SpeechCache | None, residency: Residency, clock: Clock,
    notify: Hook,
) -> Level:  # fmt: skip
    """Return a level with an engine that is not loaded."""
    options = settings.backends[kind.name].options
    return Level(
        kind(options, replace(surroundings_of(settings, clock), residency=residency)), level_settings(kind, settings),
        breaker=make_breaker(settings, clock), cache=cache, options=options, clock=clock, notify=notify,
        residency=residency,
    )  # fmt: skip


def level_settings(kind: type[Engine], settings: Settings) -> LevelSettings:
    """Return how the level of an engine is to behave."""
    backend, advanced = settings.backends[kind.name], settings.advanced
    return LevelSettings(backend.priority, backend.target_latency_ms, advanced.first_audio_budget_factor,
                         backend.voices, advanced.load_patience_seconds, backend.priorities)  # fmt: skip


def make_breaker(settings: Settings, clock: Clock) -> CircuitBreaker:
    """Return a closed circuit breaker."""
    wanted = settings.circuit_breaker
    return CircuitBreaker(wanted.failure_threshold, wanted.reset_timeout_seconds, clock=clock)


def surroundings_of(settings: Settings, clock: Clock = system_clock) -> Surroundings:
    """Return what engines may use of the machine, without anybody who decides about its memory."""
    return Surroundings(
        settings.voice_folders, settings.cache_folder, settings.advanced.gpu_memory_fraction,
        settings.advanced.default_language, clock, settings.models_folder, settings.rooms_folder,
    )  # fmt: skip


def bystander(name: str, settings: Settings) -> Engine | None:
    """Return an engine that takes no part, only to be asked where it stands; None where it is not installed."""
    kind = installed_engines().get(name)
    return kind(settings.backends[name].options, surroundings_of(settings)) if kind else None


def make_speaker(
    settings: Settings, chain: Chain, flags: FlagSwitch, shelf: ReferenceShelf, *, clock: Clock, notify: Hook
) -> Speaker:  # fmt: skip
    """Return what speaks with the engines of `chain` that the flags in force let through."""
    wanted = settings.advanced
    aims = SpeakerSettings(
        default_language=wanted.default_language,
        max_text_length=wanted.max_text_length,
        sanitizes_text=wanted.sanitize_text,
        read_ahead_seconds=wanted.read_ahead_seconds,
        lead_in_seconds=wanted.lead_in_seconds,
        aliases=settings.voices,
        respell=Respelling(settings.replacements),
    )
    return Speaker(chain, aims, route=_route(chain, flags), lend=shelf.lend, clock=clock, notify=notify)


def _route(chain: Chain, flags: FlagSwitch) -> Callable[[SpeechRequest], Chain]:
    """Return what chooses the chain for a request, by the flags that are in force at that moment."""

    def route(request: SpeechRequest) -> Chain:
        names = [level.name for level in chain.levels if not (request.is_relayed and is_relaying(level.engine))]
        if not flags.flags.enable_piper_native:
            names = [name for name in names if name != "piper_native"]
        if flags.uses_chain(request.request_id):
            return chain if len(names) == len(chain.levels) else chain.only(*names)
        return chain.only(*names[:1])

    return route


def make_translator(settings: Settings, clock: Clock) -> Translator:
    """Return a translator whose engines are not loaded.

    Raises:
        ConfigError: an option of a translation engine cannot be used.
    """
    wanted = settings.translation
    return build_translator(
        wanted.engines, surroundings_of(settings, clock),
        TranslationMemory(wanted.cache_characters, wanted.cache_ttl_seconds, clock=clock),
        max_text_length=settings.advanced.max_text_length, make_breaker=lambda: make_breaker(settings, clock),
        clock=clock,
    )  # fmt: skip


def make_library(settings: Settings, clock: Clock, listeners: tuple[Tell, ...] = ()) -> Library:
    """Return the models that are here and can be fetched; `listeners` are told how downloads get on."""
    wanted, voices = settings.models, settings.data_folder / "voices"
    folder = voices if voices in settings.voice_folders or not settings.voice_folders else settings.voice_folders[0]
    limits = Limits(total_timeout_of(os.environ, wanted.download_timeout_seconds), wanted.stall_timeout_seconds)
    hub = hub_of(os.environ, endpoint=wanted.endpoint, is_offline=wanted.offline)
    downloads = Downloads(hub, limits, listeners=listeners, clock=clock)
    finish = converting(settings.models_folder, settings.translation_models_folder, settings.rooms_folder)
    return Library(Store(folder), downloads, settings.models_folder, finish=finish)


def make_rooms(settings: Settings) -> Installations:
    """Return the environments of heavy engines that are here and can be installed."""
    wanted = settings.rooms
    sources = Sources(wanted.torch_index or "", wanted.torch_backend, is_offline=settings.models.offline)
    return Installations(EnvironmentShelf(settings.rooms_folder), sources=sources,
                         limits=InstallationLimits(wanted.install_timeout_seconds))  # fmt: skip


def residency_limits(settings: Settings) -> ResidencyLimits:
    """Return how much memory models may take: three quarters of the machine's where nothing else is said."""
    wanted = settings.rooms
    allowed = machine_bytes() * 3 // 4 if wanted.memory_limit_mb is None else int(wanted.memory_limit_mb * MEGABYTE)
    ceilings = {"cpu": allowed, "cuda": int(wanted.gpu_memory_limit_mb * MEGABYTE)}
    return ResidencyLimits(wanted.idle_unload_seconds, ceilings)


def make_recordings(settings: Settings) -> Recordings:
    """Return what checks recordings that a voice is to be borrowed from."""
    wanted, places = settings.references, settings.references.folders
    if places is None:
        places = (Path(), settings.data_folder, Path(tempfile.gettempdir()))
    limits = RecordingLimits(Bounds(most_seconds=wanted.max_seconds))
    return Recordings(settings.cache_folder / "references", places, limits)
