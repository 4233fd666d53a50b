"""The worker's side of a heavy engine: what every one of them needs around the few calls that are its own.

An engine brings a `Narrator`, which says one short piece of text; `Narration` makes a `Synthesizer` of it, in a room or
in this process: long texts are cut, generation that runs away is stopped, tempo is changed where the narrator cannot,
and what foreign packages raise becomes an error of the house. Importing this module needs the standard library alone.
"""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from portevoix.errors import (
    CannotSay,
    EngineError,
    EngineFailed,
    EngineUnavailable,
    ModelBroken,
    PortevoixError,
    RequestError,
)
from portevoix.rooms.wire import voice_from
from portevoix.speech import Utterance, Voice
from portevoix.text.sentences import split
from portevoix.text.speakable import estimate_seconds, is_speakable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from portevoix.audio import AudioChunk
    from portevoix.rooms.housed import Housed
    from portevoix.speech import Reference

    Samples = NDArray[np.float32]

CHUNK_SECONDS = 0.5
"""Longest chunk that leaves: one who stops listening has the work stopped within it."""

PAUSE_SECONDS = 0.15
"""Silence between two pieces of one utterance."""

WARM_UP_WORDS = {"fr": "Bonjour.", "en": "Hello."}

SPARE_SECONDS = 4.0
LONGEST_FACTOR = 3.0
"""A piece may be this many times as long as is estimated, and `SPARE_SECONDS` on top; then it has run away."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Give a narrator what it works with.

    Attributes:
        folder: folder of the model.
        device: `cpu`, `cuda` or `cuda:N`; never `auto`.
        cache_folder: where it may keep what can be made again; a folder of this engine alone.
        options: the engine's own `Options`.
        voice: the voice that is spoken with first.
    """

    folder: Path
    device: str
    cache_folder: Path
    options: Any
    voice: Voice


@dataclass(frozen=True, slots=True)
class Passage:
    """Ask a narrator for one piece of text.

    Attributes:
        text: has a letter or a digit, no control characters, and at most the engine's `most_characters`.
        language: a language of the voice, without region: `fr`.
        voice: whom to speak as.
        speaker: name or number of a speaker inside the voice, or None.
        speed: factor of the voice's own pace; 1.0 always for an engine that cannot change it.
        seed: for a narrator's own noise; torch's and Python's random numbers have been seeded with it.
        reference: recording to speak like, or None.
        parameters: the engine's own `Parameters`, complete; None where it has none.
        limit_seconds: audio that is longer has run away; a narrator bounds its generation by it.
    """

    text: str
    language: str
    voice: Voice
    speaker: str | int | None = None
    speed: float = 1.0
    seed: int = 0
    reference: Reference | None = None
    parameters: Any = None
    limit_seconds: float = 60.0


class Narrator(Protocol):
    """Say one piece of text by blocking calls; used by one thread at a time.

    Attributes:
        sample_rate: Hz.
    """

    sample_rate: int

    def __init__(self, setting: Setting) -> None:
        """Import what is heavy and load the model; whatever it raises means that the model cannot be used."""

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices inside the model that the engine cannot know without loading it; mostly none."""

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece's samples, float32 and mono; look at `is_cancelled` as often as the library allows."""

    def close(self) -> None:
        """Give back what it holds."""


class Narration:
    """Make a synthesizer of a narrator.

    Attributes:
        device: what the narrator runs on.
    """

    def __init__(self, narrator: Narrator, engine: type[Housed], device: str = "cpu") -> None:
        """Take ownership of `narrator`; `engine` says what it can do and how much it bears."""
        self.device = device
        self._narrator = narrator
        self._engine = engine

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices that the model brings."""
        return self._narrator.voices()

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Generator[AudioChunk, None, None]:
        """Yield an utterance's audio, piece by piece, in chunks of at most `CHUNK_SECONDS`.

        Raises:
            CannotSay: nothing in the text can be spoken.
            EngineFailed: the narrator failed, ran away, or gave what is no audio.
        """
        from portevoix.audio import AudioChunk

        pieces = pieces_of(utterance.text, self._engine.most_characters_in(utterance.language))
        if not pieces:
            raise CannotSay(f"{self._engine.name} has nothing to say", "no letter or digit is in the text")
        _seed(utterance.seed)
        for number, piece in enumerate(pieces):
            for samples in self._tempered(self._passage(utterance, piece, is_first=number == 0), is_cancelled):
                rate = self._narrator.sample_rate
                for chunk in _cut(samples, round(CHUNK_SECONDS * rate)):
                    yield AudioChunk(chunk, rate)
            if is_cancelled():
                return

    def warm_up(self, voice: Voice) -> None:
        """Speak a word that nobody hears: packages do much at the first use, for which nobody shall wait later."""
        word = WARM_UP_WORDS.get(voice.family, WARM_UP_WORDS["en"])
        utterance = Utterance(word, voice, voice.language)
        with suppress(EngineError, RequestError), closing(self.speak(utterance, lambda: False)) as chunks:
            next(chunks, None)

    def close(self) -> None:
        """Close the narrator."""
        self._narrator.close()

    def _passage(self, utterance: Utterance, piece: str, *, is_first: bool) -> _Piece:
        speed = utterance.speed if self._engine.changes_speed else 1.0
        declared = getattr(self._engine, "Parameters", None)
        passage = Passage(
            piece,
            self._engine.language_of(utterance.language),
            utterance.voice,
            utterance.speaker,
            speed,
            utterance.seed,
            utterance.reference,
            declared(**dict(utterance.parameters)) if declared else None,
            limit_seconds(piece, speed),
        )
        return _Piece(passage, utterance.speed / speed, is_first)

    def _tempered(self, piece: _Piece, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece at the tempo that was asked for, after a pause where it is not the first."""
        import numpy as np

        from portevoix.dsp.stretch import Stretcher

        if not piece.is_first:
            yield np.zeros(round(PAUSE_SECONDS * self._narrator.sample_rate), np.float32)
        stretcher: Stretcher | None = None
        for samples in self._bounded(piece.passage, is_cancelled):
            stretcher = stretcher or Stretcher(self._narrator.sample_rate, piece.tempo)
            yield stretcher.push(samples)
        if stretcher is not None and not is_cancelled():
            yield stretcher.flush()

    def _bounded(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield what the narrator says, checked, up to the limit."""
        seconds = 0.0
        for samples in _translated(self._narrator.narrate(passage, is_cancelled), self._engine.name):
            if is_cancelled():
                return
            checked = _checked(samples, self._engine.name)
            seconds += len(checked) / self._narrator.sample_rate
            if seconds > passage.limit_seconds:
                why = f"{len(passage.text)} characters gave more than {passage.limit_seconds:.0f} s of audio"
                raise EngineFailed(f"{self._engine.name} ran away", why)
            yield checked


@dataclass(frozen=True, slots=True)
class _Piece:
    passage: Passage
    tempo: float
    is_first: bool


def open_narration(
    engine: str, folder: str, cache_folder: str, options: Mapping[str, Any], voice: Mapping[str, Any]
) -> Narration:  # fmt: skip
    """Load an engine's narrator: the factory of every heavy engine's room.

    Args:
        engine: the engine's class, as `package.module:Class`.
        folder: folder of the model.
        cache_folder: a folder of this engine alone.
        options: the engine's options, by name.
        voice: the voice that is spoken with first, as fields.

    Raises:
        EngineUnavailable: a package is missing, or the device or its memory.
        ModelError: the model cannot be used.
    """
    module, _, name = engine.partition(":")
    kind: type[Housed] = getattr(import_module(module), name)
    first = voice_from(voice)
    return narration_of(kind, Setting(Path(folder), "", Path(cache_folder), kind.Options(**options), first))


def narration_of(kind: type[Housed], setting: Setting) -> Narration:
    """Load an engine's narrator in this process, on the device of its options; raises as `open_narration`."""
    try:
        wanted = setting.options.device
        device = real_device(wanted) if kind.runs_on_torch else wanted.replace("auto", "cpu")
        narrator = kind.Narrator(replace(setting, device=device))
    except PortevoixError:
        raise
    except ImportError as error:
        hint = f"Run `portevoix engines install {kind.name}`."
        raise EngineUnavailable(f"{kind.name} lacks a package", str(error), hint) from error
    except Exception as error:
        raise _model_error(kind.name, setting.folder, error) from error
    narration = Narration(narrator, kind, device)
    narration.warm_up(setting.voice)
    return narration


def real_device(device: str) -> str:
    """Return a device by its name, what `auto` stands for included.

    Raises:
        EngineUnavailable: there is no such device.
    """
    wanted = device.lower()
    if wanted == "cpu":
        return wanted
    has_cuda, count = _cuda()
    if wanted == "auto":
        return "cuda:0" if has_cuda else "cpu"
    if wanted.startswith("cuda"):
        index = wanted.partition(":")[2] or "0"
        if not has_cuda or not index.isdigit() or int(index) >= count:
            why = f"PyTorch sees {count} CUDA devices" if has_cuda else "PyTorch sees no CUDA device"
            raise EngineUnavailable(f"the device {device} is not there", why, "Set `device` to auto or cpu.")
        return f"cuda:{int(index)}"
    return wanted


def pieces_of(text: str, most_characters: int) -> list[str]:
    """Return a text in pieces that a narrator bears: cut at sentences, else clauses, else words; none when it is mute.

    Control characters, surrogates and runs of white space become one space each.
    """
    visible = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text)
    pieces = (" ".join(piece.split()) for piece in split(visible, most_characters))
    return [piece for piece in pieces if is_speakable(piece)]


def limit_seconds(text: str, speed: float = 1.0) -> float:
    """Return how long a piece's audio may be, in seconds, before it has run away."""
    return SPARE_SECONDS + LONGEST_FACTOR * estimate_seconds(text, speed)


def _seed(seed: int) -> None:
    """Seed what narrators draw from, so that equal utterances give equal samples where the library allows."""
    random.seed(seed)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)


def _cuda() -> tuple[bool, int]:
    try:
        import torch
    except ImportError:
        return False, 0
    return bool(torch.cuda.is_available()), int(torch.cuda.device_count())


def _translated(samples: Iterator[Samples], name: str) -> Iterator[Samples]:
    """Turn what a foreign package raises into this engine's failure."""
    try:
        yield from samples
    except PortevoixError:
        raise
    except Exception as error:
        raise EngineFailed(f"{name} failed", in_a_line(error)) from error


def _checked(samples: Any, name: str) -> Samples:
    import numpy as np

    checked = np.ascontiguousarray(np.asarray(samples, np.float32).reshape(-1))
    if not np.all(np.isfinite(checked)):
        raise EngineFailed(f"{name} gave no audio", "its samples are not numbers")
    return np.clip(checked, -1.0, 1.0)


def _cut(samples: Samples, most: int) -> Iterator[Samples]:
    for start in range(0, len(samples), most):
        yield samples[start : start + most]


def _model_error(name: str, folder: Path, error: Exception) -> EngineError:
    if type(error).__name__ in ("OutOfMemoryError", "MemoryError"):
        hint = "Choose another device, or leave more memory to it."
        return EngineUnavailable(f"{name} does not fit into memory", in_a_line(error), hint)
    hint = f"Fetch it again: portevoix models rm {folder.name}, then portevoix models get {folder.name}"
    return ModelBroken(f"the model {folder.name} cannot be loaded", in_a_line(error), hint)


def in_a_line(error: BaseException) -> str:
    """Return a foreign error as one line of at most 300 characters."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
