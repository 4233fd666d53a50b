"""The voice assistant's face: one call, four ways to speak, an answer that says who spoke.

Names, fields and defaults are those that existing programs use.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from portevoix.app import App, build, read_configuration
from portevoix.clock import Clock, system_clock
from portevoix.codecs.wav import wav_file
from portevoix.errors import PortevoixError
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.speech import SpeechRequest

logger = logging.getLogger(__name__)

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

    Attributes:
        circuit_breakers: one for each engine, by `TTSBackendType` (an engine without one there by its name).
        app: the parts it is made of.
    """

    def __init__(self, config_path: str | Path | None = "config/tts.yaml") -> None:
        """Read the configuration; where the default file is missing, the defaults hold. Engines load when first used.

        Raises:
            ConfigError: the configuration cannot be used; names every problem.
        """
        self.app: App = build(read_configuration(_existing(config_path)), patience_seconds=LOAD_PATIENCE_SECONDS)
        self.circuit_breakers: Mapping[Any, CircuitBreaker] = MappingProxyType(
            {_backend(level.name): level.breaker for level in self.app.levels}
        )

    async def synthesize(
        self, text: str, voice: str | None = None, speed: float | None = None, reuse_cache: bool = True  # noqa: FBT001, FBT002
    ) -> TTSResult:  # fmt: skip
        """Speak `text` and return all of it.

        Args:
            text: what to say; empty or longer than `max_text_length` is answered with an error.
            voice: name of a voice, or None for the best one of the language.
            speed: factor of the voice's own pace, 0.25 to 4.0; None for 1.0.
            reuse_cache: take sentences from the cache where they are known.
        """
        began = time.perf_counter()
        request = SpeechRequest(text, voice=voice, speed=1.0 if speed is None else speed, reads_cache=reuse_cache)
        try:
            speech = await self.app.speaker.open(request)
            samples = [chunk.samples async for chunk in speech]
            audio = wav_file(np.concatenate(samples), speech.sample_rate)
        except PortevoixError as error:
            return TTSResult(False, TTSBackendType.NONE.value, _since_ms(began), error=_in_words(error))
        report = speech.report
        used = TTSBackendType.CACHE.value if report.is_cached else report.engine
        return TTSResult(True, used, _since_ms(began), audio)

    async def load(self) -> None:
        """Load every engine now, so that the first text does not wait for it."""
        await self.app.load()

    def set_feature_flags(self, **flags: object) -> None:
        """Change feature flags for the texts that follow: `use_unified_tts`, `enable_legacy_mode`,
        `enable_piper_native`, `traffic_percent`.

        Raises:
            InvalidParameter: an unknown flag or a value that does not fit; nothing is changed.
        """  # noqa: D205 - the names are what matters
        self.app.flags.change(**flags)

    async def close(self) -> None:
        """Give back processes and memory."""
        await self.app.aclose()

    async def __aenter__(self) -> Self:
        """Load the engines."""
        await self.load()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()


class TTSCache:
    """Keep whole clips in memory: LRU, bounded in bytes, each for a time.

    For programs that keep clips of their own; the manager's own cache keeps sentences, see `portevoix.cache`.
    """

    def __init__(self, max_size_mb: float = 100, ttl_seconds: float = 3600, clock: Clock = system_clock) -> None:
        """Keep at most `max_size_mb` million bytes."""
        self._max_bytes = int(max_size_mb * 1_000_000)
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._clips: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self.size_bytes = 0

    @staticmethod
    def key(text: str, voice: str | None = None, speed: float | None = None) -> str:
        """Return the SHA-256 of a request, in hex."""
        return hashlib.sha256(repr((text, voice, speed)).encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, key: str) -> bytes | None:
        """Return a clip that is still fresh, or None."""
        kept = self._clips.get(key)
        if kept is None:
            return None
        if self._clock() - kept[0] >= self._ttl_seconds:
            self.remove(key)
            return None
        self._clips.move_to_end(key)
        return kept[1]

    def set(self, key: str, audio: bytes) -> None:
        """Keep a clip; the least recently used ones make room for it. One larger than the cache is not kept."""
        self.remove(key)
        if len(audio) > self._max_bytes:
            return
        self._clips[key] = (self._clock(), audio)
        self.size_bytes += len(audio)
        while self.size_bytes > self._max_bytes:
            self.remove(next(iter(self._clips)))

    def remove(self, key: str) -> None:
        """Forget a clip."""
        _, audio = self._clips.pop(key, (0.0, b""))
        self.size_bytes -= len(audio)

    def clear(self) -> None:
        """Forget all."""
        self._clips.clear()
        self.size_bytes = 0


def _existing(config_path: str | Path | None) -> Path | None:
    """Return the configuration's path; a default that is not there is no error."""
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


def _in_words(error: PortevoixError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)
