"""Errors in the shapes that ElevenLabs' clients read, from the one table of the server."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from portevoix.errors import RequestError
from portevoix.server.errors import error_answer, error_body

POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011
"""Codes of RFC 6455 with which a WebSocket is closed: for what the client did, and for what we did."""


class InputTimedOut(RequestError):
    """Tell a client on a WebSocket that it said nothing for too long."""

    code = "input_timeout_exceeded"


def detail_answer(error: BaseException) -> JSONResponse:
    """Return the answer of a REST call: OpenAI's facts as a `detail`."""
    answer = error_answer(error)
    known = error_body(error)["error"]
    headers = {name: value for name, value in answer.headers.items() if name in ("cache-control", "retry-after")}
    return JSONResponse({"detail": {"status": known["code"], **known}}, answer.status_code, headers)


def error_message(error: BaseException) -> dict[str, Any]:
    """Return the message that tells an error on a WebSocket."""
    known = error_body(error)["error"]
    return {"message": known["message"], "error": known["code"], "code": close_code(error)}


def close_code(error: BaseException) -> int:
    """Return the code to close a WebSocket with after an error."""
    return POLICY_VIOLATION if isinstance(error, RequestError) else INTERNAL_ERROR
