"""Fill the settings from a tree of values; what is not written, or not right, has its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from portevoix.config.conversion import convert, found
from portevoix.config.keys import BACKENDS, NOT_WRITTEN, default_of, hints_of
from portevoix.config.ledger import Ledger, did_you_mean
from portevoix.config.node import Node, join
from portevoix.config.problem import Mismatch
from portevoix.config.settings import BackendSettings, LevelOptions, Settings
from portevoix.engine import Engine, takes_part


def bind_settings(tree: Node | None, engines: Mapping[str, type[Engine]], ledger: Ledger) -> Settings:
    """Return the settings that a tree stands for; problems and origins go to the ledger."""
    entries = _entries(tree, "", ledger)
    names = [item.name for item in fields(Settings) if item.name not in NOT_WRITTEN]
    ledger.check_names(entries, names, "")
    written = _entries(entries.pop(BACKENDS, None), BACKENDS, ledger)
    values = _values(Settings, {name: node for name, node in entries.items() if name in names}, "", ledger)
    backends = {name: _bind_backend(name, engine, written.get(name), ledger) for name, engine in engines.items()}
    return Settings(**{**values, "backends": backends, "absent_backends": _absent(written, engines, ledger)})


def _entries(node: Node | None, key: str, ledger: Ledger) -> dict[str, Node]:
    """Return a section's entries; a section in which everything is commented out has none."""
    if node is None or node.value is None:
        return {}
    if isinstance(node.value, dict):
        return dict(node.value)
    ledger.refuse(key, node, f"expected a section of keys, found {found(node, {})}")
    return {}


def _bind_backend(name: str, engine: type[Engine], node: Node | None, ledger: Ledger) -> BackendSettings:
    key = f"{BACKENDS}.{name}"
    entries = _entries(node, key, ledger)
    ledger.check_names(entries, [item.name for kind in (LevelOptions, engine.Options) for item in fields(kind)], key)
    level = LevelOptions(**_values(LevelOptions, entries, key, ledger))
    return BackendSettings(
        enabled=takes_part(engine) or bool(entries) if level.enabled is None else level.enabled,
        target_latency_ms=engine.target_latency_ms if level.target_latency_ms is None else level.target_latency_ms,
        priority=engine.priority if level.priority is None else level.priority,
        priorities=level.priorities,
        voices=level.voices,
        options=_build(engine.Options, _values(engine.Options, entries, key, ledger), node, key, ledger),
    )


def _absent(
    written: dict[str, Node], engines: Mapping[str, type[Engine]], ledger: Ledger
) -> dict[str, Mapping[str, Any]]:
    absent: dict[str, Mapping[str, Any]] = {}
    for name, node in written.items():
        if name in engines:
            continue
        key = f"{BACKENDS}.{name}"
        ledger.warn(key, node, "no usable engine of this name is installed", did_you_mean(name, engines))
        absent[name] = {part: value.plain() for part, value in _entries(node, key, ledger).items()}
        ledger.note(key, node)
    return absent


def _bind_section(kind: type[Any], node: Node | None, key: str, ledger: Ledger) -> Any:
    entries = _entries(node, key, ledger)
    ledger.check_names(entries, [item.name for item in fields(kind)], key)
    return _build(kind, _values(kind, entries, key, ledger), node, key, ledger)


def _values(kind: type[Any], entries: dict[str, Node], key: str, ledger: Ledger) -> dict[str, Any]:
    """Return the fields that are written and right."""
    hints = hints_of(kind)
    values = {}
    for item in fields(kind):
        name, node = join(key, item.name), entries.get(item.name)
        if is_dataclass(hints[item.name]):
            values[item.name] = _bind_section(hints[item.name], node, name, ledger)
        elif node is not None and (value := _bind_field(item, hints[item.name], node, name, ledger)) is not MISSING:
            values[item.name] = value
    return values


def _bind_field(item: Field[Any], hint: Any, node: Node, key: str, ledger: Ledger) -> Any:
    """Return a field's value, or `MISSING` where its default is to be used."""
    if node.value is None and default_of(item) is not None:
        if node.is_blank:
            ledger.warn(key, node, "has no value; the default is used", "Give it a value or remove it.")
        return MISSING
    try:
        value = convert(node, hint, item.metadata, key, ledger)
    except Mismatch as mismatch:
        ledger.refuse(key, node, str(mismatch), mismatch.suggestion)
        return MISSING
    ledger.note(key, node)
    return value


def _build(kind: type[Any], values: dict[str, Any], node: Node | None, key: str, ledger: Ledger) -> Any:
    """Return the dataclass; one that refuses a combination of values has its defaults."""
    try:
        return kind(**values)
    except ValueError as error:
        if node is None:
            raise
        ledger.refuse(key, node, str(error))
        return kind()
