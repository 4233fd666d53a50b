"""Tell the program that started this one how it is, by the protocol of sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Supervisor:
    """Speak to systemd, or to whatever listens on the socket that `NOTIFY_SOCKET` names; say nothing elsewhere."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Find out from `environ`, by default this process's own, who listens and whether beats are expected."""
        environ = os.environ if environ is None else environ
        self._address = environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._expects_beats = environ.get("WATCHDOG_USEC", "0") != "0" and _is_meant(environ)

    def ready(self) -> None:
        """Say that requests are taken."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that the stop has begun."""
        self._say("STOPPING=1")

    def beat(self) -> None:
        """Say that the program lives, where it is to be restarted when it does not say so."""
        if self._expects_beats:
            self._say("WATCHDOG=1")

    def _say(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as line:
                line.sendto(state.encode(), self._address)
        except (OSError, AttributeError) as error:
            logger.debug("supervisor.not_told", extra={"state": state, "why": str(error)})


def _is_meant(environ: Mapping[str, str]) -> bool:
    """Tell whether the beats are expected of this very process."""
    return environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
