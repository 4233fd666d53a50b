"""The JSON body of a request, read strictly and within bounds."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

from portevoix.server.errors import BodyTooLarge, UnreadableBody, WrongContentType

if TYPE_CHECKING:
    from starlette.requests import Request

CODINGS = ("gzip", "x-gzip", "deflate")
"""How a body may be compressed (RFC 9110, 8.4.1)."""


async def read_object(request: Request, max_bytes: int) -> dict[str, Any]:
    """Return the JSON object that a request carries.

    Raises:
        WrongContentType: it does not say it is JSON.
        BodyTooLarge: it is larger than `max_bytes`; the rest is not read.
        UnreadableBody: it is not UTF-8, not JSON, not an object, or holds NaN or Infinity.
    """
    _check_type(request.headers.get("content-type", ""))
    value = _parse(await read_bytes(request, max_bytes))
    if not isinstance(value, dict):
        raise UnreadableBody("the body is not a JSON object", f"it is {_NAMES[type(value)]}", 'Send {"input": …}.')
    return value


async def read_text_body(request: Request, max_bytes: int) -> str:
    """Return the text that a request carries.

    Raises:
        BodyTooLarge: it is larger than `max_bytes`; the rest is not read.
        UnreadableBody: it is not UTF-8.
    """
    return _text(await read_bytes(request, max_bytes))


def kind_of(content_type: str) -> str:
    """Return the media type of a `Content-Type`, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def _check_type(content_type: str) -> None:
    kind = kind_of(content_type)
    if kind != "application/json" and not kind.endswith("+json"):
        raise WrongContentType(f"the body is {kind[:60]!r}" if kind else "the body does not say what it is",
                               "only JSON is read here", "Send the header Content-Type: application/json.")  # fmt: skip


async def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request, inflated where it is gzip or deflate.

    Raises:
        WrongContentType: it is coded in another way.
        BodyTooLarge: it is larger than `max_bytes`, as sent or inflated; the rest is not read.
        UnreadableBody: it is not coded as it says.
    """
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return _decoded(bytes(body), request.headers.get("content-encoding", "").strip().lower(), max_bytes)


def _decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    if coding in ("", "identity"):
        return body
    if coding not in CODINGS:
        raise WrongContentType(f"the body is coded as {coding[:60]!r}", f"only {', '.join(CODINGS)} are undone here",
                               "Leave out Content-Encoding, and send the body as it is.")  # fmt: skip
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: either header
    try:
        content = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise UnreadableBody(f"the body is not {coding}", str(error)) from error
    if len(content) > max_bytes:
        raise _too_large(max_bytes)
    if not inflater.eof:
        raise UnreadableBody(f"the body is not {coding}", "its end is missing")
    return content


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge("the body is too large", f"the limit is {max_bytes} bytes",
                        "Send less at once, or raise server.max_body_bytes.")  # fmt: skip


def _parse(body: bytes) -> Any:
    if not body.strip():
        raise UnreadableBody("the body is empty", hint='Send {"model": "tts-1", "input": "…", "voice": "…"}.')
    text = _text(body)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise UnreadableBody("the body is nested too deeply") from error
    except ValueError as error:
        raise UnreadableBody("the body is not JSON", str(error)[:200]) from error


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableBody("the body is not UTF-8", f"byte {error.start} is wrong") from error


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableBody("the body is not JSON", f"{name} is no number there")


_NAMES = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
