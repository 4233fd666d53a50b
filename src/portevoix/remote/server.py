"""One speech server, asked by OpenAI's protocol: HTTP in, audio and an engine's errors out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from portevoix.audio import AudioChunk
from portevoix.codecs.incoming import Decoder, audio_kind, decoder_for
from portevoix.codecs.wav_reader import HIGHEST_RATE
from portevoix.errors import AudioNotReadable, EngineError, EngineFailed, EngineTimeout
from portevoix.remote.answers import KEY_STATUS, RemoteUnavailable, refusal
from portevoix.remote.relay import RELAY_HEADER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOREIGN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
"""What httpx raises."""

LONGEST_LISTING_BYTES = 4 << 20
LONGEST_REFUSAL_BYTES = 16 << 10
LONGEST_WHY = 300
SHOWN_BYTES = 12
SHORTEST_CHUNK_SECONDS = 0.02
"""What trickles in more slowly than this for each stall time counts as a stall."""

CONNECTIONS = 16
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(frozen=True, slots=True)
class Access:
    """Say how a server is asked.

    Attributes:
        name: of the engine that asks, for words and hints.
        base_url: up to `/v1`.
        key: "" for none.
        relay_mark: see `relay`.
        response_format: `pcm`, `wav` or `mp3`: what to take an answer for that does not say what it is.
        pcm_rate: Hz of raw samples.
        connect_seconds: longest time to connect.
        first_byte_seconds: longest time until an answer begins.
        stall_seconds: longest pause within an answer.
    """

    name: str
    base_url: str
    key: str = ""
    relay_mark: str = ""
    response_format: str = "pcm"
    pcm_rate: int = 24_000
    connect_seconds: float = 2.0
    first_byte_seconds: float = 10.0
    stall_seconds: float = 5.0

    @property
    def place(self) -> str:
        """Return the host and port."""
        return urlsplit(self.base_url).netloc


class SpeechServer:
    """Ask one server; keeps connections open, belongs to one event loop.

    Redirects are not followed: only the address itself is the operator's choice.
    """

    def __init__(self, access: Access) -> None:
        """Connect to nobody yet."""
        self.access = access
        headers = {RELAY_HEADER: access.relay_mark, "User-Agent": "portevoix"}
        if access.key:
            headers["Authorization"] = f"Bearer {access.key}"
        self._client = httpx.AsyncClient(
            base_url=access.base_url.rstrip("/") + "/",
            headers=headers,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=access.connect_seconds),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def listing(self) -> Any:
        """Return the JSON of the server's voices, None where it has no such list.

        Raises:
            RemoteUnavailable: it cannot be reached, does not answer, leads elsewhere, or refuses the key.
        """
        access = self.access
        try:
            async with asyncio.timeout(access.first_byte_seconds):
                async with self._client.stream("GET", "audio/voices") as response:
                    content = await _read(response, LONGEST_LISTING_BYTES)
        except TimeoutError as error:
            why, hint = f"within {access.first_byte_seconds:g} s", f"Look after {access.place}."
            raise RemoteUnavailable(f"{access.name}'s server does not answer", why, hint) from error
        except FOREIGN as error:
            raise self._unreachable(error) from error
        if response.is_redirect or response.status_code in KEY_STATUS:
            raise self._refusal(response, content, "")
        return _json(content) if response.is_success else None

    async def speak(self, fields: Mapping[str, Any], request_id: str = "") -> AsyncGenerator[AudioChunk, None]:
        """Yield the audio of an answer; closing the generator closes its connection.

        Args:
            fields: of the request; `input` is the text.
            request_id: name of the request, or "".

        Raises:
            EngineUnavailable: the server cannot be reached, or refuses.
            EngineTimeout: it does not begin, or stops in the middle.
            EngineFailed: it failed, broke off, or what it sent is no audio.
        """
        response = await self._ask(fields, request_id)
        try:
            async with aclosing(self._decoded(response)) as chunks:
                while (chunk := await self._in_time(anext(chunks, None))) is not None:
                    yield chunk
        except AudioNotReadable as error:
            raise EngineFailed(f"{self.access.name} sent broken audio", str(error)) from error
        except FOREIGN as error:
            raise EngineFailed(f"{self.access.name}'s server broke off", _in_a_line(error)) from error
        finally:
            await response.aclose()

    async def _ask(self, fields: Mapping[str, Any], request_id: str) -> httpx.Response:
        """Return an answer that promises audio, its body unread."""
        access = self.access
        try:
            async with asyncio.timeout(access.first_byte_seconds):
                response = await self._send(fields, _naming(request_id))
        except TimeoutError as error:
            why = f"no answer within {access.first_byte_seconds:g} s"
            raise EngineTimeout(f"{access.name} was late", why) from error
        except FOREIGN as error:
            raise self._unreachable(error) from error
        if response.status_code == httpx.codes.OK:
            return response
        raise self._refusal(response, await self._refused(response), str(fields.get("input", "")))

    async def _send(self, fields: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        """Ask, and once more where the server had just closed a connection that was kept for it."""
        request = self._client.build_request("POST", "audio/speech", json=dict(fields), headers=headers)
        try:
            return await self._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self._client.send(request, stream=True)

    async def _refused(self, response: httpx.Response) -> bytes:
        """Return the beginning of a refusal's body, as far as it comes."""
        try:
            async with asyncio.timeout(self.access.stall_seconds):
                return await _read(response, LONGEST_REFUSAL_BYTES)
        except (TimeoutError, *FOREIGN):
            return b""
        finally:
            await response.aclose()

    async def _decoded(self, response: httpx.Response) -> AsyncGenerator[AudioChunk, None]:
        pieces = response.aiter_bytes()
        beginning = await _beginning(pieces)
        decoder = self._decoder(response, beginning)
        waiting = [decoder.push(beginning)]
        async for piece in pieces:
            waiting.append(decoder.push(piece))
            if sum(map(len, waiting)) > SHORTEST_CHUNK_SECONDS * decoder.sample_rate:
                yield _chunk(waiting, decoder)
                waiting = []
        waiting.append(decoder.finish())
        if any(map(len, waiting)):
            yield _chunk(waiting, decoder)

    def _decoder(self, response: httpx.Response, beginning: bytes) -> Decoder:
        media_type, _, parameters = response.headers.get("content-type", "").partition(";")
        kind = audio_kind(media_type, beginning, self.access.response_format)
        if not beginning or not kind:
            why = f"the answer is {media_type.strip()[:60]}" if beginning else "the answer is empty"
            raise EngineFailed(f"{self.access.name} sent no audio", why)
        return decoder_for(kind, _rate(parameters) or self.access.pcm_rate)

    async def _in_time(self, coming: Any) -> AudioChunk | None:
        limit = self.access.stall_seconds
        try:
            async with asyncio.timeout(limit):
                chunk: AudioChunk | None = await coming
        except TimeoutError as error:
            why = f"nothing came for {limit:g} s"
            raise EngineTimeout(f"{self.access.name} stopped in the middle", why) from error
        return chunk

    def _refusal(self, response: httpx.Response, content: bytes, text: str) -> EngineError:
        secrets = (self.access.key, text)
        return refusal(self.access.name, response.status_code, response.headers, content, secrets)

    def _unreachable(self, error: Exception) -> RemoteUnavailable:
        name, why = self.access.name, f"{self.access.place}: {_in_a_line(error)}"
        hint = f"Start it, or correct backends.{name}.base_url."
        return RemoteUnavailable(f"{name}'s server cannot be reached", why, hint)


def _naming(request_id: str) -> dict[str, str]:
    """Return the header that lets the other server's logs be found, where the name can stand in one."""
    return {"X-Request-Id": request_id} if _NAME.fullmatch(request_id) else {}


async def _beginning(pieces: AsyncIterator[bytes]) -> bytes:
    """Return enough of a body to see what it is, or all of it."""
    beginning = b""
    while len(beginning) < SHOWN_BYTES and (piece := await anext(pieces, None)) is not None:
        beginning += piece
    return beginning


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    content = b""
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > most_bytes:
            break
    return content[:most_bytes]


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _rate(parameters: str) -> int:
    """Return the rate in a media type's parameters, as in `audio/pcm; rate=24000`; 0 where there is none."""
    for parameter in parameters.split(";"):
        key, _, value = parameter.strip().partition("=")
        digits = value.strip('"')
        if key.lower() in ("rate", "sample_rate") and digits.isdecimal() and int(digits) <= HIGHEST_RATE:
            return int(digits)
    return 0


def _chunk(parts: list[NDArray[np.float32]], decoder: Decoder) -> AudioChunk:
    import numpy as np

    return AudioChunk(np.concatenate(parts), decoder.sample_rate)


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:LONGEST_WHY]
