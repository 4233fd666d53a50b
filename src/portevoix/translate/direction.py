"""From which language into which: one step of an engine, or a way of several."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Direction:
    """Name one step that an engine can take.

    Attributes:
        source: language it reads, as `en`.
        target: language it writes.
        model: what the engine does it with, as `opus-mt-en-fr` or `eng-spa`.
        licence: licence of the model, where known.
        fingerprint: identifies the exact model; translations of two fingerprints are never mixed up.
        needs_asking: it is used only when its engine's options or the request name it, as for its licence.
    """

    source: str
    target: str
    model: str
    licence: str = ""
    fingerprint: str = ""
    needs_asking: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Lead from one language to another in steps of one engine.

    Attributes:
        engine: name of the engine.
        steps: one, or two by way of a third language.
    """

    engine: str
    steps: tuple[Direction, ...]

    @property
    def chain(self) -> tuple[str, ...]:
        """Return the languages on the way, both ends included: `("en", "es", "fr")`."""
        return (self.steps[0].source, *(step.target for step in self.steps))

    @property
    def is_pivoted(self) -> bool:
        """Return whether it goes by way of another language."""
        return len(self.steps) > 1

    @property
    def model(self) -> str:
        """Return the models on the way, joined by +."""
        return "+".join(step.model for step in self.steps)

    @property
    def licence(self) -> str:
        """Return the licences on the way, each once."""
        return ", ".join(dict.fromkeys(step.licence for step in self.steps if step.licence))


PIVOTS = ("en", "es", "fr")
"""Languages by way of which to go, best first; any other comes after them."""


class Atlas:
    """Find ways through the directions of one engine: one step where there is one, else two."""

    def __init__(self, engine: str, directions: tuple[Direction, ...]) -> None:
        """Take the first direction of each pair for the best; those that need asking only by their name."""
        self.directions = directions
        self._engine = engine
        self._free = _steps(one for one in directions if not one.needs_asking)

    def route(self, source: str, target: str, model: str | None = None) -> Route | None:
        """Return the way from one language to another, or None; with `model` alone where that is not None."""
        steps = self._free if model is None else _steps(one for one in self.directions if one.model == model)
        if direct := steps.get(source, {}).get(target):
            return Route(self._engine, (direct,))
        middles = [middle for middle in steps.get(source, {}) if target in steps.get(middle, {})]
        if not middles:
            return None
        best = min(middles, key=_rank)
        return Route(self._engine, (steps[source][best], steps[best][target]))


def _steps(directions: Iterable[Direction]) -> dict[str, dict[str, Direction]]:
    steps: dict[str, dict[str, Direction]] = {}
    for one in directions:
        steps.setdefault(one.source, {}).setdefault(one.target, one)
    return steps


def _rank(language: str) -> tuple[int, str]:
    return (PIVOTS.index(language) if language in PIVOTS else len(PIVOTS), language)
