"""What a heavy engine needs before it is loaded, as cheap looks tell: packages, consent, a wish that it can fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import CannotClone, CannotSay, EngineError, EngineUnavailable, ModelError
from portevoix.rooms.environments import EnvironmentShelf, install_command
from portevoix.rooms.models import stamp_of

if TYPE_CHECKING:
    from portevoix.rooms.housed import Housed
    from portevoix.speech import Utterance

RETRY_SECONDS = 60.0
"""Rest after a failed start; what has changed on disk ends it at once."""


def environment_fault(engine: Housed) -> EngineError | None:
    """Return what an engine lacks of packages: its room, or modules of this environment; None where all is there."""
    return _room_fault(engine) if engine.options.room else _packages_fault(engine)


class Consent:
    """Know whether somebody has agreed to an engine's licence; the book is read again when it has changed."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, int], bool] | None = None

    def fault(self, engine: Housed) -> EngineError | None:
        """Return that nobody has agreed; whoever names a folder of their own has the model on terms of their own."""
        if not engine.asks_consent or engine.options.model_path or self._is_given(engine):
            return None
        hint = f'Read it, then run: portevoix models get {engine.model} --accept-licence "{engine.licence}"'
        return EngineUnavailable(f"{engine.name} needs your consent to its licence", engine.licence, hint)

    def _is_given(self, engine: Housed) -> bool:
        from portevoix.models.licences import LicenceBook

        book = LicenceBook(engine.surroundings.models_folder)
        stamp = stamp_of(book.path)
        if self._known is None or self._known[0] != stamp:
            self._known = (stamp, book.is_accepted(engine.licence))
        return self._known[1]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Remember why a start has failed, as long as nothing has changed on disk and not much time has passed.

    Attributes:
        error: why; None when nothing has failed.
        signature: what was on disk.
        at_seconds: when it was, by the engine's clock.
    """

    error: EngineError | None = None
    signature: tuple[object, ...] = ()
    at_seconds: float = 0.0

    def recent(self, signature: tuple[object, ...], now_seconds: float) -> EngineError | None:
        """Return the error while it still holds."""
        is_over = now_seconds > self.at_seconds + RETRY_SECONDS or signature != self.signature
        return None if is_over else self.error


def with_hint(error: EngineError, engine: Housed) -> EngineError:
    """Return an error that says what to do: about a model, to get it again."""
    if error.hint or not isinstance(error, ModelError):
        return error
    again = f"Fetch it again: portevoix models rm {engine.model}, then portevoix models get {engine.model}"
    return type(error)(error.what, error.why, engine.model_hint if engine.options.model_path else again)


def check_wish(engine: Housed, utterance: Utterance) -> None:
    """Refuse what an engine cannot do, before it is loaded for it.

    Raises:
        CannotSay: its voice does not speak the language.
        CannotClone: the recording is gone, or nobody told what is said in it.
    """
    name, voice, reference = engine.name, utterance.voice, utterance.reference
    if not voice.speaks(utterance.language):
        raise CannotSay(f"{name} does not speak {utterance.language!r:.40}",
                        f"voice {voice.name} speaks {', '.join(voice.languages or (voice.language,))}")  # fmt: skip
    if reference is None:
        return
    if not Path(reference.path).is_file():
        raise CannotClone(f"{name} cannot clone", "the recording is not there any more")
    if engine.needs_transcript and not reference.transcript.strip():
        raise CannotClone(f"{name} cannot clone", "it must be told what is said in the recording",
                          "Give the recording's transcript.")  # fmt: skip


def _room_fault(engine: Housed) -> EngineError | None:
    if engine.options.python:
        hint, is_there = f"Correct backends.{engine.name}.python.", engine.python.is_file()
    elif not engine.environment:
        return None
    else:
        hint = f"Install it: {install_command(engine.name)}"
        is_there = EnvironmentShelf(engine.surroundings.rooms_folder).python(engine.environment) is not None
    if is_there:
        return None
    return EngineUnavailable(f"{engine.name} is not installed", f"there is no {engine.python}", hint)


def _packages_fault(engine: Housed) -> EngineError | None:
    lacking = [name for name in engine.packages if find_spec(name) is None]
    if not lacking:
        return None
    hint = f"Set backends.{engine.name}.room to true and install it: {install_command(engine.name)}"
    return EngineUnavailable(f"{engine.name} is not installed", f"this environment lacks {', '.join(lacking)}", hint)
