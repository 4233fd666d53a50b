"""Turn a written value into the value of a field, or say why not.

A field's type says what it holds: `bool`, `int`, `float`, `str`, `Path`, `Literal`, a union of them with or without
None, `tuple[X, ...]`, `tuple[X, Y]` or `Mapping[str, X]`. Its metadata sets bounds: `minimum`, `maximum`, `choices`,
and `holds_patterns` for pairs of a regular expression and what it is replaced by.
"""

from __future__ import annotations

import math
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from portevoix.config.document import SINGLE_QUOTES, Unreadable, parse
from portevoix.config.ledger import Ledger, did_you_mean
from portevoix.config.node import Node
from portevoix.config.problem import Mismatch

Metadata = Mapping[str, Any]

_UNITS = {"ms": "milliseconds", "s": "seconds", "hz": "Hz", "%": "percent"}
_COUNTED = ("bytes", "characters", "samples", "threads", "tokens")
_WORD_LENGTH = 60


def convert(node: Node, hint: Any, metadata: Metadata, key: str, ledger: Ledger) -> Any:
    """Return the value that a node stands for; faulty parts of lists and sections are recorded and left out.

    Raises:
        Mismatch: the node as a whole is not what `hint` and `metadata` ask for.
        TypeError: `hint` is a type that no configuration can hold.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return node.plain()
    if origin in (typing.Union, types.UnionType):
        return _one_of(node, parts, metadata, key, ledger)
    if origin is typing.Literal:
        return _choice(node, parts, metadata)
    if origin in (tuple, list, Sequence):
        is_row = origin is tuple and Ellipsis not in parts
        return (_row if is_row else _list)(node, parts, metadata, key, ledger)
    if origin in (dict, Mapping):
        return _section(node, parts[1], metadata, key, ledger)
    return _bounded(_scalar(node, hint, metadata, key, ledger), node, metadata)


def found(node: Node, metadata: Metadata) -> str:
    """Return a node's value in a few words, or nothing of it when it is secret."""
    if metadata.get("secret"):
        return "something else"
    if isinstance(node.value, dict | tuple):
        return "a section" if isinstance(node.value, dict) else "a list"
    if isinstance(node.value, str):
        return repr(_short(node.value))
    return "nothing" if node.is_blank else _short(node.text)


def in_unit(metadata: Metadata) -> str:
    """Return what follows "a number": " in milliseconds", " of bytes", or nothing."""
    unit = str(metadata.get("unit", ""))
    name = _UNITS.get(unit.lower(), unit)
    return f" {'of' if name in _COUNTED else 'in'} {name}" if name else ""


def _short(text: str) -> str:
    return text if len(text) <= _WORD_LENGTH else text[:_WORD_LENGTH] + "…"


def _mismatch(expected: str, node: Node, metadata: Metadata, suggestion: str = "") -> Mismatch:
    """Tell what was expected; a suggestion may repeat the value, so a secret gets none."""
    return Mismatch(f"expected {expected}, found {found(node, metadata)}", "" if metadata.get("secret") else suggestion)


def _one_of(node: Node, hints: tuple[Any, ...], metadata: Metadata, key: str, ledger: Ledger) -> Any:
    """Try each type; text comes last, for in the environment everything is a text."""
    if type(None) in hints and (node.is_blank or (Path in hints and node.value == "")):
        return None
    mismatches = []
    for hint in sorted((hint for hint in hints if hint is not type(None)), key=lambda hint: hint is str):
        try:
            return convert(node, hint, metadata, key, ledger)
        except Mismatch as mismatch:
            mismatches.append(mismatch)
    if len(mismatches) == 1:
        raise mismatches[0]
    expected = " or ".join(str(fault).partition(", found")[0].removeprefix("expected ") for fault in mismatches)
    raise _mismatch(expected, node, metadata, mismatches[-1].suggestion)


def _list(node: Node, hints: tuple[Any, ...], metadata: Metadata, key: str, ledger: Ledger) -> tuple[Any, ...]:
    if not isinstance(node.value, tuple):
        raise _mismatch("a list", node, metadata, f"Write [{_short(node.text)}]." if node.text else "")
    named = {f"{key}[{place}]": part for place, part in enumerate(node.value)}
    return tuple(_parts(named, hints[0], metadata, ledger).values())


def _row(node: Node, hints: tuple[Any, ...], metadata: Metadata, key: str, ledger: Ledger) -> tuple[Any, ...]:
    """Read a list of as many values as there are types."""
    if not isinstance(node.value, tuple) or len(node.value) != len(hints):
        raise _mismatch(f"a list of {len(hints)} values", node, metadata)
    row = tuple(
        convert(part, hint, {}, f"{key}[{place}]", ledger)
        for place, (part, hint) in enumerate(zip(node.value, hints, strict=True))
    )
    if metadata.get("holds_patterns"):
        _check_pattern(node, *row)
    return row


def _check_pattern(node: Node, pattern: str, replacement: str) -> None:
    try:
        re.compile(pattern).sub(replacement, "")
    except (re.error, IndexError) as error:
        raise Mismatch(f"expected a regular expression and its replacement, found {_short(node.text or pattern)!r}",
                       f"The expression cannot be read: {error}.") from error  # fmt: skip


def _section(node: Node, hint: Any, metadata: Metadata, key: str, ledger: Ledger) -> dict[str, Any]:
    if not isinstance(node.value, dict):
        raise _mismatch("a section of keys", node, metadata)
    named = {f"{key}.{name}": part for name, part in node.value.items()}
    converted = _parts(named, hint, metadata, ledger)
    return {name.removeprefix(f"{key}."): value for name, value in converted.items()}


def _parts(named: dict[str, Node], hint: Any, metadata: Metadata, ledger: Ledger) -> dict[str, Any]:
    values = {}
    for key, node in named.items():
        try:
            values[key] = convert(node, hint, metadata, key, ledger)
            ledger.note(key, node)
        except Mismatch as mismatch:
            ledger.refuse(key, node, str(mismatch), mismatch.suggestion)
    return values


def _scalar(node: Node, hint: Any, metadata: Metadata, key: str, ledger: Ledger) -> Any:
    if hint is Path:
        return _path(node, metadata, ledger.home)
    reader = _READERS.get(hint)
    if reader is None:
        raise TypeError(f"{key}: a configuration cannot hold {hint!r}")
    return reader(node, metadata)


def _flag(node: Node, metadata: Metadata) -> bool:
    if not isinstance(node.value, bool):
        raise _mismatch("true or false", node, metadata, _unquoted(node, bool))
    return node.value


def _whole_number(node: Node, metadata: Metadata) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool):
        raise _mismatch(f"a whole number{in_unit(metadata)}", node, metadata, _unquoted(node, int))
    return node.value


def _number(node: Node, metadata: Metadata) -> float:
    """Read a number; YAML 1.1 takes `1e3` for a text, people do not."""
    try:
        is_number = isinstance(node.value, int | float) and not isinstance(node.value, bool)
        number = float(node.text if isinstance(node.value, str) and not node.is_quoted else node.value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        is_number, number = False, math.nan
    if isinstance(node.value, bool) or node.is_quoted or not (is_number or math.isfinite(number)):
        raise _mismatch(f"a number{in_unit(metadata)}", node, metadata, _unquoted(node, int, float))
    if not math.isfinite(number):
        raise _mismatch(f"a finite number{in_unit(metadata)}", node, metadata)
    return number


def _text(node: Node, metadata: Metadata) -> str:
    if isinstance(node.value, str):
        return node.value
    if node.origin.kind == "environment" and not isinstance(node.value, dict | tuple) and node.text:
        return node.text
    raise _mismatch("a text", node, metadata, f"Put it in quotes: '{_short(node.text)}'." if node.text else "")


def _path(node: Node, metadata: Metadata, home: Path) -> Path:
    text = _text(node, metadata)
    if not text:
        raise _mismatch("a path", node, metadata)
    if any(ord(character) < ord(" ") for character in text):
        raise _mismatch("a path", node, metadata, SINGLE_QUOTES)
    return home / text[2:] if text == "~" or text.startswith(("~/", "~\\")) else Path(text)


def _choice(node: Node, choices: tuple[Any, ...], metadata: Metadata) -> Any:
    return _bounded(node.value, node, {"choices": choices, **metadata})


_READERS: dict[Any, Callable[[Node, Metadata], Any]] = {
    bool: _flag,
    int: _whole_number,
    float: _number,
    str: _text,
}


def _bounded(value: Any, node: Node, metadata: Metadata) -> Any:
    """Return a value that is within its bounds; a choice in the spelling of the metadata."""
    if choices := metadata.get("choices"):
        return _chosen(value, choices, node, metadata)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = metadata.get("minimum", -math.inf), metadata.get("maximum", math.inf)
        if not low <= value <= high:
            raise _mismatch(f"a number{in_unit(metadata)} {_range(low, high)}", node, metadata)
    return value


def _chosen(value: Any, choices: Sequence[Any], node: Node, metadata: Metadata) -> Any:
    for choice in choices:
        if str(choice).lower() == str(value).lower() and isinstance(value, type(choice)):
            return choice
    expected = ("one of " if len(choices) > 1 else "") + ", ".join(map(str, choices))
    raise _mismatch(expected, node, metadata, did_you_mean(str(value), map(str, choices)))


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"of at least {low:g}"
    return f"of at most {high:g}" if math.isinf(low) else f"from {low:g} to {high:g}"


def _unquoted(node: Node, *kinds: type[Any]) -> str:
    """Return the advice to remove quotes where that is all it takes."""
    if not node.is_quoted:
        return ""
    try:
        bare, _ = parse(node.text, node.origin)
    except Unreadable:
        return ""
    return "Remove the quotes." if bare is not None and type(bare.value) in kinds else ""
