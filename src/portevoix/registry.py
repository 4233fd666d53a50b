"""Which engines are installed: entry points of the group `portevoix.engines`, the house's own among them.

Any installed package can bring an engine. What cannot be imported, or is no engine, is told and left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from portevoix.engine import Engine

logger = logging.getLogger(__name__)

GROUP = "portevoix.engines"
_HOME = "portevoix.engines."
_WANTED = frozenset(name for name in (*vars(Engine), *Engine.__annotations__) if not name.startswith("_"))


@dataclass(frozen=True, slots=True)
class RefusedEngine:
    """Tell of an entry point that is no usable engine.

    Attributes:
        name: the entry point's name.
        target: what it points to, as `package.module:Class`.
        why: one clause.
    """

    name: str
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Survey:
    """Hold what is installed.

    Attributes:
        engines: class by name, in the order of the chain.
        refused: what was left out.
    """

    engines: Mapping[str, type[Engine]] = field(default_factory=dict)
    refused: tuple[RefusedEngine, ...] = ()


def installed_engines() -> Mapping[str, type[Engine]]:
    """Return the class of every installed engine by name, in the order of the chain; importing them happens here."""
    return survey().engines


def built_in_engines() -> Mapping[str, type[Engine]]:
    """Return the engines of this package alone."""
    return survey(point for point in entry_points(group=GROUP) if _is_built_in(point)).engines


def survey(points: Iterable[EntryPoint] | None = None) -> Survey:
    """Import engines and sort out what is none; a name that is taken stays with the house, then with the first."""
    found: dict[str, type[Engine]] = {}
    refused: list[RefusedEngine] = []
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=_precedence):
        engine, why = _import(point)
        if engine is not None and point.name not in found:
            found[point.name] = engine
        else:
            refused.append(_refuse(point, why or "another engine has this name"))
    ranked = sorted(found.items(), key=lambda pair: (pair[1].priority, pair[0]))
    return Survey(dict(ranked), tuple(refused))


def _precedence(point: EntryPoint) -> tuple[bool, str, str]:
    return not _is_built_in(point), point.name, point.value


def _is_built_in(point: EntryPoint) -> bool:
    return point.value.startswith(_HOME)


def _refuse(point: EntryPoint, why: str) -> RefusedEngine:
    logger.warning("engine.refused", extra={"engine": point.name, "target": point.value, "why": why})
    return RefusedEngine(point.name, point.value, why)


def _import(point: EntryPoint) -> tuple[type[Engine] | None, str]:
    """Return an entry point's engine, or None and why it is none."""
    try:
        target = point.load()
    except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything; it costs its engine alone
        return None, f"it cannot be imported: {type(error).__name__}: {error}"
    why = _fault(target, point.name)
    return (None, why) if why else (target, "")


def _fault(target: Any, name: str) -> str:
    """Return what keeps an object from being the engine called `name`, or ""."""
    if not isinstance(target, type):
        return "it is not a class"
    if lacking := sorted(_WANTED - set(dir(target))):
        return f"it lacks {', '.join(lacking)}"
    engine: Any = target
    if engine.name != name:
        return f"it calls itself {engine.name!r}"
    return _options_fault(engine.Options)


def _options_fault(options: Any) -> str:
    if not isinstance(options, type) or not is_dataclass(options):
        return "its Options are not a dataclass"
    bare = [item.name for item in fields(options) if item.default is MISSING and item.default_factory is MISSING]
    return f"its options {', '.join(bare)} have no default" if bare else ""
