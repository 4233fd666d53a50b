"""Frames between a room and its worker: two lengths, a JSON header, raw bytes.

A frame is `<u32 header length><u32 payload length><header><payload>`, little-endian, the same in both directions.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEADER_LIMIT_BYTES = 16 << 20
"""Longest header that is sent or believed."""

PAYLOAD_LIMIT_BYTES = 64 << 20
"""Longest payload that is sent or believed: twelve minutes of audio at 22050 Hz."""

_LENGTHS = struct.Struct("<II")


class FrameError(ValueError):
    """Tell that bytes are no frame, or that a frame would be too large."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold one message.

    Attributes:
        header: JSON object; its `kind` says what the message is.
        payload: raw bytes, for audio float32 little-endian mono samples.
    """

    header: Mapping[str, Any]
    payload: bytes = b""

    @property
    def kind(self) -> str:
        """Return what the message is, "" when it does not say."""
        return str(self.header.get("kind", ""))


def pack(header: Mapping[str, Any], payload: bytes | memoryview = b"") -> bytes:
    """Return the bytes of one frame; text that is no Unicode (lone surrogates) passes unharmed.

    Raises:
        FrameError: header or payload are over their limit.
    """
    head = json.dumps(header, separators=(",", ":")).encode("ascii")
    size = memoryview(payload).nbytes
    _check_lengths(len(head), size)
    return b"".join((_LENGTHS.pack(len(head), size), head, payload))


class FrameDecoder:
    """Cut a stream of bytes, arriving in any pieces, into frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take more bytes and yield the frames that are now complete; to be iterated over to its end.

        Raises:
            FrameError: the bytes are no frames; those before were yielded, and nothing that follows can be understood.
        """
        self._bytes += data
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> Frame | None:
        if len(self._bytes) < _LENGTHS.size:
            return None
        head_bytes, payload_bytes = _LENGTHS.unpack_from(self._bytes)
        _check_lengths(head_bytes, payload_bytes)
        middle = _LENGTHS.size + head_bytes
        end = middle + payload_bytes
        if len(self._bytes) < end:
            return None
        frame = Frame(_header(bytes(self._bytes[_LENGTHS.size : middle])), bytes(self._bytes[middle:end]))
        del self._bytes[:end]
        return frame


def _check_lengths(head_bytes: int, payload_bytes: int) -> None:
    if head_bytes > HEADER_LIMIT_BYTES or payload_bytes > PAYLOAD_LIMIT_BYTES:
        raise FrameError(f"a frame of {head_bytes} and {payload_bytes} bytes is too large")


def _header(head: bytes) -> dict[str, Any]:
    try:
        header = json.loads(head)
    except ValueError as error:
        raise FrameError(f"a header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise FrameError("a header is not a JSON object")
    return header
