"""A clock that is moved by hand."""

from __future__ import annotations


class HandClock:
    """Tell the `seconds` that a test has set."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds
