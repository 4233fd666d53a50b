"""Which translation engines are installed: entry points of the group `portevoix.translators`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from portevoix.errors import ConfigError
from portevoix.plugins import Survey, survey_group
from portevoix.translate.engine import TranslationEngine

logger = logging.getLogger(__name__)

GROUP = "portevoix.translators"
_HOME = "portevoix.translate.engines."


def installed_translators(points: Iterable[EntryPoint] | None = None) -> Mapping[str, type[TranslationEngine]]:
    """Return the class of every installed translation engine by name, in the order of asking.

    A name that is taken stays with the house, then with the first.
    """
    found: Survey[TranslationEngine] = survey_group(TranslationEngine, GROUP, _HOME, points)
    for one in found.refused:
        logger.warning("translator.refused", extra={"engine": one.name, "target": one.target, "why": one.why})
    return found.engines


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
    return Path(value).expanduser() if default is None and isinstance(value, str) else value
