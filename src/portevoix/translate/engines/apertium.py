"""`apertium`: translation by dictionaries and rules, without a network or a model, from the distribution's packages.

Each direction is a pipeline of a dozen small programs, which is kept alive: a sentence takes some milliseconds. See
M. Forcada et al., Apertium: a free/open-source platform for rule-based machine translation (2011).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from portevoix.engine import EngineState, Phase, Surroundings
from portevoix.errors import EngineDied, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from portevoix.translate.direction import Direction
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.model import making
from portevoix.translate.modes import Mode, find_modes, modes_folder
from portevoix.translate.pipeline import Garbled, Pipeline
from portevoix.translate.punctuation import respaced

logger = logging.getLogger(__name__)

LICENCE = "GPL"
TRIES = 5
"""How often a sentence is asked again when a process died under it; another pipeline takes its place each time."""

INSTALL = "Run `apt install apertium apertium-eng-spa apertium-fr-es apertium-fra-cat`."


@dataclass(frozen=True, slots=True)
class ApertiumOptions:
    """Where it is, and how much of it is kept alive."""

    folder: Path | None = field(
        default=None,
        metadata={"help": "where its modes are", "shown_default": "`share/apertium/modes` beside the program"},
    )
    pipelines: int = field(default=6, metadata={"help": "directions that are kept alive", "minimum": 2})


class ApertiumTranslation:
    """Translate by rules: the gist, rather than good prose."""

    name: ClassVar[str] = "apertium"
    summary: ClassVar[str] = "Apertium's dictionaries and rules, offline"
    Options: ClassVar[type[Any]] = ApertiumOptions
    priority: ClassVar[int] = 50
    is_rule_based: ClassVar[bool] = True
    sentence_seconds: ClassVar[float] = 2.0

    def __init__(self, options: ApertiumOptions, surroundings: Surroundings) -> None:  # noqa: ARG002 - as all engines
        """Keep the options; do no work."""
        self._options = options
        self._modes: dict[str, Mode] = {}
        self._broken: dict[str, str] = {}
        self._pipelines: OrderedDict[str, Pipeline] = OrderedDict()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._directions: tuple[Direction, ...] = ()
        self._state = EngineState(Phase.IDLE)

    def state(self) -> EngineState:
        """Return where it stands; the remark names the modes that do not work."""
        return self._state

    def directions(self) -> tuple[Direction, ...]:
        """Return the directions of all modes that are not known to be broken."""
        return self._directions

    async def load(self) -> None:
        """Look which modes there are; their programs are started when they are first needed.

        Raises:
            EngineUnavailable: Apertium is not installed, or has no language pair.
        """
        if sys.platform == "win32":
            raise self._unavailable("it does not run on Windows", making("opus-mt-en-fr"))
        folder = self._options.folder or modes_folder()
        modes = () if folder is None else await asyncio.to_thread(find_modes, folder)
        if not modes:
            raise self._unavailable("it has no language pair" if folder else "it is not installed", INSTALL)
        self._modes = {mode.name: mode for mode in modes}
        self._broken = {name: why for name, why in self._broken.items() if name in self._modes}
        self._settle()

    async def survey(self) -> None:
        """Start every mode that has not been started yet: some are listed and do not work."""
        for name in [name for name in self._modes if name not in self._broken]:
            async with self._turns[name]:
                if name not in self._pipelines:
                    await self._try(name)

    async def translate(self, sentences: Sequence[str], direction: Direction) -> list[str]:
        """Return the translations, one sentence after another through one pipeline.

        Raises:
            EngineUnavailable: the mode does not work.
            CannotTranslate: the pipeline makes nothing usable of a sentence.
            EngineError: its processes died or hung again and again.
        """
        async with self._turns[direction.model]:
            made = [await self._sentence(sentence, direction.model) for sentence in sentences]
        return [respaced(sentence, translation, direction.source, direction.target)
                for sentence, translation in zip(sentences, made, strict=True)]  # fmt: skip

    async def aclose(self) -> None:
        """End all processes."""
        pipelines, self._pipelines = list(self._pipelines.values()), OrderedDict()
        await asyncio.gather(*(pipeline.aclose() for pipeline in pipelines))

    async def _sentence(self, sentence: str, name: str) -> str:
        error: EngineError = EngineFailed(f"{self.name} failed")
        for _ in range(TRIES):
            pipeline = await self._pipeline(name)
            try:
                return (await pipeline.ask(sentence)).strip()
            except (EngineDied, EngineTimeout) as fault:
                error = fault
                logger.info("pipeline.died", extra={"mode": name, "code": fault.code, "why": str(fault)})
            finally:
                if not pipeline.is_alive():
                    await self._drop(name)
        if isinstance(error, Garbled):
            raise CannotTranslate(f"{name} cannot translate a sentence", error.why) from error
        raise error

    async def _pipeline(self, name: str) -> Pipeline:
        """Return the pipeline of a mode, alive; start it where there is none.

        Raises:
            EngineUnavailable: it cannot be started.
        """
        pipeline = self._pipelines.get(name)
        if pipeline is not None and not pipeline.is_alive():
            await self._drop(name)
            pipeline = None
        if pipeline is None:
            pipeline = self._pipelines[name] = await self._start(name)
        self._pipelines.move_to_end(name)
        await self._make_room()
        return pipeline

    async def _start(self, name: str) -> Pipeline:
        error: EngineError | None = None
        for _ in range(TRIES):
            try:
                return await Pipeline.start(name, self._modes[name].commands())
            except (EngineDied, EngineTimeout) as fault:
                error = fault
            except (EngineFailed, OSError, ValueError) as fault:
                raise self._breaks(name, str(fault)) from fault
        raise self._breaks(name, str(error)) from error

    async def _try(self, name: str) -> None:
        """Start a mode once and end it again, to know whether it works."""
        try:
            pipeline = await self._start(name)
        except EngineUnavailable:
            return
        await pipeline.aclose()

    def _breaks(self, name: str, why: str) -> EngineUnavailable:
        logger.warning("mode.broken", extra={"mode": name, "why": why})
        self._broken[name] = why
        self._settle()
        return EngineUnavailable(f"{self.name}'s mode {name} does not work", why, INSTALL)

    async def _make_room(self) -> None:
        """End the pipelines that were used longest ago, where there are too many; those in use stay."""
        surplus = len(self._pipelines) - self._options.pipelines
        idle = [name for name in self._pipelines if not self._turns[name].locked()]
        for name in idle[: max(0, surplus)]:
            await self._drop(name)

    async def _drop(self, name: str) -> None:
        pipeline = self._pipelines.pop(name, None)
        if pipeline is not None:
            await pipeline.aclose()

    def _settle(self) -> None:
        """Take note of what works, and what does not."""
        sound = (mode for name, mode in self._modes.items() if name not in self._broken)
        self._directions = tuple(Direction(mode.source, mode.target, mode.name, LICENCE) for mode in sound)
        names = ", ".join(sorted(self._broken))
        self._state = EngineState(Phase.READY, f"these modes do not work: {names}" if names else "")

    def _unavailable(self, why: str, hint: str) -> EngineUnavailable:
        self._modes, self._directions = {}, ()
        self._state = EngineState(Phase.UNAVAILABLE, why, hint, EngineUnavailable.code)
        return EngineUnavailable(f"{self.name} cannot be used", why, hint)
