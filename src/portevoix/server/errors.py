"""Errors as HTTP: one table from the error tree to status codes, one shape of body."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from portevoix.errors import (
    ChainExhausted,
    EngineError,
    EngineNotFound,
    LanguageNotSupported,
    MachineError,
    NotAllowed,
    Overloaded,
    PortevoixError,
    RequestError,
    StreamInterrupted,
    VoiceNotFound,
)
from portevoix.models.faults import ModelInUse
from portevoix.references.faults import ReferenceTooLarge, VoiceExists
from portevoix.remote.relay import RelayLoop
from portevoix.rooms.faults import RoomInUse, RoomUnknown
from portevoix.translate.faults import NoTranslator, NotTranslated, TranslationFailed


class UnreadableBody(RequestError):
    """Refuse a body that is not the JSON it should be."""

    code = "unreadable_body"


class BodyTooLarge(RequestError):
    """Refuse a body beyond the configured size, before reading it whole."""

    code = "body_too_large"


class WrongContentType(RequestError):
    """Refuse a body that does not say it is JSON."""

    code = "wrong_content_type"


class HostNotAllowed(RequestError):
    """Refuse a request that was sent to another host name than ours."""

    code = "host_not_allowed"


class NotThere(RequestError):
    """Refuse a path that nothing answers."""

    code = "not_found"


class MethodNotAllowed(RequestError):
    """Refuse a method that the path does not have."""

    code = "method_not_allowed"


class LinkExpired(RequestError):
    """Refuse a link to speech that is not kept, or not any more."""

    code = "link_expired"


class RangeNotThere(RequestError):
    """Refuse a part of a clip that begins after its end."""

    code = "range_not_there"


class ModelNotFound(RequestError):
    """Refuse to describe a model that is not listed."""

    code = "model_not_found"


class KeyMissing(RequestError):
    """Refuse a request without a key."""

    code = "key_missing"


class KeyUnknown(RequestError):
    """Refuse a key that is not, or no longer, known."""

    code = "key_unknown"


class ScopeMissing(RequestError):
    """Refuse what a key is not for."""

    code = "scope_missing"


class DeadlinePassed(PortevoixError):
    """Tell that nothing was heard within the time that the client had."""

    code = "deadline_passed"


class ConfigRefused(RequestError):
    """Refuse a configuration that is not fit to be put in force; what was in force still is.

    Attributes:
        outcome: every problem and every trial, as JSON.
    """

    code = "config_refused"

    def __init__(self, what: str, why: str = "", hint: str = "", outcome: Mapping[str, Any] | None = None) -> None:
        super().__init__(what, why, hint)
        self.outcome = outcome or {}


class NoFormerConfig(RequestError):
    """Refuse to go back where there is nothing to go back to."""

    code = "no_former_config"


class RolloutBusy(PortevoixError):
    """Tell that another configuration is being tried at the moment."""

    code = "rollout_busy"


class KeysRequired(MachineError):
    """Refuse to listen beyond this machine where anybody could ask."""

    code = "keys_required"


class ModelArriving(PortevoixError):
    """Tell that nobody can speak before a model is here that is being fetched.

    Attributes:
        retry_after_seconds: when it may be here.
    """

    code = "model_arriving"

    def __init__(self, what: str, why: str = "", hint: str = "", *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(what, why, hint)
        self.retry_after_seconds = retry_after_seconds


class Stopping(PortevoixError):
    """Tell that the server is about to end."""

    code = "server_stopping"


STATUS: dict[type[BaseException], int] = {
    PortevoixError: 500,
    RequestError: 400,
    VoiceNotFound: 404,
    EngineNotFound: 404,
    ModelNotFound: 404,
    RoomUnknown: 404,
    NotThere: 404,
    LanguageNotSupported: 404,
    NotTranslated: 404,
    LinkExpired: 404,
    KeyMissing: 401,
    KeyUnknown: 401,
    ScopeMissing: 403,
    NotAllowed: 403,
    HostNotAllowed: 403,
    MethodNotAllowed: 405,
    VoiceExists: 409,
    RoomInUse: 409,
    ModelInUse: 409,
    NoFormerConfig: 409,
    RolloutBusy: 409,
    BodyTooLarge: 413,
    ReferenceTooLarge: 413,
    WrongContentType: 415,
    RangeNotThere: 416,
    ConfigRefused: 422,
    Overloaded: 429,
    RelayLoop: 508,
    EngineError: 503,
    ChainExhausted: 503,
    NoTranslator: 503,
    TranslationFailed: 503,
    StreamInterrupted: 503,
    ModelArriving: 503,
    Stopping: 503,
    DeadlinePassed: 504,
}
"""HTTP status by kind of error; an error has the status of its nearest ancestor in this table."""

RETRY_SECONDS = 1
"""When it is worth while to ask again after a 503 that says nothing better."""


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error; 500 for what is no error of the house."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def error_body(error: BaseException) -> dict[str, Any]:
    """Return the body that OpenAI's clients read; an error that is not the house's own tells nothing of itself."""
    if not isinstance(error, PortevoixError):
        return _shape("the server made a mistake: its log says which", "server_error", None, "internal_error")
    message = ". ".join(part.rstrip(".") for part in (str(error), error.hint) if part)
    return _shape(f"{message}.", _kind(status_of(error)), getattr(error, "param", None), error.code)


def error_answer(error: BaseException) -> JSONResponse:
    """Return the whole answer."""
    status = status_of(error)
    headers = {"Cache-Control": "no-store"}
    if status == 401:  # noqa: PLR2004 - an HTTP status
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        headers["Retry-After"] = str(math.ceil(getattr(error, "retry_after_seconds", RETRY_SECONDS)))
    return JSONResponse(error_body(error), status, headers)


def _shape(message: str, kind: str, param: str | None, code: str) -> dict[str, Any]:
    readable = message.encode("utf-8", "replace").decode()
    return {"error": {"message": readable, "type": kind, "param": param, "code": code}}


def _kind(status: int) -> str:
    if status == 429:  # noqa: PLR2004 - an HTTP status
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004 - the same
