"""The voice assistant's face: one call, four ways to speak, an answer that says who spoke.

Names, fields and defaults are those that existing programs use.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from portevoix.app import App, build, read_configuration
from portevoix.cache.recent import Recent
from portevoix.clock import Clock, system_clock
from portevoix.codecs.wav import wav_file
from portevoix.config import Loaded
from portevoix.errors import InvalidParameter, PortevoixError
from portevoix.loop_thread import LoopThread
from portevoix.metrics_port import MetricsPort
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.speech import SpeechRequest

LOAD_PATIENCE_SECONDS = 5.0


class TTSBackendType(Enum):
    """Name who can have spoken."""

    PIPER_NATIVE = "piper_native"
    PIPER_CLI = "piper_cli"
    SAPI_FRENCH = "sapi_french"
    SILENT_EMERGENCY = "silent_emergency"
    CACHE = "cache"
    NONE = "none"


@dataclass
class TTSResult:
    """Tell what became of a text.

    Attributes:
        success: there is audio.
        backend_used: a value of `TTSBackendType`, or another engine's name.
        latency_ms: from the call to the answer.
        audio_data: a complete WAV file, 16 bit mono, or None.
        error: why there is no audio, or None.
    """

    success: bool
    backend_used: str
    latency_ms: float
    audio_data: bytes | None = None
    error: str | None = None


class UnifiedTTSManager:
    """Speak a text with the best engine that can; never raises for an engine's failure.

    Example:
        ```python
        manager = UnifiedTTSManager("config/tts.yaml")
        result = await manager.synthesize("Bonjour à tous")
        ```

    It works on an event loop of its own, so it may be called from any: one after the other, as several `asyncio.run`
    make them, or several at a time on threads.

    Attributes:
        circuit_breakers: one for each `TTSBackendType`, and by its name for an engine without one there. That of who
            takes no part stays closed.
        app: the parts it is made of; they belong to its own event loop.
    """

    def __init__(self, config_path: str | Path | Mapping[str, Any] | None = "config/tts.yaml") -> None:
        """Read the configuration; where the default file is missing, the defaults hold. Engines load when first used.

        Args:
            config_path: the file, or what `yaml.safe_load` made of it.

        Raises:
            ConfigError: the configuration cannot be used; names every problem.
        """
        self._beginning = Lock()
        self._begin(read_configuration(_existing(config_path)))

    def _begin(self, loaded: Loaded) -> None:
        self.app: App = build(loaded, patience_seconds=LOAD_PATIENCE_SECONDS)
        self.circuit_breakers: Mapping[Any, CircuitBreaker] = MappingProxyType(
            {kind: CircuitBreaker() for kind in TTSBackendType}
            | {_backend(level.name): level.breaker for level in self.app.levels}
        )
        settings = self.app.settings
        self._thread = LoopThread("portevoix")
        self._turns = asyncio.Semaphore(settings.advanced.async_workers)
        self._port = MetricsPort(self.app.metrics.registry, settings.monitoring, settings.server.host)
        self._port.open()
        self._is_closed = False

    async def synthesize(
        self, text: str, voice: str | None = None, speed: float | None = None, reuse_cache: bool = True  # noqa: FBT001, FBT002
    ) -> TTSResult:  # fmt: skip
        """Speak `text` and return all of it; `async_workers` of the configuration are spoken at once, others wait.

        What is in the cache waits for nobody.

        Args:
            text: what to say; empty or longer than `max_text_length` is answered with an error.
            voice: name of a voice, or None for the best one of the language.
            speed: factor of the voice's own pace, 0.25 to 4.0; None for 1.0.
            reuse_cache: take sentences from the cache where they are known.
        """
        began = time.perf_counter()
        request = SpeechRequest(text, voice=voice, speed=1.0 if speed is None else speed, reads_cache=reuse_cache)
        try:
            self._be_open()
            audio, used = await self._thread.run(self._speak(request))
        except PortevoixError as error:
            return TTSResult(False, TTSBackendType.NONE.value, _since_ms(began), error=error.in_full)
        return TTSResult(True, used, _since_ms(began), audio)

    async def load(self) -> None:
        """Load every engine now, so that the first text does not wait for it."""
        self._be_open()
        await self._thread.run(self.app.load())

    def set_feature_flags(self, **flags: object) -> None:
        """Change feature flags for the texts that follow: `use_unified_tts`, `enable_legacy_mode`,
        `enable_piper_native`, `traffic_percent`.

        Raises:
            InvalidParameter: an unknown flag or a value that does not fit; nothing is changed.
        """  # noqa: D205 - the names are what matters
        self.app.flags.change(**flags)

    async def close(self) -> None:
        """Give back processes, memory and the port of the metrics; a text after that begins anew."""
        self._is_closed = True
        if self._thread.is_running:
            await self._thread.run(self.app.aclose())
            await asyncio.to_thread(self._thread.close)
        await asyncio.to_thread(self._port.close)

    async def __aenter__(self) -> Self:
        """Load the engines."""
        await self.load()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    def _be_open(self) -> None:
        with self._beginning:
            if self._is_closed:
                self._begin(self.app.loaded)

    async def _speak(self, request: SpeechRequest) -> tuple[bytes, str]:
        """Return a WAV file and who spoke; runs on the manager's own loop."""
        async with AsyncExitStack() as held:

            async def take_turn() -> bool:
                is_full = self._turns.locked()
                await held.enter_async_context(self._turns)
                return is_full

            speech = await self.app.speaker.open(request, turn=take_turn)
            samples = [chunk.samples async for chunk in speech]
        report = speech.report
        used = TTSBackendType.CACHE.value if report.is_cached else report.engine
        return wav_file(np.concatenate(samples), speech.sample_rate), used


class TTSCache(Recent[str, bytes]):
    """Keep whole clips in memory: LRU, bounded in bytes, each for a time.

    For programs that keep clips of their own; the manager's own cache keeps sentences, see `portevoix.cache`.
    """

    def __init__(
        self, max_size_mb: float = 100, ttl_seconds: float = 3600, eviction_policy: str = "LRU",
        clock: Clock = system_clock,
    ) -> None:  # fmt: skip
        """Keep at most `max_size_mb` million bytes.

        Raises:
            InvalidParameter: another `eviction_policy` than LRU, the least recently used.
        """
        if eviction_policy.upper() != "LRU":
            raise InvalidParameter(f"eviction_policy is {eviction_policy!r:.40}", "it must be LRU")
        super().__init__(int(max_size_mb * 1_000_000), lambda _, audio: len(audio), ttl_seconds, clock)

    @staticmethod
    def key(text: str, voice: str | None = None, speed: float | None = None) -> str:
        """Return the SHA-256 of a request, in hex."""
        return hashlib.sha256(repr((text, voice, speed)).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Return what all clips take."""
        return self.size

    def set(self, key: str, audio: bytes) -> None:
        """Keep a clip; the least recently used ones make room for it. One larger than the cache is not kept."""
        self.put(key, audio)


def _existing(config_path: str | Path | Mapping[str, Any] | None) -> Path | Mapping[str, Any] | None:
    """Return the configuration or its path; a default that is not there is no error."""
    if isinstance(config_path, Mapping):
        return config_path
    if config_path is None or (str(config_path) == "config/tts.yaml" and not Path(config_path).exists()):
        return None
    return Path(config_path)


def _backend(name: str) -> TTSBackendType | str:
    try:
        return TTSBackendType(name)
    except ValueError:
        return name


def _since_ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
