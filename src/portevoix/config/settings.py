"""The settings as frozen values: names, defaults, bounds and meanings, all in one place.

A field's metadata has `help` (a clause), and where they apply `unit`, `minimum`, `maximum`, `choices`, `secret` (never
shown) and `shown_default` (what the reference says where a default depends on the machine). An engine's `Options` use
the same keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portevoix.config import folders
from portevoix.config.models import ModelSettings, ReferenceSettings
from portevoix.config.translation import TranslationSettings

VoiceChoice = str | Mapping[str, str]
"""A voice's name, or one for each language."""

DAY_SECONDS = 86_400


def about(text: str, **bounds: Any) -> dict[str, Any]:
    """Return a field's metadata."""
    return {"help": text, **bounds}


def _user_data_folder() -> Path:
    return folders.data_folder(os.environ)


def _user_cache_folder() -> Path:
    return folders.cache_folder(os.environ)


def _user_voice_folders() -> tuple[Path, ...]:
    return folders.voice_folders(folders.data_folder(os.environ))


@dataclass(frozen=True, slots=True)
class LevelOptions:
    """The keys that every engine has under `backends.<name>`.

    Attributes:
        enabled: None stands for the engine's own; `BackendSettings` has it filled in, and the next two.
        target_latency_ms: None stands for the engine's own.
        priority: None stands for the engine's own.
    """

    enabled: bool | None = field(
        default=None,
        metadata=about(
            "use this engine", shown_default="`true`; for heavy and remote engines once anything is set for them"
        ),
    )
    target_latency_ms: float | None = field(
        default=None,
        metadata=about(
            "first audio that is expected of it", unit="milliseconds", minimum=1, shown_default="the engine's own"
        ),
    )
    priority: int | None = field(
        default=None,
        metadata=about("place in the chain: 10 is asked before 20", shown_default="the engine's own"),
    )
    priorities: Mapping[str, int] = field(
        default_factory=dict, metadata=about("its place in the chain for single languages, as `en: 5`")
    )
    voices: Mapping[str, str] = field(
        default_factory=dict, metadata=about("voice of this engine for each language, as `fr: fr_FR-siwis-medium`")
    )


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """Say how one installed engine is used.

    Attributes:
        enabled: it takes part; see also `Settings.enables`.
        target_latency_ms: first audio that is expected of it, in milliseconds.
        priority: place in the chain, lower first.
        voices: its voice by language.
        options: its own `Options`.
        priorities: place in the chain for single languages.
    """

    enabled: bool
    target_latency_ms: float
    priority: int
    voices: Mapping[str, str]
    options: Any
    priorities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What is kept of what was spoken."""

    enabled: bool = field(default=True, metadata=about("keep spoken sentences"))
    max_size_mb: float = field(default=100.0, metadata=about("size of the cache in memory", unit="MB", minimum=0))
    ttl_seconds: float = field(
        default=3600.0, metadata=about("how long a sentence is kept in memory", unit="seconds", minimum=1)
    )
    eviction_policy: str = field(
        default="LRU", metadata=about("what goes when the cache is full: the least recently used", choices=("LRU",))
    )
    disk_enabled: bool = field(default=True, metadata=about("keep sentences on disk as well"))
    disk_max_size_mb: float = field(default=500.0, metadata=about("size of the cache on disk", unit="MB", minimum=0))
    disk_ttl_seconds: float = field(
        default=30.0 * DAY_SECONDS, metadata=about("how long a sentence is kept on disk", unit="seconds", minimum=1)
    )
    folder: Path | None = field(
        default=None, metadata=about("where sentences are kept on disk", shown_default="`speech` in `cache_folder`")
    )


@dataclass(frozen=True, slots=True)
class CircuitBreakerSettings:
    """When an engine that fails is left alone."""

    failure_threshold: int = field(
        default=3, metadata=about("failures in a row after which an engine rests", minimum=1)
    )
    reset_timeout_seconds: float = field(
        default=30.0, metadata=about("rest before it is tried again", unit="seconds", minimum=0)
    )


@dataclass(frozen=True, slots=True)
class MonitoringSettings:
    """What is told to those who operate the server."""

    prometheus_enabled: bool = field(default=False, metadata=about("serve the metrics on a port of their own as well"))
    prometheus_port: int = field(
        default=9090, metadata=about("that port; 0 takes a free one", minimum=0, maximum=65_535)
    )
    log_performance_metrics: bool = field(default=True, metadata=about("log how fast each request was spoken"))
    alert_on_fallback: bool = field(default=True, metadata=about("log a warning when the first choice did not speak"))
    log_format: str = field(
        default="human", metadata=about("lines for people, or one JSON object a line", choices=("human", "json"))
    )
    log_level: str = field(
        default="INFO",
        metadata=about("least severity that is logged", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    )
    traces_endpoint: str | None = field(
        default=None,
        metadata=about("send OpenTelemetry traces to this OTLP address, as `http://127.0.0.1:4318/v1/traces`; "
                       "needs the extra `otel`", shown_default="no traces"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AdvancedSettings:
    """Limits and budgets."""

    gpu_memory_fraction: float = field(
        default=0.1, metadata=about("share of a GPU's memory that one engine may take", minimum=0.01, maximum=1)
    )
    async_workers: int = field(
        default=4, metadata=about("requests that a program speaks at once", minimum=1, maximum=1024)
    )
    max_text_length: int = field(
        default=1000, metadata=about("longest text of one request; 0 sets no limit", unit="characters", minimum=0)
    )
    sanitize_text: bool = field(default=True, metadata=about("remove what cannot be spoken, such as Markdown or emoji"))
    first_audio_budget_factor: float = field(
        default=2.0,
        metadata=about("the next engine is asked as well when the first audio is later than the target times this",
                       minimum=1),
    )  # fmt: skip
    load_patience_seconds: float = field(
        default=0.0,
        metadata=about("wait for an engine that is loading; 0 asks the next one at once", unit="seconds", minimum=0),
    )
    read_ahead_seconds: float = field(
        default=10.0, metadata=about("audio that is made ahead of the listener", unit="seconds", minimum=0, maximum=600)
    )
    lead_in_seconds: float = field(
        default=0.0,
        metadata=about("silence before every speech, for devices that are asleep and swallow the first word",
                       unit="seconds", minimum=0, maximum=10),
    )  # fmt: skip
    default_language: str = field(default="fr", metadata=about("language where neither voice nor text tells it"))


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """What can be switched while running."""

    use_unified_tts: bool = field(default=True, metadata=about("speak through the chain of engines"))
    enable_legacy_mode: bool = field(default=False, metadata=about("speak with the first engine alone, without chain"))
    enable_piper_native: bool = field(default=True, metadata=about("let `piper_native` take part"))
    traffic_percent: float = field(
        default=100.0,
        metadata=about("share of requests that the chain speaks", unit="percent", minimum=0, maximum=100),
    )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, and how much it takes on."""

    host: str = field(default="127.0.0.1", metadata=about("address to listen on; `0.0.0.0` for every network"))
    port: int = field(default=8001, metadata=about("port to listen on; 0 takes a free one", minimum=0, maximum=65_535))
    max_body_bytes: int = field(
        default=2_097_152, metadata=about("largest body of a request", unit="bytes", minimum=1024)
    )
    max_text_length: int = field(
        default=100_000,
        metadata=about("longest text of one HTTP request; 0 sets no limit", unit="characters", minimum=0),
    )
    max_concurrent_requests: int = field(default=16, metadata=about("requests that are spoken at once", minimum=1))
    max_queued_requests: int = field(
        default=64, metadata=about("requests that wait their turn; more are told to come back later", minimum=0)
    )
    queue_timeout_seconds: float = field(
        default=30.0, metadata=about("longest wait for a turn", unit="seconds", minimum=0.1)
    )
    send_timeout_seconds: float = field(
        default=30.0,
        metadata=about("a client that takes nothing for so long is cut off", unit="seconds", minimum=0.1),
    )
    stop_timeout_seconds: float = field(
        default=10.0,
        metadata=about("how long a stop waits for what is being spoken", unit="seconds", minimum=0, maximum=3600),
    )
    reuse_port: bool = field(
        default=False,
        metadata=about("let a second server listen on the same port, so that one follows the other without a gap"),
    )
    allow_anyone: bool = field(
        default=False, metadata=about("listen beyond this machine without keys: anyone there may speak")
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=about("sites whose pages may ask from a browser, as `https://example.org`; `*` for all"),
    )


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """Where heavy engines live, and where their packages come from."""

    folder: Path | None = field(
        default=None,
        metadata=about("where the environments of heavy engines are", shown_default="`rooms` in `data_folder`"),
    )
    gpu_memory_limit_mb: float = field(
        default=0.0,
        metadata=about("memory that models may take together on one GPU; 0 for no limit", unit="MB", minimum=0),
    )
    idle_unload_seconds: float = field(
        default=3600.0,
        metadata=about("unload engines and voices not used for so long; 0 for never", unit="seconds", minimum=0),
    )
    install_timeout_seconds: float = field(
        default=3600.0, metadata=about("longest time for one installation", unit="seconds", minimum=1)
    )
    memory_limit_mb: float | None = field(
        default=None,
        metadata=about("memory that models may take together; the idlest makes place; 0 for no limit", unit="MB",
                       minimum=0, shown_default="three quarters of the machine's"),
    )  # fmt: skip
    torch_backend: str = field(
        default="auto",
        metadata=about("build of PyTorch to install, as `cpu` or `cu130`; `auto` takes what the machine has"),
    )
    torch_index: str | None = field(
        default=None, metadata=about("address of a package index to take PyTorch from", shown_default="PyTorch's own")
    )


@dataclass(frozen=True, slots=True)
class WyomingSettings:
    """Where Home Assistant finds the server by the Wyoming protocol, which has no keys: mind who can reach it."""

    enabled: bool = field(default=False, metadata=about("serve the Wyoming protocol as well"))
    host: str = field(default="127.0.0.1", metadata=about("address to listen on; `0.0.0.0` for every network"))
    port: int = field(
        default=10_200, metadata=about("port to listen on; 0 takes a free one", minimum=0, maximum=65_535)
    )
    unix_socket: Path | None = field(default=None, metadata=about("Unix socket to listen on as well"))
    zeroconf: bool | str = field(
        default=False,
        metadata=about("let Home Assistant find the server by itself: `true`, or the name to be found under; "
                       "needs the extra `zeroconf`"),
    )  # fmt: skip
    max_connections: int = field(
        default=100, metadata=about("clients that are connected at once; more are turned away", minimum=1)
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured.

    Mappings are not to be changed by whoever reads them. Relative paths are relative to the current folder.

    Attributes:
        backends: one entry for every installed engine, configured or not.
        absent_backends: what the configuration says about engines that are not installed, as plain values.
    """

    enable_piper_native: bool = field(
        default=True, metadata=about("let `piper_native` take part; the same as the feature flag")
    )
    backends: Mapping[str, BackendSettings] = field(default_factory=dict)
    absent_backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cache: CacheSettings = field(default_factory=CacheSettings)
    circuit_breaker: CircuitBreakerSettings = field(default_factory=CircuitBreakerSettings)
    monitoring: MonitoringSettings = field(default_factory=MonitoringSettings)
    advanced: AdvancedSettings = field(default_factory=AdvancedSettings)
    feature_flags: FeatureFlags = field(default_factory=FeatureFlags)
    server: ServerSettings = field(default_factory=ServerSettings)
    wyoming: WyomingSettings = field(default_factory=WyomingSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    translation: TranslationSettings = field(default_factory=TranslationSettings)
    rooms: RoomSettings = field(default_factory=RoomSettings)
    references: ReferenceSettings = field(default_factory=ReferenceSettings)
    voices: Mapping[str, VoiceChoice] = field(
        default_factory=dict,
        metadata=about(
            "voice for a name that clients ask for, or one for each language: `alloy: {fr: …, en: …}`; "
            "`name#speaker` is one of several speakers in a voice"
        ),
    )
    replacements: tuple[tuple[str, str], ...] = field(
        default=(),
        metadata=about(
            "how words are to be spoken: pairs of a regular expression and what is said in its place, in this order, "
            "as `[['\\bDr\\.', 'Doctor']]`",
            holds_patterns=True,
        ),
    )
    voice_folders: tuple[Path, ...] = field(
        default_factory=_user_voice_folders,
        metadata=about(
            "where voices are looked for, in order; those of `PORTEVOIX_VOICES` come first",
            shown_default="`voices`, then `voices` in `data_folder`",
        ),
    )
    data_folder: Path = field(
        default_factory=_user_data_folder,
        metadata=about("where voices and models are kept", shown_default="`$XDG_DATA_HOME/portevoix`"),
    )
    cache_folder: Path = field(
        default_factory=_user_cache_folder,
        metadata=about("where things are kept that can be made again", shown_default="`$XDG_CACHE_HOME/portevoix`"),
    )

    @property
    def speech_folder(self) -> Path:
        """Return where spoken sentences are kept on disk."""
        return self.cache.folder or self.cache_folder / "speech"

    @property
    def models_folder(self) -> Path:
        """Return where models that are folders are kept."""
        return self.models.folder or self.data_folder / "models"

    @property
    def translation_models_folder(self) -> Path:
        """Return where converted translation models are kept, which is where their engine looks for them."""
        folder = self.translation.engines.get("ctranslate2", {}).get("folder")
        return Path(folder) if folder else self.models_folder / "translate"

    @property
    def rooms_folder(self) -> Path:
        """Return where the environments of heavy engines are."""
        return self.rooms.folder or self.data_folder / "rooms"

    def enables(self, engine: str) -> bool:
        """Tell whether an engine takes part: its own switch, and for `piper_native` either of its two others."""
        backend = self.backends.get(engine)
        if backend is None or not backend.enabled:
            return False
        return engine != "piper_native" or (self.enable_piper_native and self.feature_flags.enable_piper_native)
