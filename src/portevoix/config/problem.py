"""Where a value came from, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
OriginKind = Literal["default", "file", "environment"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Tell where a value came from.

    Attributes:
        kind: the program's own default, a file, or a variable of the environment.
        name: the file's path as it was given, or the variable's name; "" for a default.
        line: line of the file, counted from 1; 0 where there is none.
    """

    kind: OriginKind = "default"
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        """Return it as people look it up: `config/tts.yaml:12`."""
        if self.kind == "default":
            return "default"
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class Problem:
    """Say what is wrong with a configuration, where, and what to do about it.

    Attributes:
        path: the file's path as it was given, or the name of a variable of the environment.
        line: line of the file, counted from 1, or None where there is none.
        key: the key at fault with dots between its parts, or "" for the file as a whole.
        message: one clause without a full stop.
        severity: an error stops the start, a warning does not.
        suggestion: what to do, as a sentence, or "".
    """

    path: str
    line: int | None
    key: str
    message: str
    severity: Severity = "error"
    suggestion: str = ""

    def __str__(self) -> str:
        """Return it as one line: place, severity if it is a warning, key, what is wrong, what to do."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        severity = "" if self.severity == "error" else self.severity
        told = ": ".join(part for part in (place, severity, self.key, self.message) if part)
        return f"{told}. {self.suggestion}" if self.suggestion else told


class Mismatch(ValueError):
    """Tell that a value is not what its key holds.

    Attributes:
        suggestion: what to do, as a sentence, or "".
    """

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion
