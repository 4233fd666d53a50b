"""The reference of all keys as Markdown, made of the settings' and the engines' own descriptions.

`python -m portevoix.config.reference docs/configuration.md` puts it between the two marks of that page.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from portevoix.config.conversion import in_unit
from portevoix.config.keys import Key, backend_keys, hints_of, keys_of
from portevoix.config.settings import LevelOptions, Settings
from portevoix.engine import Engine

BEGIN = "<!-- reference: made by `python -m portevoix.config.reference`; not to be edited by hand -->"
END = "<!-- end of the reference -->"

_HEAD = ("| key | holds | default | meaning |", "|---|---|---|---|")
_KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", Any: "anything"}


def with_reference(page: str, engines: Mapping[str, type[Engine]]) -> str:
    """Return a page with the reference between its marks brought up to date.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page lacks the marks between which the reference stands")
    return f"{before}{BEGIN}\n\n{reference(engines)}\n{END}{after}"


def reference(engines: Mapping[str, type[Engine]]) -> str:
    """Return tables of all keys: those at the top, each section, each engine."""
    return "\n".join(_lines(engines))


def _lines(engines: Mapping[str, type[Engine]]) -> Iterator[str]:
    hints = hints_of(Settings)
    yield from _table("Top level", "", [key for key in keys_of(Settings) if "." not in key.name])
    yield from _table("backends.<engine>", "Every engine has these.", keys_of(LevelOptions, "backends.<engine>"))
    for name, engine in sorted(engines.items(), key=lambda pair: (pair[1].priority, pair[0])):
        own = [key for key in backend_keys(engine, name) if key.field not in fields(LevelOptions)]
        told = f"{engine.summary.rstrip('.')}. Priority {engine.priority}, target {engine.target_latency_ms:g} ms."
        yield from _table(f"backends.{name}", told, own)
    for item in fields(Settings):
        if is_dataclass(kind := hints[item.name]) and isinstance(kind, type):
            yield from _table(item.name, (kind.__doc__ or "").partition("\n")[0], keys_of(kind, item.name))


def _table(title: str, text: str, keys: Iterable[Key]) -> Iterator[str]:
    yield from (f"### `{title}`" if title.islower() else f"### {title}", "")
    yield from (text, "") if text else ()
    rows = [_row(key) for key in keys]
    yield from (*_HEAD, *rows, "") if rows else ("No keys of its own.", "")


def _row(key: Key) -> str:
    metadata = key.field.metadata
    name = key.name.rpartition(".")[2]
    cells = (f"`{name}`", _holds(key), _default(key), metadata.get("help", "") + _bounds(metadata))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _holds(key: Key) -> str:
    if choices := key.field.metadata.get("choices"):
        return " or ".join(f"`{choice}`" for choice in choices)
    return _kind(key.hint) + in_unit(key.field.metadata)


def _kind(hint: Any) -> str:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(part) for part in parts if part is not type(None))
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (tuple, list, Sequence):
        return f"list ({_kind(parts[0])})"
    if origin in (dict, Mapping):
        return f"section (name: {_kind(parts[1])})"
    return _KINDS.get(hint, str(hint))


def _default(key: Key) -> str:
    if shown := key.field.metadata.get("shown_default"):
        return str(shown)
    value = key.default
    if value in (None, MISSING, {}, (), ""):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:.12g}`" if isinstance(value, float) else f"`{value}`"


def _bounds(metadata: Mapping[str, Any]) -> str:
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if low is None and high is None:
        return ""
    if high is None:
        return f" (at least {low})"
    return f" (at most {high})" if low is None else f" ({low} to {high})"


def _main(arguments: Sequence[str]) -> int:
    from portevoix.registry import built_in_engines

    for argument in arguments:
        page = Path(argument)
        page.write_text(with_reference(page.read_text("utf-8"), built_in_engines()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
