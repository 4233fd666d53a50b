"""What is in force, key by key, with where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from portevoix.config.keys import BACKENDS, NOT_WRITTEN
from portevoix.config.loading import Loaded
from portevoix.config.node import join
from portevoix.config.problem import Origin

HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class Row:
    """Show one key.

    Attributes:
        key: its parts with dots between them.
        value: as JSON has it: None, bool, number, text, or a list of them; "…" where it is secret.
        origin: where it came from.
    """

    key: str
    value: Any
    origin: Origin


def rows(loaded: Loaded) -> tuple[Row, ...]:
    """Return a row for every key that is in force, in the order of the reference."""
    origins = loaded.origins
    return tuple(Row(key, value, _origin(key, origins)) for key, value in _flat_settings(loaded.settings))


def _flat_settings(settings: Any) -> Iterator[tuple[str, Any]]:
    for key, value in _flat(settings, ""):
        if value == {} and key in (BACKENDS, *NOT_WRITTEN):
            continue
        if key.startswith(NOT_WRITTEN):
            yield key.replace("absent_backends", BACKENDS, 1), value
        else:
            yield key.replace(".options.", ".", 1) if key.startswith(f"{BACKENDS}.") else key, value


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            part = getattr(value, item.name)
            is_hidden = item.metadata.get("secret") and part not in (None, "")
            yield from _flat(HIDDEN if is_hidden else part, join(key, item.name))
    elif isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(part, join(key, name))
    else:
        yield key, _as_json(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {}
    if isinstance(value, tuple | list):
        return [_as_json(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _origin(key: str, origins: Mapping[str, Origin]) -> Origin:
    """Return a key's origin, or that of the section it stands in."""
    while key and key not in origins:
        key = key.rpartition(".")[0]
    return origins.get(key, Origin())
