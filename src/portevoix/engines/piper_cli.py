"""Piper as the `piper` program: a warm child on the CPU, fed line by line.

The program writes one WAV file per line into a private folder and prints its path when the file is finished, which ends
an utterance beyond doubt; the Python program (piper-tts) and the older C++ one both do so with `--output_dir`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, ClassVar

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import EngineError, EngineUnavailable, InvalidParameter
from portevoix.models.piper_voices import PiperVoiceFile, VoiceShelf
from portevoix.rooms.keeper import Keeper
from portevoix.rooms.life import idle_life
from portevoix.rooms.line_program import LineProgram, ProgramPlan
from portevoix.rooms.scratch import ScratchFolder
from portevoix.speech import language_family
from portevoix.system.samples import samples_from_wav

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.speech import Utterance, Voice

logger = logging.getLogger(__name__)

MOST_PROGRAMS = 2
"""Children that are kept warm, one for each voice, speaker and speed that was used last."""

FIRST_LINE = "a"
LIMIT_SECONDS = 10.0
LIMIT_SECONDS_PER_CHARACTER = 0.2
INSTALL_HINT = "Run `pip install piper-tts`, or set backends.piper_cli.executable_path to the piper program."


@dataclass(frozen=True, slots=True)
class PiperCliOptions:
    """Say which program speaks, and with which voice."""

    executable_path: str | None = field(default=None, metadata={"help": "the piper program; found by itself"})
    model_path: str | None = field(default=None, metadata={"help": "voice file (.onnx) to prefer"})
    speaker_id: int | None = field(
        default=None, metadata={"help": "speaker inside a multi-speaker voice", "minimum": 0}
    )


@dataclass(frozen=True, slots=True)
class Manner:
    """Say what one child speaks like; it cannot be told anything else while it runs, nor reads another file."""

    voice: str
    fingerprint: str
    speaker: int | None = None
    speed: float = 1.0


class WarmProgram:
    """Keep one child for one manner of speaking; its users take turns."""

    def __init__(self, plan: ProgramPlan) -> None:
        self._turn = asyncio.Lock()
        self.keeper: Keeper[LineProgram] = Keeper(plan.name, lambda: LineProgram.start(plan))
        self.users = 0

    async def say(self, line: str, limit_seconds: float, request_id: str) -> bytes:
        """Return the WAV file for a line; raises as `LineProgram.answer` and `Keeper.get` do."""
        async with self._turn:
            program = await idle_life(self.keeper)
            wav = await program.answer(line, limit_seconds, request_id)
            self.keeper.praise()
            return wav


class PiperCli:
    """Speak with the piper program."""

    name: ClassVar[str] = "piper_cli"
    summary: ClassVar[str] = "the piper program as a warm child process on the CPU"
    Options: ClassVar[type[PiperCliOptions]] = PiperCliOptions
    priority: ClassVar[int] = 20
    target_latency_ms: ClassVar[float] = 1000.0
    delivery: ClassVar[Delivery] = Delivery.SENTENCES
    is_silent: ClassVar[bool] = False

    def __init__(self, options: PiperCliOptions, surroundings: Surroundings) -> None:
        """Keep the options."""
        self._options = options
        self._surroundings = surroundings
        model = model_file(options.model_path)
        self._shelf = VoiceShelf(surroundings.voice_folders, model, clock=surroundings.clock)
        self._programs: dict[Manner, WarmProgram] = {}
        self._places = asyncio.Semaphore(MOST_PROGRAMS)
        self._loading = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._scratch: ScratchFolder | None = None
        self._error: EngineError | None = None

    def state(self) -> EngineState:
        """Return where the engine stands; looks at the disk, so that a voice that is put there is noticed."""
        try:
            self._executable()
            self._first_voice()
        except EngineError as error:
            return _unavailable(error)
        states = [program.keeper.state() for program in self._programs.values()]
        ready = next((state for state in states if state.phase is Phase.READY), None)
        if ready is not None:
            return EngineState(Phase.READY, ready.why, device="cpu")
        if self._loading.locked():
            return EngineState(Phase.LOADING, device="cpu")
        return _unavailable(self._error) if self._error else EngineState(Phase.IDLE, device="cpu")

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices in the folders, and those that are known by name."""
        return self._shelf.voices(self.name)

    async def load(self) -> None:
        """Start a child with the first voice, and let it speak once.

        Raises:
            EngineUnavailable: the program is not here, or cannot write its files.
            ModelError: no voice is here, or the first one is broken.
            EngineError: the program died or did not answer.
        """
        async with self._loading:
            if any(program.keeper.life for program in self._programs.values()):
                return
            self._error = None
            self._executable()
            first = self._first_voice()
            manner = Manner(first.name, first.fingerprint, self._options.speaker_id)
            try:
                await self._program(manner).keeper.get()
            except EngineError as error:
                self._error = error
                raise

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence as one chunk; closing the generator frees the child soon, if need be by killing it.

        Raises:
            ModelError: the voice is not on disk, or broken.
            EngineError: the program is not here, died, or did not answer in time.
        """
        manner = self._manner(utterance)
        line = one_line(utterance.text)
        async with self._places:
            program = self._program(manner)
            program.users += 1
            try:
                limit_seconds = LIMIT_SECONDS + LIMIT_SECONDS_PER_CHARACTER * len(line)
                wav = await program.say(line, limit_seconds, utterance.request_id)
            finally:
                program.users -= 1
        samples, rate = samples_from_wav(wav)
        yield AudioChunk(samples, rate)

    def processes(self) -> tuple[int, ...]:
        """Return the numbers of the children that are alive."""
        lives = (program.keeper.life for program in self._programs.values())
        return tuple(life.pid for life in lives if life)

    async def aclose(self) -> None:
        """End the children and remove their files."""
        for manner in tuple(self._programs):
            self._retire(manner)
        await asyncio.gather(*self._closing)
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.close()

    def _manner(self, utterance: Utterance) -> Manner:
        speaker = self._options.speaker_id if utterance.speaker is None else _speaker_number(utterance)
        voice = utterance.voice
        return Manner(voice.name, voice.fingerprint, speaker, round(utterance.speed, 2))

    def _program(self, manner: Manner) -> WarmProgram:
        """Return the child for a manner, the most recently used one last; make room for a new one."""
        program = self._programs.pop(manner, None) or WarmProgram(self._plan(manner))
        idle = [known for known, other in self._programs.items() if not other.users]
        for known in idle[: max(0, len(self._programs) + 1 - MOST_PROGRAMS)]:
            self._retire(known)
        self._programs[manner] = program
        return program

    def _retire(self, manner: Manner) -> None:
        task = asyncio.create_task(self._programs.pop(manner).keeper.aclose(), name=f"close {self.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _plan(self, manner: Manner) -> ProgramPlan:
        file = self._shelf.file(manner.voice)
        folder = self._folder()
        command = [str(self._executable()), "--model", str(file.model), "--output_dir", str(folder)]
        if manner.speaker is not None:
            command += ["--speaker", str(manner.speaker)]
        if manner.speed != 1.0:
            command += ["--length_scale", f"{_length_scale(file) / manner.speed:.4f}"]
        environment = {"PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1"}
        hint = "Run it by hand to see what it says, or set backends.piper_cli.executable_path."
        return ProgramPlan(self.name, command, folder, FIRST_LINE, environment, hint=hint)

    def _folder(self) -> Path:
        if self._scratch is None:
            try:
                self._scratch = ScratchFolder(self._surroundings.cache_folder / self.name)
            except OSError as error:
                hint = "Make the cache folder writable, or configure another."
                raise EngineUnavailable(f"{self.name} cannot write its files", str(error), hint) from error
        return self._scratch.path

    def _executable(self) -> Path:
        configured = self._options.executable_path
        found = Path(configured) if configured else find_executable()
        if found is None or not found.is_file():
            why = f"there is no file {configured}" if configured else "it is neither beside Python nor on the PATH"
            raise EngineUnavailable("the piper program is not on this machine", why, INSTALL_HINT)
        return found

    def _first_voice(self) -> PiperVoiceFile:
        """Return the voice to begin with: the configured one, else the first of the default language, else any."""
        files = self._shelf.files()
        if self._options.model_path and files:
            return self._shelf.file(files[0].name)
        family = language_family(self._surroundings.default_language)
        usable = [file for file in files if file.error is None]
        fitting = [file for file in usable if language_family(file.language) == family] or usable or list(files)
        if not fitting:
            raise self._shelf.missing(next(voice.name for voice in self.voices()))
        return self._shelf.file(fitting[0].name)


def find_executable() -> Path | None:
    """Return the piper program beside this interpreter, else on the PATH, else None."""
    folder = str(Path(sys.executable).parent)
    found = shutil.which("piper", path=folder) or shutil.which("piper")
    return Path(found) if found else None


def model_file(configured: str | None) -> Path | None:
    """Return a configured path; one that was written on Windows keeps its parts elsewhere too."""
    if not configured:
        return None
    path = Path(configured)
    return path if path.exists() else Path(PureWindowsPath(configured).as_posix())


def one_line(text: str) -> str:
    """Return text as one line of what is only text: the program ends an utterance at a line's end.

    Double brackets would be read as phonemes.
    """
    visible = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(visible.replace("[[", "[ [").split())


def _speaker_number(utterance: Utterance) -> int:
    speaker, known = utterance.speaker, utterance.voice.speakers
    if isinstance(speaker, str) and speaker in known:
        return known.index(speaker)
    try:
        return int(speaker or 0)
    except ValueError as error:
        hint = f"It has: {', '.join(known) or 'one speaker'}."
        raise InvalidParameter(
            f"voice {utterance.voice.name} has no speaker {speaker}", hint=hint, param="speaker"
        ) from error


def _length_scale(file: PiperVoiceFile) -> float:
    content = json.loads(file.config.read_text(encoding="utf-8"))
    return float(content.get("inference", {}).get("length_scale", 1.0))


def _unavailable(error: EngineError) -> EngineState:
    return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code, "cpu")
