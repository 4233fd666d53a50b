"""What a speech server's refusals mean: HTTP as errors of an engine."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from portevoix.errors import EngineError, EngineFailed, EngineUnavailable

LONGEST_MESSAGE = 200
RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 3600.0
LONG_REST_SECONDS = 60.0
"""Rest of a server that a person must do something about."""

KEY_STATUS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class RemoteUnavailable(EngineUnavailable):
    """Tell that a server elsewhere cannot be asked now.

    Attributes:
        rest_seconds: for how long it is better left alone.
    """

    code = "remote_unavailable"

    def __init__(self, what: str, why: str = "", hint: str = "", *, rest_seconds: float = RETRY_SECONDS) -> None:
        super().__init__(what, why, hint)
        self.rest_seconds = rest_seconds


def refusal(name: str, status: int, headers: Mapping[str, str], content: bytes, secrets: Iterable[str]) -> EngineError:
    """Return what an answer that is no success means.

    Args:
        name: of the engine, for words and hints.
        status: of the answer.
        headers: of the answer, found in lower case.
        content: the beginning of its body.
        secrets: what may not be repeated: the key, and the text that was to be spoken.
    """
    where = f"backends.{name}"
    if status in KEY_STATUS:
        return RemoteUnavailable(f"{name}'s server refuses the key", f"HTTP {status}",
                                 f"Set the right key, as {variable_of(name)} or by {where}.api_key_env.",
                                 rest_seconds=LONG_REST_SECONDS)  # fmt: skip
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return RemoteUnavailable(f"{name}'s server leads elsewhere", f"HTTP {status}, which is not followed",
                                 f"Set {where}.base_url to where it leads, if you trust it.",
                                 rest_seconds=LONG_REST_SECONDS)  # fmt: skip
    why = message_of(content, secrets)
    told = f"HTTP {status}: {why}" if why else f"HTTP {status}"
    if status == HTTPStatus.LOOP_DETECTED:
        hint = f"Set {where}.base_url to another server."
        return RemoteUnavailable(f"{name} leads back to this server", told, hint, rest_seconds=LONG_REST_SECONDS)
    if status in _BUSY:
        return RemoteUnavailable(f"{name}'s server is busy", told, "It is asked again by itself.",
                                 rest_seconds=retry_seconds(headers.get("retry-after", "")))  # fmt: skip
    if status == HTTPStatus.NOT_FOUND:
        return EngineUnavailable(f"{name}'s server does not know the voice, the model or the path", told,
                                 f"Check {where}: base_url, model, voice and voices.")  # fmt: skip
    is_its_doing = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return EngineFailed(f"{name}'s server {'failed' if is_its_doing else 'refused'}", told)


def variable_of(name: str) -> str:
    """Return the environment's variable that holds an engine's key where no other is named."""
    return f"PORTEVOIX_BACKENDS__{name.upper()}__API_KEY"


def retry_seconds(value: str, now: datetime | None = None) -> float:
    """Return the seconds that a `Retry-After` header asks for, 1 to `LONGEST_RETRY_SECONDS`; it may hold a date."""
    return min(max(_retry_after(value, now or datetime.now(UTC)), 1.0), LONGEST_RETRY_SECONDS)


def _retry_after(value: str, now: datetime) -> float:
    with suppress(ValueError):
        seconds = float(value)
        return seconds if math.isfinite(seconds) else RETRY_SECONDS
    try:
        return (parsedate_to_datetime(value) - now).total_seconds()
    except (TypeError, ValueError):
        return RETRY_SECONDS


def message_of(content: bytes, secrets: Iterable[str]) -> str:
    """Return a refusal's own words where its JSON has them, without what may not be repeated; "" for anything else."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    message = _message(body)
    for secret in secrets:
        message = message.replace(secret, "…") if secret else message
    printable = "".join(character if character.isprintable() else " " for character in message)
    return printable[:LONGEST_MESSAGE].strip()


def _message(body: Any) -> str:
    """Find the words in the shapes of OpenAI (`error.message`) and FastAPI (`detail`, perhaps a list with `msg`)."""
    for _ in range(4):
        if isinstance(body, list):
            body = body[0] if body else ""
        if not isinstance(body, dict):
            break
        body = next((body[key] for key in ("error", "message", "detail", "msg") if body.get(key)), "")
    return body if isinstance(body, str) else ""
