"""How far a long piece of work is, on a terminal alone."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from portevoix.clock import Clock, system_clock
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

T = TypeVar("T")

QUIET_SECONDS = 1.0
"""Shorter work is over before anybody wants to know."""

REFRESH_SECONDS = 0.2
CHARACTERS_PER_SECOND = 15.0
"""What reading aloud takes, about, in French and English."""

BAR_CHARACTERS = 24


class Progress:
    """Draw one line on stderr while a text is spoken into a file; silent where nobody looks."""

    def __init__(
        self, characters: int | None, speed: float, *, is_seen: bool | None = None, clock: Clock = system_clock
    ) -> None:
        """Begin to count the time.

        Args:
            characters: length of the text, or None while it is still arriving.
            speed: factor of the voice's own pace.
            is_seen: somebody looks; found out when None.
            clock: the time.
        """
        self._expected_seconds = characters / CHARACTERS_PER_SECOND / speed if characters else None
        self._is_seen = sys.stderr.isatty() if is_seen is None else is_seen
        self._clock = clock
        self._next = clock() + QUIET_SECONDS
        self._is_drawn = False

    def show(self, audio_seconds: float) -> None:
        """Draw how much has been spoken, unless that was done a moment ago."""
        now = self._clock()
        if not self._is_seen or now < self._next:
            return
        self._next = now + REFRESH_SECONDS
        self._is_drawn = True
        draw(self.line(audio_seconds))

    def clear(self) -> None:
        """Remove the line."""
        if self._is_drawn:
            draw("")
            self._is_drawn = False

    def line(self, audio_seconds: float) -> str:
        """Return what is drawn; a text's length in seconds is a guess, so the bar stops short of its end."""
        if self._expected_seconds is None:
            return f"spoken {clock_face(audio_seconds)}"
        share = min(0.99, audio_seconds / self._expected_seconds)
        return f"spoken {clock_face(audio_seconds)} of about {clock_face(self._expected_seconds)}  {bar(share)}"


def draw(line: str) -> None:
    """Write one line on stderr in place of the one before; "" takes it away."""
    click.echo(f"\r{line}\x1b[K", err=True, nl=False, color=True)


def bar(share: float) -> str:
    """Return a bar of which so much is filled, 0 to 1."""
    filled = int(share * BAR_CHARACTERS)
    return f"[{'#' * filled}{'-' * (BAR_CHARACTERS - filled)}]"


def clock_face(seconds: float) -> str:
    """Return seconds as `1:05`, from an hour on as `1:01:05`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def stepping(items: Sequence[T], label: str) -> Iterator[Iterable[T]]:
    """Give back `items`, counted by a bar on stderr while they are gone through; silent where nobody looks."""
    if not sys.stderr.isatty():
        yield items
        return
    with click.progressbar(items, label=label, file=sys.stderr) as bar:
        yield bar


@asynccontextmanager
async def ticking(label: str, *, is_seen: bool | None = None) -> AsyncIterator[None]:
    """Show that work of unknown length goes on: the time that it has taken, or one line where nobody looks."""
    is_seen = sys.stderr.isatty() if is_seen is None else is_seen
    if not is_seen:
        click.echo(label, err=True)
        yield
        return
    ticks = asyncio.create_task(_tick(label), name="ticks")
    try:
        yield
    finally:
        await end_tasks(ticks)
        draw("")


async def _tick(label: str, clock: Clock = system_clock) -> None:
    began = clock()
    while True:
        draw(f"{label}  {clock_face(clock() - began)}")
        await asyncio.sleep(REFRESH_SECONDS)
