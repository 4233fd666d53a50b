"""Translation for tests: an engine that does what a test tells it to, the fixture's model, and Apertium where it is.

The scripted engine turns each word round (`cat` gives `tac`) and puts the target's code in front of the sentence, so
that a translation shows which sentence and which direction it came from.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from portevoix.app import App, build
from portevoix.config.loading import Loaded
from portevoix.engine import EngineState, Phase, Surroundings
from portevoix.errors import EngineError, EngineFailed, EngineUnavailable
from portevoix.translate.direction import Direction
from portevoix.translate.guard import Guard
from portevoix.translate.memory import TranslationMemory
from portevoix.translate.modes import modes_folder
from portevoix.translate.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FIXTURE = Path(__file__).parent / "fixtures" / "translation"
MODELS = FIXTURE / "models"
MODEL = MODELS / "translate" / "opus-mt-en-fr"

needs_apertium = pytest.mark.skipif(
    not (modes_folder() and Path(str(modes_folder()), "eng-spa.mode").is_file()),
    reason="Apertium is not installed: apt install apertium apertium-eng-spa apertium-fr-es",
)
needs_sed = pytest.mark.skipif(shutil.which("sed") is None, reason="there is no sed")


def turned(sentence: str, target: str) -> str:
    """Return what the scripted engine makes of a sentence."""
    return f"{target} " + " ".join(word[::-1] if word.isalpha() else word for word in sentence.split())


def directions(*pairs: str, model: str = "") -> tuple[Direction, ...]:
    """Return directions for pairs such as `en-fr`."""
    return tuple(Direction(*pair.split("-"), model or f"m-{pair}", "MIT") for pair in pairs)


@dataclass(frozen=True)
class ScriptedOptions:
    """What a scripted engine can be told by a configuration."""

    loudness: int = field(default=3, metadata={"help": "nothing", "minimum": 0, "maximum": 9})
    style: str = field(default="plain", metadata={"help": "nothing", "choices": ("plain", "odd")})
    exact: bool = field(default=False, metadata={"help": "nothing"})
    folder: Path | None = field(default=None, metadata={"help": "nothing"})


class ScriptedTranslation:
    """Turn words round.

    Attributes:
        asked: each batch of sentences, with its direction.
        faults: what goes wrong in the calls to come, one entry each; None stands for a sound one.
        answer: what it makes of a sentence and a target.
        before: awaited with each batch, before it is translated.
    """

    name = "scripted"
    summary = "turns words round"
    Options = ScriptedOptions
    priority = 10
    is_rule_based = False
    sentence_seconds = 1.0

    def __init__(
        self,
        options: Any = None,
        surroundings: Any = None,
        *,
        name: str = "scripted",
        pairs: Iterable[str] = ("en-fr",),
        priority: int = 10,
        is_rule_based: bool = False,
        why_unavailable: str = "",
        faults: Iterable[Exception | None] = (),
        before: Callable[[Sequence[str]], Any] | None = None,
    ) -> None:
        self.name, self.priority, self.is_rule_based = name, priority, is_rule_based
        self.options = options
        self.known = directions(*pairs)
        self.why_unavailable = why_unavailable
        self.faults = list(faults)
        self.before = before
        self.answer: Callable[[str, str], str] = turned
        self.asked: list[tuple[list[str], Direction]] = []
        self.cancelled = 0
        self.is_closed = False
        self._phase = Phase.IDLE

    def state(self) -> EngineState:
        if self.why_unavailable:
            return EngineState(Phase.UNAVAILABLE, self.why_unavailable, "Install it.")
        return EngineState(self._phase)

    def directions(self) -> tuple[Direction, ...]:
        return self.known

    async def load(self) -> None:
        if self.why_unavailable:
            raise EngineUnavailable(f"{self.name} cannot be used", self.why_unavailable, "Install it.")
        self._phase = Phase.READY

    async def survey(self) -> None:
        pass

    async def translate(self, sentences: Sequence[str], direction: Direction) -> list[str]:
        self.asked.append((list(sentences), direction))
        fault = self.faults.pop(0) if self.faults else None
        try:
            if self.before is not None:
                await self.before(sentences)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if fault is not None:
            raise fault
        return [self.answer(sentence, direction.target) for sentence in sentences]

    async def aclose(self) -> None:
        self.is_closed = True


def failure(why: str = "the script says so", kind: type[EngineError] = EngineFailed) -> EngineError:
    return kind("scripted broke", why, "Mend it.")


def translator_of(*engines: Any, **options: Any) -> Translator:
    """Return a translator of engines, with a memory of their own."""
    memory = TranslationMemory(100_000, 3600.0)
    return Translator([Guard(engine, memory) for engine in engines], **options)


def surroundings(models: Path = MODELS) -> Surroundings:
    return Surroundings(models_folder=models)


def with_translator(app: App, translator: Translator) -> App:
    """Return an app that translates with `translator`."""
    return replace(app, translator=translator)


def fixture_app(loaded: Loaded, data_folder: Path, **options: Any) -> App:
    """Return an app that has the small model, and keeps what it keeps in `data_folder`."""
    translation = replace(loaded.settings.translation, engines={"ctranslate2": {"folder": str(MODEL.parent)}})
    settings = replace(loaded.settings, data_folder=data_folder, translation=translation)
    return build(Loaded(settings), **options)
