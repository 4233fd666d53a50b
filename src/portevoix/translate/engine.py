"""The seam: what a translation engine is.

A new engine is one file and one entry point in the group `portevoix.translators`; everything else learns about it
from what stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from portevoix.engine import EngineState, Surroundings
from portevoix.translate.direction import Direction


class TranslationEngine(Protocol):
    """Translate sentences from one language into another, one step at a time.

    Class attributes describe the engine without making one; `Options` is a frozen dataclass whose fields become keys
    under `translation.engines.<name>` of the configuration. An engine is built without effort, gets ready in `load`,
    and is used from one event loop. Going by way of a third language is not its business.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    Options: ClassVar[type[Any]]
    priority: ClassVar[int]
    """Place in the order of asking; 10 comes before 20."""
    is_rule_based: ClassVar[bool]
    """It works by dictionaries and rules: the gist, rather than good prose. Answers say so."""
    sentence_seconds: ClassVar[float]
    """Longest time that a sentence of common length may take, in seconds; the budget of a batch follows from it."""

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""

    def state(self) -> EngineState:
        """Return where the engine stands now, and what to do about it; cheap, never blocks."""

    def directions(self) -> tuple[Direction, ...]:
        """Return what it can do now, in single steps, the best of each pair first; the same tuple until it changes."""

    async def load(self) -> None:
        """Get ready; safe to call again (it looks for what was installed since) and from several tasks.

        Raises:
            EngineUnavailable: it cannot be used on this machine as it stands.
        """

    async def survey(self) -> None:
        """Find out by trying what is listed and does not work; takes a while, and may be left early."""

    async def translate(self, sentences: Sequence[str], direction: Direction) -> list[str]:
        """Return the translations of sentences, each in its place; the work ends when the caller is cancelled.

        A sentence is one line without control characters; it has at least one letter.

        Raises:
            EngineError: what broke; none of the sentences is translated.
        """

    async def aclose(self) -> None:
        """Give back processes, threads and memory."""


@runtime_checkable
class NoticesModels(Protocol):
    """An engine that sees by itself that models have come or gone."""

    def is_outdated(self) -> bool:
        """Return whether `load` would find others than it found last; asked before each request, in microseconds."""
