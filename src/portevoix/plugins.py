"""Classes that installed packages bring under entry points; what is none, or cannot be imported, is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
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
class Survey(Generic[T]):
    """Hold what is installed.

    Attributes:
        engines: class by name, in the order of asking.
        refused: what was left out.
    """

    engines: Mapping[str, type[T]] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()


def survey_group(protocol: Any, group: str, home: str, points: Iterable[EntryPoint] | None = None) -> Survey[Any]:
    """Import engines and sort out what is none; a name that is taken stays with the house, then with the first.

    Args:
        protocol: names what a class must have, beside the name of its entry point and `Options` with defaults.
        group: of the entry points.
        home: where the house's own classes are, as the beginning of a target.
        points: entry points; all that are installed when None.
    """
    wanted = {name for name in (*vars(protocol), *protocol.__annotations__) if not name.startswith("_")}
    found: dict[str, Any] = {}
    refused: list[Refused] = []
    for point in sorted(
        entry_points(group=group) if points is None else points,
        key=lambda point: (not point.value.startswith(home), point.name, point.value),
    ):
        engine, why = _import(point, wanted)
        if engine is not None and point.name not in found:
            found[point.name] = engine
        else:
            refused.append(Refused(point.name, point.value, why or "another engine has this name"))
    ranked = sorted(found.items(), key=lambda pair: (pair[1].priority, pair[0]))
    return Survey(dict(ranked), tuple(refused))


def _import(point: EntryPoint, wanted: set[str]) -> tuple[Any, str]:
    """Return an entry point's engine, or None and why it is none."""
    try:
        target = point.load()
    except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything; it costs its engine alone
        return None, f"it cannot be imported: {type(error).__name__}: {error}"
    why = _fault(target, point.name, wanted)
    return (None, why) if why else (target, "")


def _fault(target: Any, name: str, wanted: set[str]) -> str:
    """Return what keeps an object from being the engine called `name`, or ""."""
    if not isinstance(target, type):
        return "it is not a class"
    if lacking := sorted(wanted - set(dir(target))):
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
