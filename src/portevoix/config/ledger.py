"""What is found out while a configuration is read: problems, and where each value came from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

from portevoix.config.environment import OWN_NAMES, variable
from portevoix.config.node import Node
from portevoix.config.problem import Origin, Problem, Severity


class Ledger:
    """Collect problems and origins.

    Attributes:
        home: what `~` stands for.
        problems: in the order of finding.
        origins: origin by key; a key that is not here has its default.
    """

    def __init__(self, home: Path, known_keys: Sequence[str]) -> None:
        """Start empty; `known_keys` are all keys there are, for suggestions."""
        self.home = home
        self.problems: list[Problem] = []
        self.origins: dict[str, Origin] = {}
        self._known_keys = known_keys

    def note(self, key: str, node: Node) -> None:
        """Keep where a key's value came from."""
        self.origins[key] = node.origin

    def refuse(self, key: str, node: Node, message: str, suggestion: str = "") -> None:
        """Record an error."""
        self._record(key, node, message, suggestion, "error")

    def warn(self, key: str, node: Node, message: str, suggestion: str = "") -> None:
        """Record a warning."""
        self._record(key, node, message, suggestion, "warning")

    def check_names(self, entries: dict[str, Node], known: Iterable[str], section: str) -> None:
        """Warn of keys that a section does not have."""
        names = tuple(known)
        for name, node in entries.items():
            if name not in names:
                key = f"{section}.{name}" if section else name
                self.warn(key, node, "unknown key, it has no effect", self._suggestion(key, name, names, node))

    def _record(self, key: str, node: Node, message: str, suggestion: str, severity: Severity) -> None:
        origin = node.origin
        self.problems.append(Problem(origin.name, origin.line or None, key, message, severity, suggestion))

    def _suggestion(self, key: str, name: str, names: Sequence[str], node: Node) -> str:
        if node.origin.kind == "environment":
            return did_you_mean(node.origin.name, [*OWN_NAMES, *map(variable, self._known_keys)])
        elsewhere = [known for known in self._known_keys if known.endswith(f".{name}") or known == name]
        return did_you_mean(name, names) or did_you_mean(key, elsewhere, likeness=0.0)


def did_you_mean(name: str, known: Iterable[str], likeness: float = 0.7) -> str:
    """Return a question with the name most like `name`, or "" when none is at least so like, from 0 to 1."""
    near = difflib.get_close_matches(name[:80], list(known), 1, likeness)
    return f"Did you mean {near[0]!r}?" if near else ""
