"""The worker's end of the pipes to its parent."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from portevoix.rooms.frames import Frame, FrameDecoder, FrameError, pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

READ_BYTES = 1 << 16


class Pipe:
    """Speak frames over two file descriptors; any thread may send."""

    def __init__(self, source: int, sink: int) -> None:
        """Take ownership of the descriptors to read from and to write to."""
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()

    def frames(self) -> Iterator[Frame]:
        """Yield frames until the other side closes or sends what is no frame."""
        decoder = FrameDecoder()
        with suppress(FrameError, OSError):
            while data := os.read(self._source, READ_BYTES):
                yield from decoder.feed(data)

    def send(self, header: Mapping[str, Any], payload: bytes | memoryview = b"") -> None:
        """Send one frame whole, waiting as long as the other side does not read."""
        rest = memoryview(pack(header, payload))
        with self._writing:
            while rest:
                rest = rest[os.write(self._sink, rest) :]


def take_pipes() -> Pipe:
    """Return private duplicates of standard input and output, and point these elsewhere."""
    pipe = Pipe(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return pipe
