"""Speech that waits for its listener behind a link, for a while."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass

from portevoix.clock import Clock, system_clock
from portevoix.server.errors import LinkExpired

TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold one clip.

    Attributes:
        content: the file.
        media_type: what it is.
        ends: when it goes, in the clock's seconds.
    """

    content: bytes
    media_type: str
    ends: float


class Links:
    """Keep clips by names that nobody guesses, within a bound in bytes, the oldest first to go; from one event loop."""

    def __init__(self, seconds: float, max_bytes: int, *, clock: Clock = system_clock) -> None:
        """Keep each clip for `seconds`."""
        self.seconds = seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._clips: OrderedDict[str, Waiting] = OrderedDict()
        self._size_bytes = 0

    def add(self, content: bytes, media_type: str) -> str | None:
        """Return the name under which a clip is kept from now on, or None where it is larger than the bound."""
        if len(content) > self._max_bytes:
            return None
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._clips[token] = Waiting(content, media_type, self._clock() + self.seconds)
        self._size_bytes += len(content)
        self._sweep()
        return token

    def find(self, token: str) -> Waiting:
        """Return a clip.

        Raises:
            LinkExpired: it is not there, or not there any more.
        """
        self._sweep()
        waiting = self._clips.get(token)
        if waiting is None:
            raise LinkExpired("there is no speech behind this link", f"a link works for {self.seconds:.0f} s",
                              "Translate again.")  # fmt: skip
        return waiting

    def _sweep(self) -> None:
        now = self._clock()
        while self._clips:
            token, oldest = next(iter(self._clips.items()))
            if oldest.ends > now and self._size_bytes <= self._max_bytes:
                return
            self._size_bytes -= len(self._clips.pop(token).content)
