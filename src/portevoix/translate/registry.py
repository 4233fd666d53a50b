"""Which translation engines are installed: entry points of the group `portevoix.translators`.

Any installed package can bring one. What cannot be imported, or is no engine, is told and left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from portevoix.errors import ConfigError
from portevoix.translate.engine import TranslationEngine

logger = logging.getLogger(__name__)

GROUP = "portevoix.translators"
_HOME = "portevoix.translate.engines."
_WANTED = frozenset(
    name for name in (*vars(TranslationEngine), *TranslationEngine.__annotations__) if not name.startswith("_")
)


def installed_translators(points: Iterable[EntryPoint] | None = None) -> Mapping[str, type[TranslationEngine]]:
    """Return the class of every installed translation engine by name, in the order of asking.

    A name that is taken stays with the house, then with the first.
    """
    found: dict[str, type[TranslationEngine]] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=_precedence):
        engine, why = _import(point)
        if engine is not None and point.name not in found:
            found[point.name] = engine
        else:
            facts = {"engine": point.name, "target": point.value, "why": why or "another engine has this name"}
            logger.warning("translator.refused", extra=facts)
    return dict(sorted(found.items(), key=lambda pair: (pair[1].priority, pair[0])))


def read_options(name: str, kind: type[TranslationEngine], given: Mapping[str, Any]) -> Any:
    """Return an engine's options with the values that the configuration gives.

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or outside its bounds; names them all.
    """
    known = {item.name: item for item in fields(kind.Options)}
    problems = [f"translation.engines.{name}.{key} is not known" for key in given if key not in known]
    values: dict[str, Any] = {}
    for key in given.keys() & known.keys():
        default, value = known[key].default, given[key]
        if why := _mismatch(default, value, known[key].metadata):
            problems.append(f"translation.engines.{name}.{key}: {why}, found {value!r:.60}")
        values[key] = value
    if problems:
        raise ConfigError("the configuration of translation cannot be used", tuple(sorted(problems)))
    return kind.Options(**{key: _typed(known[key].default, value) for key, value in values.items()})


def _mismatch(default: Any, value: Any, metadata: Mapping[str, Any]) -> str:
    if default is None:
        return "" if value is None or isinstance(value, str) else "expected a text"
    if isinstance(default, bool) or isinstance(value, bool):
        return "" if isinstance(default, bool) and isinstance(value, bool) else "expected " + _word(default)
    if not isinstance(value, (int, float) if isinstance(default, float) else type(default)):
        return f"expected {_word(default)}"
    if (choices := metadata.get("choices")) and value not in choices:
        return f"expected one of {', '.join(map(str, choices))}"
    least, most = metadata.get("minimum"), metadata.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        return f"expected at least {least}" if most is None else f"expected a number from {least} to {most}"
    return ""


def _word(default: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(type(default), "a text")


def _typed(default: Any, value: Any) -> Any:
    from pathlib import Path

    return Path(value).expanduser() if default is None and isinstance(value, str) else value


def _precedence(point: EntryPoint) -> tuple[bool, str, str]:
    return not point.value.startswith(_HOME), point.name, point.value


def _import(point: EntryPoint) -> tuple[type[TranslationEngine] | None, str]:
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
    if not isinstance(engine.Options, type) or not is_dataclass(engine.Options):
        return "its Options are not a dataclass"
    bare = [item.name for item in fields(engine.Options)
            if item.default is MISSING and item.default_factory is MISSING]  # fmt: skip
    return f"its options {', '.join(bare)} have no default" if bare else ""
