"""The system's own voice: Windows' SAPI, macOS's `say`, and espeak-ng everywhere, through one door.

Each lives in a process of its own: a crash in a native library costs one sentence.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import EngineError, EngineUnavailable
from portevoix.rooms.room import Room
from portevoix.rooms.worker import RoomPlan
from portevoix.speech import language_family

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.audio import AudioChunk
    from portevoix.speech import Utterance, Voice

logger = logging.getLogger(__name__)

ESPEAK = "portevoix.system.espeak:EspeakSynthesizer"
SAPI = "portevoix.system.sapi:SapiSynthesizer"
SAY = "portevoix.system.macos:SaySynthesizer"


def factories(platform: str) -> tuple[str, ...]:
    """Return what to speak with on a platform (as `sys.platform` names it), the best first."""
    own = {"win32": (SAPI,), "darwin": (SAY,)}
    return (*own.get(platform, ()), ESPEAK)


@dataclass(frozen=True, slots=True)
class SystemVoiceOptions:
    """Say how the system's voice speaks."""

    voice_name: str | None = field(default=None, metadata={"help": "voice to prefer within its language"})
    rate: int = field(default=0, metadata={"help": "pace: 10 is three times as fast", "minimum": -10, "maximum": 10})
    volume: int = field(default=100, metadata={"help": "loudness", "unit": "%", "minimum": 0, "maximum": 100})


class SystemVoice:
    """Speak with the voice that the system brings along."""

    name: ClassVar[str] = "sapi_french"
    summary: ClassVar[str] = "the system's own voice: SAPI on Windows, say on macOS, espeak-ng everywhere"
    Options: ClassVar[type[SystemVoiceOptions]] = SystemVoiceOptions
    priority: ClassVar[int] = 30
    target_latency_ms: ClassVar[float] = 2000.0
    delivery: ClassVar[Delivery] = Delivery.WORDS
    is_silent: ClassVar[bool] = False

    def __init__(
        self, options: SystemVoiceOptions, surroundings: Surroundings, *, candidates: tuple[str, ...] | None = None
    ) -> None:
        """Keep the options; `candidates` are the factories to try in order, by default those of this platform."""
        self._options = options
        self._surroundings = surroundings
        self._candidates = factories(sys.platform) if candidates is None else candidates
        self._room: Room | None = None
        self._voices: tuple[Voice, ...] = ()
        self._remark = ""
        self._error: EngineError | None = None
        self._loading = asyncio.Lock()

    def state(self) -> EngineState:
        """Return where the system's voice stands."""
        if self._room is not None:
            state = self._room.state()
            return replace(state, why=state.why or self._remark, device="cpu")
        if self._error is not None:
            return EngineState(Phase.UNAVAILABLE, str(self._error), self._error.hint, self._error.code)
        return EngineState(Phase.LOADING if self._loading.locked() else Phase.IDLE)

    def voices(self) -> tuple[Voice, ...]:
        """Return its voices, the preferred one of each language first; empty until it is loaded."""
        return self._voices

    async def load(self) -> None:
        """Start the process of the first candidate that works.

        Raises:
            EngineError: none works; the last one's reason.
        """
        await self._ready_room()

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence, word by word where the system tells them; closing the generator stops the work.

        Raises:
            EngineError: the process died, or the voice refused.
        """
        room = await self._ready_room()
        async with aclosing(room.stream(utterance)) as chunks:
            async for chunk in chunks:
                yield chunk

    def processes(self) -> tuple[int, ...]:
        """Return the numbers of the processes it keeps."""
        return self._room.processes() if self._room else ()

    async def aclose(self) -> None:
        """End the process."""
        async with self._loading:
            room, self._room = self._room, None
            if room is not None:
                await room.aclose()

    async def _ready_room(self) -> Room:
        async with self._loading:
            room = self._room = self._room or await self._open()
        await room.start()
        return room

    async def _open(self) -> Room:
        refusal: EngineError = EngineUnavailable("there is no system voice", f"nothing is known for {sys.platform}")
        for factory in self._candidates:
            options = {"rate": self._options.rate, "volume": self._options.volume}
            room = Room(RoomPlan(self.name, factory, options))
            try:
                await room.start()
            except EngineError as error:
                logger.info("engine.candidate_refused", extra={"engine": self.name, "why": str(error)})
                refusal = error
                await room.aclose()
            else:
                self._error = None
                self._voices = self._ranked(room.voices())
                return room
        self._error = refusal
        raise refusal

    def _ranked(self, voices: tuple[Voice, ...]) -> tuple[Voice, ...]:
        """Put the wanted voice first and the default language's next; the order is the room's otherwise."""
        wanted, default = self._options.voice_name, language_family(self._surroundings.default_language)
        mine = tuple(replace(voice, engine=self.name) for voice in voices)
        if wanted and wanted not in {voice.name for voice in mine}:
            self._remark = f"it has no voice named {wanted}"
        return tuple(sorted(mine, key=lambda voice: (voice.name != wanted, voice.family != default)))
