"""Answers that came whole from the cache, given again for a moment to whoever orders the very same."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portevoix.clock import Clock, system_clock
from portevoix.events import Hook, LookedUp, Spoken, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Send

    from portevoix.server.order import Order
    from portevoix.speech import SpeechReport

KEPT_SECONDS = 1.0
"""How long an answer may be out of date: after that it is put together anew, by the rules in force then."""

RENEWING_SECONDS = 0.25
"""While the first who comes too late has it put together anew, the others are given the old one: not all at once."""

MAX_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """Hold an answer as it is sent.

    Attributes:
        lines: the headers, as ASGI has them.
        content: the body.
        report: of the request that it was made for.
        ends: when it is too old, in the clock's seconds.
        is_renewed: somebody has it put together anew.
    """

    lines: tuple[tuple[bytes, bytes], ...]
    content: bytes
    report: SpeechReport
    ends: float
    is_renewed: bool = False


class Repeats:
    """Keep answers by their orders, the oldest first to go; from one event loop."""

    def __init__(self, notify: Hook = ignore, *, max_bytes: int = MAX_BYTES, clock: Clock = system_clock) -> None:
        """Keep at most `max_bytes`; what is given again is told to `notify` as any other request."""
        self._notify = notify
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[Order, Repeat] = OrderedDict()
        self._size_bytes = 0

    def keep(self, order: Order, headers: Mapping[str, str], content: bytes, report: SpeechReport) -> None:
        """Keep an answer whose every sentence came from the cache."""
        lines = tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
        name = _nameless(order)
        self._drop(name)
        self._kept[name] = Repeat(lines, content, report, self._clock() + KEPT_SECONDS)
        self._size_bytes += len(content)
        while self._size_bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def find(self, order: Order) -> Repeat | None:
        """Return what the same order was answered a moment ago; whoever is given nothing has it made anew."""
        name = _nameless(order)
        repeat = self._kept.get(name)
        if repeat is None or self._clock() < repeat.ends:
            return repeat
        if repeat.is_renewed or self._clock() >= repeat.ends + RENEWING_SECONDS:
            self._drop(name)
        else:
            self._kept[name] = replace(repeat, ends=repeat.ends + RENEWING_SECONDS, is_renewed=True)
        return None

    async def send(self, repeat: Repeat, order: Order, send: Send) -> None:
        """Give an answer again."""
        began = self._clock()
        await send({"type": "http.response.start", "status": 200, "headers": list(repeat.lines)})
        await send({"type": "http.response.body", "body": repeat.content})
        seconds = self._clock() - began
        told = replace(repeat.report, request_id=order.request.request_id, first_audio_seconds=seconds)
        self._notify(LookedUp(told.engine, is_hit=True))
        self._notify(Spoken(told, "success", seconds))

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
        self._size_bytes = 0

    def _drop(self, name: Order) -> None:
        dropped = self._kept.pop(name, None)
        self._size_bytes -= len(dropped.content) if dropped else 0


def _nameless(order: Order) -> Order:
    """Return an order without its request's name, in which alone two may differ that are the same."""
    return replace(order, request=replace(order.request, request_id=""))
