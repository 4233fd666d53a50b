"""What happens while the server runs: the last of it kept, and told to whoever listens. Never a text."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from portevoix.events import BreakerMoved, Spoken

if TYPE_CHECKING:
    from collections.abc import Generator

    from portevoix.events import Event

KEPT_REQUESTS = 100
KEPT_ITEMS = 200
"""So many are told again to a listener that was away for a moment."""

MAX_BEHIND = 256
"""A listener that is further behind loses the oldest, and is told how many."""


@dataclass(frozen=True, slots=True)
class Item:
    """Tell one thing that has happened.

    Attributes:
        number: counts up, from 1; 0 for what is told to one listener alone.
        kind: `request`, `breaker`, `engine`, `download`, `queue`, `config`, `missed`.
        content: as JSON.
    """

    number: int
    kind: str
    content: dict[str, Any]


class News:
    """Keep the last requests, and tell listeners what happens; a hook for events; used from one event loop."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        """Begin with nothing; `wall_clock` gives Unix seconds."""
        self._wall_clock = wall_clock
        self._requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self._items: deque[Item] = deque(maxlen=KEPT_ITEMS)
        self._count = 0
        self._lines: set[Line] = set()
        self._is_closed = False

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Return the last requests, the latest first."""
        return list(reversed(self._requests))

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._lines)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Spoken():
                request = self._describe(event)
                self._requests.append(request)
                self.publish("request", request)
            case BreakerMoved(engine=engine, state=state, rest_seconds=rest_seconds):
                self.publish("breaker", {"engine": engine, "state": state, "rest_seconds": round(rest_seconds, 1)})

    def publish(self, kind: str, content: dict[str, Any]) -> None:
        """Tell every listener."""
        self._count += 1
        item = Item(self._count, kind, content)
        self._items.append(item)
        for line in self._lines:
            line.put(item)

    def close(self) -> None:
        """End every line: nothing more will be told."""
        self._is_closed = True
        for line in self._lines:
            line.close()

    @contextmanager
    def listening(self, after: int | None = None) -> Generator[Line, None, None]:
        """Give a line on which everything arrives that happens from now on.

        Args:
            after: number of the last item that the listener has; what is still known after it comes first.
        """
        line = Line([] if after is None else [item for item in self._items if item.number > after])
        self._lines.add(line)
        if self._is_closed:
            line.close()
        try:
            yield line
        finally:
            self._lines.discard(line)

    def _describe(self, event: Spoken) -> dict[str, Any]:
        report = event.report
        first = report.first_audio_seconds
        return {
            "time": round(self._wall_clock(), 3),
            "request_id": report.request_id,
            "engine": report.engine,
            "voice": report.voice,
            "cached": report.is_cached,
            "first_audio_ms": None if first is None else round(first * 1000, 1),
            "total_ms": round(event.seconds * 1000, 1),
            "audio_seconds": round(report.audio_seconds, 3),
            "fallback": report.why_degraded or None,
            "status": event.status,
            "code": event.code or None,
        }


class Line:
    """Hold what one listener has not taken yet, within bounds.

    Attributes:
        is_closed: nothing more will come.
    """

    def __init__(self, items: list[Item]) -> None:
        """Begin with `items`."""
        self._items = deque(items)
        self._missed = 0
        self._arrived = asyncio.Event()
        self.is_closed = False

    def close(self) -> None:
        """End it; what is there can still be taken."""
        self.is_closed = True
        self._arrived.set()

    def put(self, item: Item) -> None:
        """Add an item; the oldest goes when there are too many."""
        if len(self._items) >= MAX_BEHIND:
            self._items.popleft()
            self._missed += 1
        self._items.append(item)
        self._arrived.set()

    async def take(self, patience_seconds: float) -> list[Item]:
        """Return all that has come, or nothing when nothing came in time."""
        if not self._items and not self.is_closed:
            self._arrived.clear()
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        taken = list(self._items)
        self._items.clear()
        if self._missed:
            taken.insert(0, Item(0, "missed", {"count": self._missed}))
            self._missed = 0
        return taken


Survey = Callable[[], dict[tuple[str, str], dict[str, Any]]]
"""Return what has a state of its own: contents by kind and name."""


async def follow(news: News, survey: Survey, after: int | None, look_seconds: float) -> AsyncGenerator[Item, None]:
    """Yield all news, and each change in a survey that is made every `look_seconds` while somebody listens.

    The first survey is yielded whole, so that a listener knows where it begins.
    """
    told: dict[tuple[str, str], dict[str, Any]] = {}
    loop = asyncio.get_running_loop()
    with news.listening(after) as line:
        looks_at = loop.time()
        while not line.is_closed:
            if loop.time() >= looks_at:
                for (kind, name), content in survey().items():
                    if told.get((kind, name)) != content:
                        told[kind, name] = content
                        yield Item(0, kind, content)
                looks_at = loop.time() + look_seconds
            for item in await line.take(max(0.0, looks_at - loop.time())):
                yield item
