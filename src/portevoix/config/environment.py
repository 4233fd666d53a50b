"""Variables of the environment as a tree of values: `PORTEVOIX_CACHE__MAX_SIZE_MB=50`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from portevoix.config.document import Unreadable, parse
from portevoix.config.node import Node, overlay
from portevoix.config.problem import Origin

PREFIX = "PORTEVOIX_"
LEVELS = "__"
OWN_NAMES = ("PORTEVOIX_CONFIG", "PORTEVOIX_KEY", "PORTEVOIX_VOICES")
"""Variables that the program reads for itself: they are no keys of the configuration."""


def read_environment(environ: Mapping[str, str]) -> Node | None:
    """Return the tree of all variables that set a key, or None where there is none."""
    tree: Node | None = None
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in OWN_NAMES:
            tree = overlay(tree, _branch(name, environ[name]))
    return tree


def variable(key: str) -> str:
    """Return the variable that sets a key: `cache.max_size_mb` gives `PORTEVOIX_CACHE__MAX_SIZE_MB`."""
    return PREFIX + key.replace(".", LEVELS).upper()


def read_value(text: str, origin: Origin) -> Node:
    """Return a variable's value, read as YAML; what is not YAML is a text."""
    as_text = Node(text.strip(), origin, text.strip())
    try:
        node, problems = parse(text, origin)
    except Unreadable:
        return as_text
    if node is None:
        return Node(None, origin)
    if any(problem.severity == "error" for problem in problems) or _is_text(node, text):
        return as_text
    return node if isinstance(node.value, dict | tuple) or node.is_quoted else replace(as_text, value=node.value)


def _is_text(node: Node, text: str) -> bool:
    """Tell whether YAML would find more in a text than was meant, such as a comment or a section in `Name: voice`."""
    if isinstance(node.value, dict | tuple):
        return not text.lstrip().startswith(("[", "{"))
    return isinstance(node.value, str) and not node.is_quoted


def _branch(name: str, text: str) -> Node:
    origin = Origin("environment", name)
    node = read_value(text, origin)
    for part in reversed(name.removeprefix(PREFIX).lower().split(LEVELS)):
        node = Node({part: node}, origin)
    return node
