"""Connections that cost the one who measures next to nothing: prepared bytes out, and what comes back, by hand."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"


def order(text: str, stream_format: str = "audio", response_format: str = "pcm") -> bytes:
    """Return a whole request for speech."""
    fields = {"model": "tts-1", "input": text, "voice": "alloy", "response_format": response_format,
              "stream_format": stream_format}  # fmt: skip
    body = json.dumps(fields).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give a connection."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


class Answer:
    """Read one answer of HTTP/1.1 from a connection.

    Attributes:
        status: of the answer.
        headers: by their names in lower case.
        has_more: the end of the body has not been read.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        """Read nothing yet."""
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.has_more = True
        self._reader = reader
        self._left: int | None = None

    async def begin(self) -> None:
        """Read status and headers."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        self.status = int(lines[0].split()[1])
        pairs = (line.split(b":", 1) for line in lines[1:] if line)
        self.headers = {name.lower(): value.strip() for name, value in pairs}
        if b"content-length" in self.headers:
            self._left = int(self.headers[b"content-length"])
            self.has_more = self._left > 0

    async def piece(self) -> bytes:
        """Return the next piece of the body, b"" at its end."""
        if not self.has_more:
            return b""
        if self._left is not None:
            piece = await self._reader.read(self._left)
            self._left -= len(piece)
            self.has_more = self._left > 0
            if not piece:
                raise ConnectionResetError("the answer was cut")
            return piece
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        piece = (await self._reader.readexactly(size + 2))[:-2]
        self.has_more = size > 0
        return piece

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what is left."""
        while self.has_more:
            yield await self.piece()

    async def rest(self) -> int:
        """Read to the end, and return how many bytes that were."""
        return sum([len(piece) async for piece in self.pieces()])


@asynccontextmanager
async def websocket(port: int, path: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Give an open WebSocket."""
    async with connected(port) as (reader, writer):
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = (await reader.readuntil(b"\r\n\r\n"))[:12]
        if not status.endswith(b"101"):
            raise ConnectionRefusedError(status.decode("latin-1"))
        yield reader, writer


def frame(content: bytes) -> bytes:
    """Return a text frame of a client, masked with zeros (RFC 6455, 5.2)."""
    size = len(content)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + bytes(4) + content


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the kind of the next frame, and its content."""
    head = await reader.readexactly(2)
    size = head[1] & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    return head[0] & 0x0F, await reader.readexactly(size)


def wyoming_event(kind: str, **data: object) -> bytes:
    """Return an event of the Wyoming protocol."""
    return json.dumps({"type": kind, "data": data}).encode() + b"\n"


async def read_wyoming(reader: asyncio.StreamReader) -> tuple[str, int, dict[str, Any]]:
    """Return the kind of the next event, how many bytes of sound it has, and its data."""
    head = json.loads(await reader.readuntil(b"\n"))
    data = await reader.readexactly(head.get("data_length") or 0)
    sound = await reader.readexactly(head.get("payload_length") or 0)
    return head["type"], len(sound), json.loads(data or b"{}")


def processor_seconds(pid: int) -> float:
    """Return how long a process has been computing."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel's
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


now = time.perf_counter
