"""The JSON body of a request, read strictly and within bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from portevoix.server.errors import BodyTooLarge, UnreadableBody, WrongContentType

if TYPE_CHECKING:
    from starlette.requests import Request


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


def _check_type(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise WrongContentType(f"the body is {kind[:60]!r}" if kind else "the body does not say what it is",
                               "only JSON is read here", "Send the header Content-Type: application/json.")  # fmt: skip


async def read_bytes(request: Request, max_bytes: int) -> bytes:
    """Return the body of a request.

    Raises:
        BodyTooLarge: it is larger than `max_bytes`; the rest is not read.
    """
    if int(request.headers.get("content-length", "0")) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge("the body is too large", f"the limit is {max_bytes} bytes",
                        "Send less at once, or raise server.max_body_bytes.")  # fmt: skip


def _parse(body: bytes) -> Any:
    if not body.strip():
        raise UnreadableBody("the body is empty", hint='Send {"model": "tts-1", "input": "…", "voice": "…"}.')
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise UnreadableBody("the body is not UTF-8", f"byte {error.start} is wrong") from error
    except RecursionError as error:
        raise UnreadableBody("the body is nested too deeply") from error
    except ValueError as error:
        raise UnreadableBody("the body is not JSON", str(error)[:200]) from error


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableBody("the body is not JSON", f"{name} is no number there")


_NAMES = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
