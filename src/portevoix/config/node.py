"""A configuration as a tree of values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portevoix.config.problem import Origin

Plain = None | bool | int | float | str

_BLANKS = ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one value of a configuration.

    Attributes:
        value: a plain value, a list of nodes, or a section of nodes by key; None also where a value was refused.
        origin: where it was written.
        text: a plain value as it was written, without its quotes.
        is_quoted: it was written in quotes.
    """

    value: Plain | tuple[Node, ...] | dict[str, Node]
    origin: Origin
    text: str = ""
    is_quoted: bool = False

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing was written, or a word for nothing."""
        return self.value is None and self.text.lower() in _BLANKS

    def plain(self) -> Any:
        """Return the value and all below it without origins."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value


def node_of(value: Any, origin: Origin) -> Node:
    """Return the tree of a value that was not written but given: sections, lists and plain values."""
    if isinstance(value, Mapping):
        return Node({str(key): node_of(part, origin) for key, part in value.items()}, origin)
    if isinstance(value, list | tuple):
        return Node(tuple(node_of(part, origin) for part in value), origin)
    if value is None or isinstance(value, bool | int | float):
        return Node(value, origin, "" if value is None else str(value))
    return Node(str(value), origin, str(value), is_quoted=True)


def overlay(lower: Node | None, upper: Node | None) -> Node | None:
    """Return two trees as one: sections are united, anything else is the upper one's."""
    if lower is None or upper is None:
        return upper or lower
    if not isinstance(lower.value, dict) or not isinstance(upper.value, dict):
        return upper
    return Node(dict(_united(lower.value, upper.value)), upper.origin)


def join(*parts: str) -> str:
    """Return a key of its parts, leaving out empty ones: `cache.folder`."""
    return ".".join(part for part in parts if part)


def _united(lower: dict[str, Node], upper: dict[str, Node]) -> Iterator[tuple[str, Node]]:
    for key in {**lower, **upper}:
        node = overlay(lower.get(key), upper.get(key))
        if node is not None:
            yield key, node
