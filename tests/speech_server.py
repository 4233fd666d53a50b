"""A double of somebody else's speech server: real HTTP on 127.0.0.1, with every fault that one can have.

```
async with speech_server() as one:
    one.replies = [plays(pcm), status(503, retry_after="7"), cut_after(1000)]   # one for each request for speech
    one.asked                                                                   # the JSON of each of them
```
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RATE = 24_000
JSON = "application/json"


def tone(seconds: float, rate: int = RATE) -> bytes:
    """Return an audible tone as 16-bit samples."""
    times = np.arange(round(seconds * rate)) / rate
    return (12_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


@dataclass(frozen=True)
class Reply:
    """Say how one request is answered.

    Attributes:
        body: what is sent.
        status: of the answer.
        headers: further ones; `Content-Type` among them.
        framing: `chunked`, `length`, or `close` where only the end of the connection tells the end.
        piece: bytes of each chunk.
        cut: the connection is cut after as many bytes of the body.
        hang: nothing more comes after as many bytes of the body; -1 for before the head.
        drop: the connection is closed before the head.
        trickles: a sample at a time comes, without an end.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "audio/pcm"})
    framing: str = "chunked"
    piece: int = 4_800
    cut: int | None = None
    hang: int | None = None
    drop: bool = False
    trickles: bool = False


def plays(body: bytes, media_type: str | None = "audio/pcm", **how: Any) -> Reply:
    return Reply(body, headers={"Content-Type": media_type} if media_type else {}, **how)


def refuses(status: int, content: Any = None, **headers: str) -> Reply:
    head = {name.replace("_", "-"): value for name, value in headers.items()}
    body = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
    return Reply(body, status, {"Content-Type": JSON, **head}, framing="length")


@dataclass
class SpeechDouble:
    """A running double.

    Attributes:
        url: to be given as `base_url`.
        replies: how the speech to come is answered, the last one for all the rest.
        listing: how a request for the voices is answered.
        asked: the JSON of each request for speech.
        headers: those of every request, names in lower case.
        connections: how many were opened.
        is_asked: set at each request for speech.
        left: set when a client went away in the middle of an answer.
    """

    url: str = ""
    replies: list[Reply] = field(default_factory=lambda: [plays(tone(2.0))])
    listing: Reply = field(default_factory=lambda: refuses(404))
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    serving: list[Any] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.append((asyncio.current_task(), writer))
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._serve_one(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.headers.append(headers)
        if head[0].startswith("GET"):
            return await self._reply(self.listing, reader, writer)
        assert head[0].startswith("POST /v1/audio/speech "), head[0]
        self.asked.append(json.loads(body))
        self.is_asked.set()
        return await self._reply(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0], reader, writer)

    async def _reply(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if reply.drop:
            return False
        if reply.hang == -1:
            return await self._wait_for_leaving(reader)
        writer.write(_head(reply))
        if reply.trickles:
            return await self._trickle(reader, writer)
        end = min([len(reply.body), *(stop for stop in (reply.cut, reply.hang) if stop is not None)])
        for at in range(0, end, reply.piece):
            piece = reply.body[at : min(at + reply.piece, end)]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if reply.framing == "chunked" else piece)
            await writer.drain()
        if reply.hang is not None:
            return await self._wait_for_leaving(reader)
        if reply.cut is not None:
            return False
        if reply.framing == "chunked":
            writer.write(b"0\r\n\r\n")
        return reply.framing != "close"

    async def _trickle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        leaving = asyncio.ensure_future(reader.read())
        while not leaving.done():
            writer.write(b"2\r\n\1\1\r\n")
            await asyncio.wait({leaving}, timeout=0.02)
        return False

    async def _wait_for_leaving(self, reader: asyncio.StreamReader) -> bool:
        await reader.read()
        self.left.set()
        return False


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in reply.headers.items())]
    if reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "length":
        lines.append(f"Content-Length: {len(reply.body)}")
    else:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@asynccontextmanager
async def speech_server(**how: Any) -> AsyncGenerator[SpeechDouble, None]:
    """Run a double until the context ends."""
    double = SpeechDouble(**how)
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield double
    finally:
        server.close()
        for _, writer in double.serving:
            writer.close()
        await asyncio.gather(*(task for task, _ in double.serving))
