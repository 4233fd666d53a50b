"""Read a file into a tree of values that know their lines.

YAML 1.1 by PyYAML's safe loader, which runs no code; size, depth and the number of values are bounded, so that no file
can make the reader busy for long.
"""

from __future__ import annotations

import codecs
import re

import yaml

from portevoix.config.node import Node, Plain, join
from portevoix.config.problem import Origin, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 20_000

SINGLE_QUOTES = r"Write Windows paths in single quotes: 'C:\Program Files\Piper\piper.exe'."

_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_TEXT_TAGS = tuple(_STANDARD + name for name in ("str", "timestamp", "value", "merge"))
_TAGS = (*_TEXT_TAGS, *(_STANDARD + name for name in ("null", "bool", "int", "float", "map", "seq")))
_DRIVE_PATH = re.compile(r'"([A-Za-z]:\\(?!\\)[^"\r\n]*)"')


class Unreadable(Exception):
    """Tell that a document cannot be read any further.

    Attributes:
        line: counted from 1, or 0 where there is none.
        suggestion: what to do, as a sentence, or "".
    """

    def __init__(self, message: str, line: int = 0, suggestion: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.suggestion = suggestion


def read_document(content: bytes, path: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """Read a file's content; return its tree, None where there is none, and what is wrong with it."""
    try:
        text = decode(content)
        tree, remarks = parse(text, Origin("file", path))
    except Unreadable as fault:
        return None, (Problem(path, fault.line or None, "", str(fault), suggestion=fault.suggestion),)
    return tree, remarks


def decode(content: bytes) -> str:
    """Return a file's text.

    Raises:
        Unreadable: it is not UTF-8.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("the file is in UTF-16, not in UTF-8", 1, "Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"byte 0x{content[error.start]:02x} is not UTF-8", line, "Save the file as UTF-8.") from None
    if "\0" in text:
        raise Unreadable("the file is not a text", text.count("\n", 0, text.index("\0")) + 1, "Save it as UTF-8.")
    return text


def parse(text: str, origin: Origin) -> tuple[Node | None, tuple[Problem, ...]]:
    """Return the tree of a YAML text, None when it is empty, with problems that do not hinder reading on.

    Raises:
        Unreadable: it is not YAML, too deep or too long.
    """
    try:
        composer = _Composer(text)
        tree = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _explain(error) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(f"character {error.character!r} is not allowed", line, "Remove it.") from None
    grower = _Grower(origin, composer.drive_path_lines)
    return (grower.grow(tree) if tree is not None else None), tuple(grower.problems)


def _explain(error: yaml.MarkedYAMLError) -> Unreadable:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 0
    problem = str(error.problem or error.context)
    if "escape character" in problem or "expected escape sequence" in problem:
        return Unreadable("a backslash in double quotes begins an escape that YAML does not know", line, SINGLE_QUOTES)
    if "'\\t'" in problem:
        return Unreadable("a tab stands where YAML wants spaces", line, "Indent with spaces.")
    begun = f" {error.context}" if error.context and error.problem else ""
    return Unreadable(f"not valid YAML{begun}: {problem}", line)


class _Composer(yaml.SafeLoader):
    """Compose YAML within bounds, and take a Windows path in double quotes as it stands."""

    def __init__(self, text: str) -> None:
        self.depth = 0
        self.count = 0
        self.drive_path_lines: list[int] = []
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        line = self.get_mark().line + 1
        self.depth += 1
        self.count += 1
        _bound(self.depth, self.count, line)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def scan_flow_scalar(self, style: str) -> yaml.ScalarToken:
        r"""Read `"C:\Program Files"` as people mean it; YAML would take `\P` for an escape and refuse."""
        path = _DRIVE_PATH.match(self.buffer, self.pointer)
        if path is None:
            return super().scan_flow_scalar(style)
        start = self.get_mark()
        self.drive_path_lines.append(start.line + 1)
        self.forward(len(path[0]))
        return yaml.ScalarToken(path[1].replace("\\\\", "\\"), False, start, self.get_mark(), style)


def _bound(depth: int, count: int, line: int) -> None:
    if depth > MAX_DEPTH:
        raise Unreadable(f"nested deeper than {MAX_DEPTH} levels", line)
    if count > MAX_VALUES:
        raise Unreadable(f"more than {MAX_VALUES} values", line, "This does not look like a configuration.")


class _Grower:
    """Turn YAML nodes into ours; an alias is counted each time it is used, so that copies of copies are bounded."""

    def __init__(self, origin: Origin, drive_path_lines: list[int]) -> None:
        self._origin = origin
        self._count = 0
        self.problems = [self._remark_on_path(line) for line in drive_path_lines]

    def grow(self, node: yaml.Node, key: str = "", depth: int = 1) -> Node:
        line = _line(node)
        self._count += 1
        _bound(depth, self._count, line)
        origin = Origin(self._origin.kind, self._origin.name, line if self._origin.kind == "file" else 0)
        if node.tag not in _TAGS:
            self._complain(line, key, f"the tag {node.tag[:80]!r} is not allowed", "Remove it.")
            return Node(None, origin, node.tag)
        if isinstance(node, yaml.MappingNode):
            return Node(self._section(node, key, depth), origin)
        if isinstance(node, yaml.SequenceNode):
            parts = (self.grow(part, f"{key}[{place}]", depth + 1) for place, part in enumerate(node.value))
            return Node(tuple(parts), origin)
        return Node(self._plain(node, key), origin, node.value, getattr(node, "style", None) is not None)

    def _section(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for name_node, value_node in node.value:
            if name_node.tag == _MERGE:
                merged = {**self._merged(value_node, key, depth), **merged}
                continue
            name = self._name(name_node, key)
            if name in own:
                twice = f"given twice, first in line {own[name].origin.line}"
                self._complain(_line(name_node), join(key, name), twice, "Remove one.")
            own[name] = _at(self.grow(value_node, join(key, name), depth + 1), _line(name_node))
        return {**merged, **own}

    def _merged(self, node: yaml.Node, key: str, depth: int) -> dict[str, Node]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for part in parts:
            grown = self.grow(part, key, depth + 1).value
            if isinstance(grown, dict):
                merged = {**grown, **merged}
            else:
                self._complain(_line(part), key, "`<<` takes the keys of a section, and this is none")
        return merged

    def _name(self, node: yaml.Node, key: str) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self._complain(_line(node), key, "a key must be a plain word")
        return "?"

    def _plain(self, node: yaml.Node, key: str) -> Plain:
        return str(node.value) if node.tag in _TEXT_TAGS else self._resolved(node, key)

    def _resolved(self, node: yaml.Node, key: str) -> Plain:
        try:
            value: Plain = _constructor().construct_object(node)
        except (ValueError, KeyError, yaml.YAMLError):
            kind = node.tag.removeprefix(_STANDARD)
            self._complain(_line(node), key, f"{str(node.value)[:80]!r} cannot be read as {kind}")
            return None
        return value

    def _complain(self, line: int, key: str, message: str, suggestion: str = "") -> None:
        self.problems.append(Problem(self._origin.name, line, key, message, "error", suggestion))

    def _remark_on_path(self, line: int) -> Problem:
        remark = "the backslashes in double quotes are taken as they stand"
        return Problem(self._origin.name, line, "", remark, "warning", SINGLE_QUOTES)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _constructor() -> yaml.constructor.SafeConstructor:
    return yaml.constructor.SafeConstructor()


def _at(node: Node, line: int) -> Node:
    """Return a node placed at its key's line, which is where people look for it."""
    if node.origin.kind != "file":
        return node
    return Node(node.value, Origin(node.origin.kind, node.origin.name, line), node.text, node.is_quoted)
