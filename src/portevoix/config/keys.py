"""Every key that there is, with its type, default and meaning."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from portevoix.config.node import join
from portevoix.config.settings import LevelOptions, Settings
from portevoix.engine import Engine

BACKENDS = "backends"
NOT_WRITTEN = ("absent_backends",)

_RUNTIME_NAMES = {"Path": Path, "Mapping": Mapping, "Sequence": Sequence, "Any": Any, "Literal": typing.Literal}
"""What an engine may have imported for type checking alone, and use in its options."""


@dataclass(frozen=True, slots=True)
class Key:
    """Describe one key.

    Attributes:
        name: its parts with dots between them: `cache.max_size_mb`.
        hint: type of its value.
        field: the field behind it, with its metadata.
    """

    name: str
    hint: Any
    field: Field[Any]

    @property
    def default(self) -> Any:
        """Return its default."""
        return default_of(self.field)


def default_of(item: Field[Any]) -> Any:
    """Return a field's default, or `dataclasses.MISSING`."""
    return item.default if item.default_factory is MISSING else item.default_factory()


def hints_of(kind: type[Any]) -> dict[str, Any]:
    """Return the types of a dataclass's fields."""
    return typing.get_type_hints(kind, localns=_RUNTIME_NAMES)


def keys_of(kind: type[Any], section: str = "") -> Iterator[Key]:
    """Yield the keys of a dataclass and of the dataclasses in it."""
    hints = hints_of(kind)
    for item in fields(kind):
        name, hint = join(section, item.name), hints[item.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from keys_of(hint, name)
        elif name not in (BACKENDS, *NOT_WRITTEN):
            yield Key(name, hint, item)


def backend_keys(engine: type[Engine], name: str) -> Iterator[Key]:
    """Yield the keys of one engine: those that every engine has, then its own."""
    yield from keys_of(LevelOptions, f"{BACKENDS}.{name}")
    yield from keys_of(engine.Options, f"{BACKENDS}.{name}")


def all_keys(engines: Mapping[str, type[Engine]]) -> tuple[Key, ...]:
    """Return every key."""
    own = [key for name, engine in engines.items() for key in backend_keys(engine, name)]
    return (*keys_of(Settings), *own)
