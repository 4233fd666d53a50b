"""The seam: what an engine is, and the one thread border for engines that block.

A new engine is one file in `engines/` and one entry point; everything else learns about it from what stands here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from portevoix.clock import Clock, system_clock

if TYPE_CHECKING:
    from portevoix.audio import AudioChunk
    from portevoix.rooms.residency import Residency
    from portevoix.speech import Utterance, Voice


class Phase(Enum):
    """Say whether an engine can speak."""

    READY = "ready"
    LOADING = "loading"
    IDLE = "idle"  # it can be loaded, and has not been yet
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class EngineState:
    """Say whether an engine can speak, why not, and what to do.

    Attributes:
        phase: where it stands.
        why: the reason when it is not ready, or a remark when it is.
        hint: what to do about it.
        code: stable code of the error behind `why`.
        device: what it runs on, as `cpu` or `cuda:0`.
        makes_sentences_whole: its first sound comes only when the whole sentence is made.
    """

    phase: Phase
    why: str = ""
    hint: str = ""
    code: str = ""
    device: str = ""
    makes_sentences_whole: bool = False


class Delivery(Enum):
    """How much of its audio may leave before it is certain.

    An engine that can die in the middle hands over whole words (it marks them) or whole sentences, so that the next
    engine takes over at a boundary; one that cannot hands over frames as they come.
    """

    FRAMES = "frames"
    WORDS = "words"
    SENTENCES = "sentences"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Give an engine what it may use of the machine.

    Attributes:
        voice_folders: where voices are looked for, in order.
        cache_folder: where things that can be made again may be kept.
        gpu_memory_fraction: share of a GPU's memory that one engine may take, 0 to 1.
        default_language: language to prefer where there is a choice.
        clock: the time.
        models_folder: where models that are folders of files lie, each in one of its own name.
        rooms_folder: where the environments of heavy engines are, each in one of its own name.
        residency: decides how long what an engine loads by itself may stay in memory; None where nobody does.
    """

    voice_folders: tuple[Path, ...] = ()
    cache_folder: Path = field(default_factory=lambda: Path.cwd() / ".cache")
    gpu_memory_fraction: float = 0.1
    default_language: str = "fr"
    clock: Clock = system_clock
    models_folder: Path = field(default_factory=lambda: Path.cwd() / "models")
    rooms_folder: Path = field(default_factory=lambda: Path.cwd() / "rooms")
    residency: Residency | None = field(default=None, compare=False)


class Engine(Protocol):
    """Turn one sentence into audio.

    Class attributes describe the engine without making one; `Options` is a frozen dataclass whose fields become keys
    under `backends.<name>` of the configuration (metadata: `help`, `unit`, `minimum`, `maximum`, `choices`).
    An engine is built without effort, loads in `load`, and is used from one event loop.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[Any]]
    priority: ClassVar[int]
    """Place in the chain when the configuration gives none; 10 comes before 20."""
    target_latency_ms: ClassVar[float]
    """First audio that is expected of it, in milliseconds, when the configuration gives none."""
    delivery: ClassVar[Delivery]
    is_silent: ClassVar[bool]
    """Its audio is silence on purpose: the last resort."""

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""

    def state(self) -> EngineState:
        """Return where the engine stands now; cheap, never blocks."""

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices it knows, installed or not, the best of each language first; cheap once loaded."""

    async def load(self) -> None:
        """Get ready to speak; safe to call again and from several tasks.

        Raises:
            EngineUnavailable: it cannot be used on this machine as it stands.
            ModelError: its model is missing, broken or of another kind.
        """

    def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence, chunk by chunk, at one sample rate; closing the generator stops the work.

        Raises:
            EngineError: from the generator; what broke.
        """

    async def aclose(self) -> None:
        """Give back processes, threads and memory."""


def parameters_of(engine: Engine) -> dict[str, Field[Any]]:
    """Return what one request may set for an engine, by name: the fields of its class's `Parameters`, if it has one.

    `Parameters` is a frozen dataclass like `Options`, with the same metadata; most engines have none.
    """
    declared = getattr(engine, "Parameters", None)
    return {item.name: item for item in fields(declared)} if declared else {}


@runtime_checkable
class KeepsProcesses(Protocol):
    """Say of an engine that it keeps processes, so that they can be watched."""

    def processes(self) -> tuple[int, ...]:
        """Return the numbers of those that are alive now, the longest kept first; cheap, never blocks."""


@runtime_checkable
class RaisesAlarms(Protocol):
    """An engine that tells somebody when it is asked to speak."""

    def mute(self) -> None:
        """Raise no alarm from now on: what follows is a trial."""

    async def try_alarm(self, *, rings: bool) -> str:
        """Return in words that an alarm would arrive, "" where nobody is to be told; `rings` sends a test.

        Raises:
            EngineFailed: it would not, or the test did not.
            InvalidParameter: where it goes is no address.
            NotAllowed: it may not go there.
        """


@runtime_checkable
class LoadsVoices(Protocol):
    """Say of an engine that is ready that it loads a voice when it is asked for, and may be waited for then."""

    def is_in_memory(self, voice: str) -> bool:
        """Tell whether the voice of this name is loaded; cheap."""


def takes_part(engine: type[Engine]) -> bool:
    """Tell whether an engine is in the chain when nobody says so: yes, unless its class has `takes_part` as false.

    One that has not is in the chain as soon as anything is configured for it.
    """
    return bool(getattr(engine, "takes_part", True))


class Synthesizer(Protocol):
    """Speak by blocking calls; a bridge makes an engine's stream of it.

    One thread at a time calls it. It runs in this process (`ThreadBridge`) or in one of its own (`rooms.Room`).
    """

    def voices(self) -> tuple[Voice, ...]:
        """Return its voices."""

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        """Yield the audio of one sentence; look at `is_cancelled` at least once a chunk."""

    def close(self) -> None:
        """Give back what it holds."""


class ThreadBridge:
    """Run a blocking synthesizer on one thread of its own: the one thread border.

    Chunks are pulled: the thread works on the next one only when it is asked for.
    """

    def __init__(self, synthesizer: Synthesizer, name: str) -> None:
        """Take ownership of `synthesizer`; `name` names the thread."""
        self._synthesizer = synthesizer
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Yield the synthesizer's chunks; one utterance at a time, the next waits."""
        loop = asyncio.get_running_loop()
        cancelled = threading.Event()
        async with self._turn:
            chunks = self._synthesizer.speak(utterance, cancelled.is_set)
            try:
                while (chunk := await loop.run_in_executor(self._threads, next, chunks, None)) is not None:
                    yield chunk
            finally:
                cancelled.set()
                await asyncio.shield(loop.run_in_executor(self._threads, _close, chunks))

    async def aclose(self) -> None:
        """Close the synthesizer and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._synthesizer.close)
        self._threads.shutdown(wait=False)


def _close(chunks: Iterator[AudioChunk]) -> None:
    with suppress(AttributeError):
        chunks.close()  # type: ignore[attr-defined]
