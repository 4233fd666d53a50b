"""Engines that can be configured and do nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from portevoix.engine import Delivery, EngineState, Phase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from portevoix.audio import AudioChunk
    from portevoix.speech import Utterance, Voice


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Nothing to choose."""


class QuietEngine:
    """Is there, and says nothing."""

    name: ClassVar[str] = "quiet"
    summary: ClassVar[str] = "says nothing"
    Options: ClassVar[type[Any]] = NoOptions
    priority: ClassVar[int] = 90
    target_latency_ms: ClassVar[float] = 7.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    is_silent: ClassVar[bool] = True

    def __init__(self, options: Any, surroundings: Any) -> None:
        self.options = options

    def state(self) -> EngineState:
        return EngineState(Phase.UNAVAILABLE)

    def voices(self) -> tuple[Voice, ...]:
        return ()

    async def load(self) -> None:
        return None

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        return
        yield

    async def aclose(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class PiperOptions:
    """Options of a voice in this process."""

    device: str | None = field(default=None, metadata={"help": "what to run on"})
    model_path: Path | None = field(default=None, metadata={"help": "the model"})
    model_config_path: Path | None = field(default=None, metadata={"help": "its description"})
    speaker_id: int | str | None = field(default=None, metadata={"help": "who speaks", "minimum": 0})


@dataclass(frozen=True, slots=True)
class CliOptions:
    """Options of a child process."""

    executable_path: Path | None = field(default=None, metadata={"help": "the program"})
    model_path: Path | None = field(default=None, metadata={"help": "the model"})
    speaker_id: int | None = field(default=None, metadata={"help": "who speaks"})


@dataclass(frozen=True, slots=True)
class SystemOptions:
    """Options of the system's voice."""

    voice_name: str = field(default="", metadata={"help": "who speaks"})
    rate: int = field(default=0, metadata={"help": "pace", "minimum": -10, "maximum": 10})
    volume: int = field(default=100, metadata={"help": "loudness", "minimum": 0, "maximum": 100, "unit": "%"})

    def __post_init__(self) -> None:
        if self.rate and self.voice_name == "fixed":
            raise ValueError("the voice 'fixed' has no rate")


@dataclass(frozen=True, slots=True)
class SilentOptions:
    """Options of the last resort."""

    log_level: Literal["CRITICAL", "ERROR"] = field(default="CRITICAL", metadata={"help": "severity"})
    alert_webhook: str | None = field(default=None, metadata={"help": "told of it", "secret": True})
    headers: Mapping[str, str] = field(default_factory=dict, metadata={"help": "sent along"})


class PiperNative(QuietEngine):
    name, summary, Options, priority, target_latency_ms = "piper_native", "a voice in process", PiperOptions, 10, 120.0


class PiperCli(QuietEngine):
    name, summary, Options, priority, target_latency_ms = "piper_cli", "a child process", CliOptions, 20, 1000.0


class SystemVoice(QuietEngine):
    name, summary, Options, priority, target_latency_ms = "sapi_french", "the system's voice", SystemOptions, 30, 2000.0


class SilentEmergency(QuietEngine):
    name, summary, Options, priority, target_latency_ms = "silent_emergency", "the last resort.", SilentOptions, 40, 5.0


ENGINES = {kind.name: kind for kind in (PiperNative, PiperCli, SystemVoice, SilentEmergency)}
