"""The last resort: silence as long as the text would have taken, so that whatever plays it keeps its time.

It says so loudly elsewhere: a CRITICAL line in the log and, where one is configured, a webhook.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import EngineFailed, InvalidParameter, NotAllowed
from portevoix.net.addresses import AddressPolicy
from portevoix.speech import Voice
from portevoix.tasks import end_tasks
from portevoix.text.speakable import estimate_seconds

if TYPE_CHECKING:
    from portevoix.speech import Utterance

logger = logging.getLogger(__name__)

SAMPLE_RATE = 22050
CHUNK_SECONDS = 0.5
SHORTEST_SECONDS = 0.1

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 1.0
"""Pause before the second attempt to deliver an alert; each further one is four times as long."""

ALERTS_AT_ONCE = 8
"""Alerts on their way; what is silenced beyond that is logged only."""

ANSWER_SECONDS = 5.0
FAREWELL_SECONDS = 2.0
"""How long closing waits for alerts that are on their way."""

TEST_EVENT = "alert.tested"
WEBHOOK_HINT = "Correct backends.silent_emergency.alert_webhook, or mend what listens there."

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
Rest = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SilentEmergencyOptions:
    """Say whom to tell when nobody could speak."""

    log_level: str = field(default="CRITICAL", metadata={"help": "level of the log line", "choices": LEVELS})
    alert_webhook: str | None = field(default=None, metadata={"help": "http(s) address that is told by POST"})
    allow_private_webhook: bool = field(
        default=False, metadata={"help": "the webhook may be on this machine or in a private network"}
    )


class SilentEmergency:
    """Fall silent for as long as the text would have taken."""

    name: ClassVar[str] = "silent_emergency"
    summary: ClassVar[str] = "silence of the right length, and an alarm: the last resort"
    Options: ClassVar[type[SilentEmergencyOptions]] = SilentEmergencyOptions
    priority: ClassVar[int] = 1000
    target_latency_ms: ClassVar[float] = 5.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    is_silent: ClassVar[bool] = True

    def __init__(
        self, options: SilentEmergencyOptions, surroundings: Surroundings, *, rest: Rest = asyncio.sleep
    ) -> None:
        """Keep the options; `rest` waits between attempts to deliver an alert."""
        self._options = options
        self._surroundings = surroundings
        self._rest = rest
        self._alerts: set[asyncio.Task[None]] = set()
        self._is_muted = False

    def state(self) -> EngineState:
        """Return that it is ready: it always is."""
        return EngineState(Phase.READY, device="cpu")

    def voices(self) -> tuple[Voice, ...]:
        """Return the one voice, which is silent in any language."""
        return (Voice("silence", self.name, "", SAMPLE_RATE, fingerprint="silence"),)

    async def load(self) -> None:
        """Do nothing: there is nothing to load."""

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Yield silence at 22050 Hz, and raise the alarm in the background."""
        import numpy as np

        self._raise_alarm(utterance)
        seconds = max(SHORTEST_SECONDS, estimate_seconds(utterance.text, utterance.speed))
        rest, most = round(seconds * SAMPLE_RATE), round(CHUNK_SECONDS * SAMPLE_RATE)
        while rest > 0:
            yield AudioChunk(np.zeros(min(rest, most), np.float32), SAMPLE_RATE)
            rest -= most

    def mute(self) -> None:
        """Raise no alarm from now on: what follows is a trial."""
        self._is_muted = True

    async def try_alarm(self, *, rings: bool) -> str:
        """Find out whether an alarm would arrive, and return in words that it would; "" where nobody is to be told.

        Args:
            rings: deliver one that is marked as a test; else the address is connected to, and nothing is sent.

        Raises:
            EngineFailed: nobody answers, or the test was not accepted.
            InvalidParameter: the URL is not http(s), or has no host.
            NotAllowed: its host is this machine or in a private network, and that is not meant.
        """
        url, is_private = self._options.alert_webhook, self._options.allow_private_webhook
        if not url:
            return ""
        host = _parsed(url).hostname
        if not rings:
            await reach(url, allows_private=is_private)
            return f"{host} answers; nothing was sent"
        alert = {"event": TEST_EVENT, "engine": self.name, "is_test": True, "host": socket.gethostname()}
        if not await deliver(url, alert, allows_private=is_private, rest=self._rest):
            raise EngineFailed("the test alarm was not accepted", f"by {host}", WEBHOOK_HINT)
        return f"{host} took a test alarm"

    def processes(self) -> tuple[int, ...]:
        """Return none: it needs no process."""
        return ()

    async def aclose(self) -> None:
        """Give alerts that are on their way a moment, then drop them."""
        if not self._alerts:
            return
        _, late = await asyncio.wait(self._alerts, timeout=FAREWELL_SECONDS)
        await end_tasks(*late)

    def _raise_alarm(self, utterance: Utterance) -> None:
        if self._is_muted:
            return
        facts = {"engine": self.name, "request_id": utterance.request_id, "characters": len(utterance.text)}
        logger.log(logging.getLevelNamesMapping()[self._options.log_level.upper()], "speech.silenced", extra=facts)
        url = self._options.alert_webhook
        if not url:
            return
        if len(self._alerts) >= ALERTS_AT_ONCE:
            logger.warning("alert.dropped", extra={"engine": self.name, "why": "too many are on their way"})
            return
        alert = {"event": "speech.silenced", **facts, "host": socket.gethostname()}
        task = asyncio.create_task(self._alert(url, alert), name="alert")
        self._alerts.add(task)
        task.add_done_callback(self._alerts.discard)

    async def _alert(self, url: str, alert: dict[str, Any]) -> None:
        """Deliver an alert, or log why it could not be."""
        try:
            is_delivered = await deliver(
                url, alert, allows_private=self._options.allow_private_webhook, rest=self._rest
            )
        except (InvalidParameter, NotAllowed) as error:
            logger.error("alert.refused", extra={"why": str(error), "hint": error.hint})  # noqa: TRY400 - the reason is in the fields
            return
        if is_delivered:
            logger.info("alert.delivered", extra={"engine": self.name})
        else:
            logger.error("alert.lost", extra={"engine": self.name, "attempts": ATTEMPTS})


async def reach(url: str, *, allows_private: bool) -> None:
    """Connect to where alerts go, with its certificate checked where it has one, and send nothing.

    Raises:
        EngineFailed: nobody answers.
        InvalidParameter: the URL is not http(s), or has no host.
        NotAllowed: its host is this machine or in a private network, and `allows_private` is false.
    """
    target = _parsed(url)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await _connect(target, allows_private=allows_private)
    except (OSError, UnicodeError) as error:
        why = f"{target.hostname}: {error or type(error).__name__}"
        raise EngineFailed("the alert webhook does not answer", why, WEBHOOK_HINT) from error


async def _connect(target: SplitResult, *, allows_private: bool) -> None:
    import httpx

    host, port = target.hostname or "", target.port or _port(target)
    address = await _policy(allows_private=allows_private).address(host, port)
    secured, name = (httpx.create_ssl_context(), host) if target.scheme == "https" else (None, None)
    _, writer = await asyncio.open_connection(address, port, ssl=secured, server_hostname=name)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def deliver(url: str, alert: dict[str, Any], *, allows_private: bool, rest: Rest = asyncio.sleep) -> bool:
    """POST `alert` as JSON, at most `ATTEMPTS` times, and tell whether it was accepted (2xx).

    The address that was checked is the one that is used, redirects are not followed, and no proxy is asked. An answer
    that says the request itself is wrong (3xx, 4xx other than 429) ends the attempts.

    Raises:
        InvalidParameter: the URL is not http(s), or has no host.
        NotAllowed: its host is this machine or in a private network, and `allows_private` is false.
    """
    target = _parsed(url)
    for attempt in range(ATTEMPTS):
        if attempt:
            await rest(FIRST_PAUSE_SECONDS * 4.0 ** (attempt - 1))
        status = await _post(target, alert, allows_private=allows_private)
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own numbers
            return True
        if 300 <= status < 500 and status != 429:  # noqa: PLR2004 - HTTP's own numbers
            break
    return False


def _parsed(url: str) -> SplitResult:
    hint = "Set backends.silent_emergency.alert_webhook to an http:// or https:// address."
    try:
        target = urlsplit(url)
        is_usable = target.scheme in ("http", "https") and bool(target.hostname) and target.port != 0
    except ValueError as error:
        raise InvalidParameter("the alert webhook cannot be used", str(error), hint, param="alert_webhook") from error
    if not is_usable:
        raise InvalidParameter("the alert webhook cannot be used", "it is no web address", hint, param="alert_webhook")
    return target


async def _post(target: SplitResult, alert: dict[str, Any], *, allows_private: bool) -> int:
    """Return the answer's status, 0 when there was none."""
    import httpx

    host = target.hostname or ""
    try:
        address = await _policy(allows_private=allows_private).address(host, target.port or _port(target))
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, follow_redirects=False) as client:
            answer = await client.post(
                _with_host(target, address),
                json=alert,
                headers={"Host": target.netloc.rpartition("@")[2]},
                extensions={"sni_hostname": host},
            )
            return answer.status_code
    except (OSError, httpx.HTTPError, UnicodeError) as error:
        logger.info("alert.attempt_failed", extra={"why": f"{type(error).__name__}: {error}"})
        return 0


def _policy(*, allows_private: bool) -> AddressPolicy:
    return AddressPolicy(
        "the alert webhook may not be called",
        "Set backends.silent_emergency.allow_private_webhook to true if that is meant.",
        "alert_webhook",
        allows_private,
    )  # fmt: skip


def _with_host(target: SplitResult, address: str) -> str:
    shown = f"[{address}]" if ":" in address else address
    netloc = f"{shown}:{target.port or _port(target)}"
    return urlunsplit((target.scheme, netloc, target.path or "/", target.query, ""))


def _port(target: SplitResult) -> int:
    return 443 if target.scheme == "https" else 80
