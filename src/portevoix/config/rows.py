"""What is in force, key by key, with where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from portevoix.config.keys import BACKENDS, NOT_WRITTEN
from portevoix.config.loading import Loaded
from portevoix.config.node import join
from portevoix.config.problem import Origin
from portevoix.config.settings import Settings

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
    """Return a row for every key that is in force, in the order of the reference.

    A key that is every engine's and one of an engine's own options as well has one row.
    """
    origins, values = loaded.origins, dict(_flat_settings(loaded.settings))
    return tuple(Row(key, value, _origin(key, origins)) for key, value in values.items())


def fingerprint(settings: Settings) -> str:
    """Return 16 hexadecimal digits that change with any setting, secret ones too."""
    content = json.dumps(list(_flat(settings, "", hides=False)), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def changed_keys(before: Loaded, after: Loaded) -> tuple[str, ...]:
    """Return the keys whose values differ, those of secrets included."""
    former, latter = (dict(_flat(loaded.settings, "", hides=False)) for loaded in (before, after))
    changed = sorted(key for key in {**former, **latter} if former.get(key, ...) != latter.get(key, ...))
    return tuple(_public(key) for key in changed)


def _flat_settings(settings: Any) -> Iterator[tuple[str, Any]]:
    for key, value in _flat(settings, ""):
        if value == {} and key in (BACKENDS, *NOT_WRITTEN):
            continue
        yield _public(key), value


def _public(key: str) -> str:
    """Return a key as it is written in a file."""
    if key.startswith(NOT_WRITTEN):
        return key.replace("absent_backends", BACKENDS, 1)
    return key.replace(".options.", ".", 1) if key.startswith(f"{BACKENDS}.") else key


def _flat(value: Any, key: str, *, hides: bool = True) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            part = getattr(value, item.name)
            is_hidden = hides and item.metadata.get("secret") and part not in (None, "")
            yield from _flat(HIDDEN if is_hidden else part, join(key, item.name), hides=hides)
    elif isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _flat(part, join(key, name), hides=hides)
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
