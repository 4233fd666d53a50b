"""The server's side of a heavy engine: what every one of them has in common.

An engine's file brings three things: frozen `Options` that extend `HousedOptions`, a `Narrator` that imports its
packages inside its methods, and a subclass of `Housed` that says in class attributes what it is and what it needs.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import EngineError, EngineUnavailable, ModelMissing
from portevoix.rooms.environments import EnvironmentShelf, interpreter_in
from portevoix.rooms.models import are_replaced, is_there, presence_of, prints_of, signature_of, stamp_of
from portevoix.rooms.narration import Narrator, Setting, narration_of
from portevoix.rooms.plan import plan_of
from portevoix.rooms.requirements import Consent, Refusal, check_wish, environment_fault, with_hint
from portevoix.rooms.room import Room
from portevoix.rooms.threads import ThreadRoom
from portevoix.speech import Voice, language_family
from portevoix.system.memory import resident_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.audio import AudioChunk
    from portevoix.speech import Utterance

logger = logging.getLogger(__name__)

MEBIBYTE = 1 << 20
PACKAGES_BYTES = 400 * MEBIBYTE
"""What PyTorch and its company take of a process's memory without any model."""


@dataclass(frozen=True, slots=True)
class HousedOptions:
    """Say where a heavy engine runs; every one has these."""

    model_path: str | None = field(
        default=None, metadata={"help": "folder of the model, where it is not the one that `portevoix models get` made"}
    )
    device: str = field(default="auto", metadata={"help": "`auto`, `cpu`, `cuda` or `cuda:1`"})
    room: bool = field(
        default=True, metadata={"help": "run in a process and an environment of its own; else inside this program"}
    )
    python: str | None = field(
        default=None, metadata={"help": "interpreter of an environment that `portevoix engines install` did not make"}
    )
    threads: int = field(
        default=0,
        metadata={"help": "processor cores that it may use; 0 for all, at most 8", "minimum": 0, "maximum": 256},
    )
    memory_limit_mb: int = field(
        default=0,
        metadata={"help": "its process is replaced when it takes more; 0 for no limit", "unit": "MB", "minimum": 0},
    )
    ready_seconds: float = field(
        default=300.0, metadata={"help": "longest time to load the model", "unit": "seconds", "minimum": 1}
    )


class Housed:
    """Run a narrator in a room of its own, or on a thread of this process when the options say so.

    Whether it can speak is decided by looks at the disk, so that what is installed or fetched meanwhile is noticed.

    Attributes of the class, beside those of `Engine`:
        Narrator: what speaks; made in the room.
        model: name of the model in the catalogue, and of its folder.
        files: what must be in that folder, and not be empty.
        environment: name of the environment that it runs in; "" for the one of this program.
        packages: modules that must be importable to run it inside this process.
        languages: what it speaks, without regions.
        can_clone: it can speak like a recording.
        needs_transcript: cloning needs what is said in the recording.
        licence: licence of the model, as the catalogue names it.
        asks_consent: somebody has to have agreed to it.
        changes_speed: its narrator heeds `Passage.speed`; else the audio is stretched.
        most_characters: longest text that it bears at once, by language, with `""` for the others.
        cancel_seconds: how long it may take to stop before its process is killed, which costs a new start.
        runs_on_torch: PyTorch decides about its device.
        takes_part: it is in the chain when the configuration does not say whether.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[Any]] = HousedOptions
    Narrator: ClassVar[type[Narrator]]
    priority: ClassVar[int] = 40
    target_latency_ms: ClassVar[float] = 3000.0
    delivery: ClassVar[Delivery] = Delivery.SENTENCES
    is_silent: ClassVar[bool] = False
    model: ClassVar[str]
    files: ClassVar[tuple[str, ...]] = ()
    environment: ClassVar[str] = "neural"
    packages: ClassVar[tuple[str, ...]] = ()
    languages: ClassVar[tuple[str, ...]] = ()
    can_clone: ClassVar[bool] = False
    needs_transcript: ClassVar[bool] = False
    licence: ClassVar[str] = ""
    asks_consent: ClassVar[bool] = False
    changes_speed: ClassVar[bool] = False
    most_characters: ClassVar[dict[str, int]] = {"": 300}
    cancel_seconds: ClassVar[float] = 5.0
    runs_on_torch: ClassVar[bool] = True
    takes_part: ClassVar[bool] = False

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""
        self.options = options
        self.surroundings = surroundings
        self._body: Room | ThreadRoom | None = None
        self._starting: Room | ThreadRoom | None = None
        self._closings = 0
        self._loading = asyncio.Lock()
        self._voices: tuple[Voice, ...] = ()
        self._prints: dict[str, str] = {}
        self._refusal = Refusal()
        self._consent = Consent()
        self._users = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    # What an engine may say in its own way

    def model_fault(self) -> EngineError | None:
        """Return what is wrong with the model on disk, by a cheap look, or None."""
        lacking = [name for name in self.files if not is_there(self.folder / name)]
        if not lacking:
            return None
        why = f"there is no {self.folder}" if not self.folder.is_dir() else f"{self.folder} lacks {', '.join(lacking)}"
        return ModelMissing(f"the model {self.model} is not on this machine", why, self.model_hint)

    def first_folder(self) -> Path:
        """Return the folder of the model that is loaded first."""
        return self.folder

    def listed(self) -> tuple[Voice, ...]:
        """Return the voices that can be told without loading the model, the best first."""
        return (self.voice(self.name),)

    def check(self) -> None:
        """Look closer at the model, before it is loaded: whether it is one of this engine's.

        Raises:
            ModelError: it is not.
        """

    # What engines use

    @property
    def folder(self) -> Path:
        """Return the folder of the model."""
        configured = self.options.model_path
        return Path(configured) if configured else self.surroundings.models_folder / self.model

    @property
    def cache_folder(self) -> Path:
        """Return where this engine alone keeps what can be made again."""
        return self.surroundings.cache_folder / self.name

    @property
    def model_hint(self) -> str:
        """Return what to do when the model is not there."""
        return self.hint_for(self.model)

    def hint_for(self, model: str) -> str:
        """Return how to get a model."""
        if self.options.model_path:
            return f"Correct backends.{self.name}.model_path."
        return f"Fetch it: portevoix models get {model}"

    def voice(self, name: str, **facts: Any) -> Voice:
        """Return a voice of this engine; `facts` replace what the class says."""
        languages = facts.get("languages", self.languages)
        default = self.surroundings.default_language
        language = default if language_family(default) in languages else (*languages, "")[0]
        usual = Voice(name, self.name, language, licence=self.licence, languages=languages, can_clone=self.can_clone)
        return replace(usual, **{**presence_of(self.model_fault(), self.folder), **facts})

    @classmethod
    def language_of(cls, language: str) -> str:
        """Return a language as narrators get it, which is without its region."""
        return language_family(language)

    @classmethod
    def most_characters_in(cls, language: str) -> int:
        """Return how long a text it bears at once in a language."""
        return cls.most_characters.get(language_family(language), cls.most_characters[""])

    # The engine

    def state(self) -> EngineState:
        """Return where the engine stands; looks at the disk as long as it is not loaded."""
        if self._body is not None:
            state = replace(self._body.state(), device=self._body.device)
            if state.phase is not Phase.UNAVAILABLE or (error := self._fault()) is None:
                return state
            return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
        if self._loading.locked():
            return EngineState(Phase.LOADING)
        if (error := self._fault() or self._refusal.recent(self._signature(), self.surroundings.clock())) is not None:
            return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
        return EngineState(Phase.IDLE)

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices known from the disk, and once it is loaded those inside the model."""
        listed = self.listed()
        names = {voice.name for voice in listed}
        inside = self._body.voices() if self._body is not None else ()
        known = (*listed, *(replace(one, engine=self.name) for one in inside if one.name not in names))
        if known != self._voices:
            self._voices = known
        return self._voices

    async def load(self) -> None:
        """Start the room and load the model; safe to call again and from several tasks.

        Raises:
            EngineUnavailable: the environment is not installed, a licence is not accepted, or there is no such device.
            ModelError: the model is missing, broken or of another kind.
            EngineTimeout: it was not loaded in time.
        """
        closings = self._closings
        async with self._loading:
            await self._ready_body(closings)

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence; closing the generator stops the work.

        Raises:
            CannotSay: the engine does not speak the language, or nothing in the text can be said.
            CannotClone: the recording cannot be used as it is.
            EngineError: from loading, or because the worker died, failed or ran away.
        """
        self._check_wish(utterance)
        closings = self._closings
        async with self._loading:
            body = await self._ready_body(closings)
            self._enter()
        try:
            async with aclosing(body.stream(utterance)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self._leave()

    async def unload(self) -> None:
        """Give the model's memory back once nobody speaks; the next request loads it again."""
        async with self._loading:
            await self._quiet.wait()
            await self._end_body()

    async def aclose(self) -> None:
        """End the process, also one that is being started; whoever is heard or waits is told."""
        self._closings += 1
        if self._starting is not None:
            await self._starting.aclose()
        await self._end_body()

    @property
    def users(self) -> int:
        """Return how many utterances are being spoken or wait for their turn."""
        return self._users

    @property
    def is_loaded(self) -> bool:
        """Tell whether a model is in memory."""
        return self._body is not None

    @property
    def device(self) -> str:
        """Return what it runs on, as `cpu` or `cuda:0`; what it will probably run on while it is not loaded."""
        if self._body is not None and self._body.device:
            return self._body.device
        wanted = str(self.options.device).lower()
        if wanted != "auto":
            return "cuda:0" if wanted == "cuda" else wanted
        note = EnvironmentShelf(self.surroundings.rooms_folder).note(self.environment)
        return "cuda:0" if self.runs_on_torch and note is not None and note.device.startswith("cu") else "cpu"

    @property
    def bytes(self) -> int:
        """Return what it takes of its device's memory now: of a processor's its process's own, else about."""
        if self._body is None:
            return 0
        resident = sum(map(resident_bytes, self.processes())) if self.device == "cpu" else 0
        return resident or self.needed_bytes

    @property
    def needed_bytes(self) -> int:
        """Return what it will take, about: the size of its model, and on a processor of its packages too."""
        around = PACKAGES_BYTES if self.device == "cpu" and self.options.room else 0
        return sum(size for _, size, _ in signature_of(self.first_folder())) + around

    def processes(self) -> tuple[int, ...]:
        """Return the number of the engine's process, if it has one."""
        return self._body.processes() if self._body is not None else ()

    # Inside

    def _check_wish(self, utterance: Utterance) -> None:
        check_wish(self, utterance)

    async def _ready_body(self, closings: int) -> Room | ThreadRoom:
        """Return the running body, a new one where the model was replaced; `_loading` is held.

        Args:
            closings: how often the engine had been closed when the body was asked for.
        """
        prints = prints_of(self.listed())
        if self._body is not None and are_replaced(self._prints, prints):
            await self._quiet.wait()
            await self._end_body()
        if self._body is None:
            self._require_open(closings)
            if (error := self._fault()) is not None:
                raise error
            self._prints = prints
            self._body = await self._begin(closings)
        return self._body

    def _require_open(self, closings: int) -> None:
        if closings != self._closings:
            raise EngineUnavailable(f"{self.name} is closed")

    async def _begin(self, closings: int) -> Room | ThreadRoom:
        body = self._starting = self._new_body()
        try:
            await asyncio.to_thread(self.check)
            await body.start()
            self._require_open(closings)
        except BaseException as error:
            await body.aclose()
            if isinstance(error, EngineError) and closings == self._closings:
                told = with_hint(error, self)
                self._refusal = Refusal(told, self._signature(), self.surroundings.clock())
                raise told from error
            raise
        finally:
            self._starting = None
        self._refusal = Refusal()
        return body

    def _new_body(self) -> Room | ThreadRoom:
        if self.options.room:
            return Room(plan_of(self))
        kind, setting = type(self), Setting(self.folder, "", self.cache_folder, self.options, self.listed()[0])
        return ThreadRoom(self.name, lambda: narration_of(kind, setting))

    @property
    def python(self) -> Path:
        """Return the interpreter of the environment that the room runs in, also where there is none."""
        if self.options.python or not self.environment:
            return Path(self.options.python or sys.executable)
        return interpreter_in(EnvironmentShelf(self.surroundings.rooms_folder).place(self.environment))

    def _fault(self) -> EngineError | None:
        """Return what keeps the engine from being loaded, as the disk tells it."""
        return environment_fault(self) or self.model_fault() or self._consent.fault(self)

    def _signature(self) -> tuple[object, ...]:
        return (*signature_of(self.folder), stamp_of(self.python))

    def _enter(self) -> None:
        self._users += 1
        self._quiet.clear()

    def _leave(self) -> None:
        self._users -= 1
        if self._users == 0:
            self._quiet.set()

    async def _end_body(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            await body.aclose()
