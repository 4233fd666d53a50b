"""Keep servers from asking one another in a circle.

An engine that asks another server marks its requests with a name of its own. A server that meets the name of one of its
engines has asked itself, and refuses; any other marked request it speaks with its own engines alone, so that a request
is passed on once at most.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from portevoix.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portevoix.engine import Engine

RELAY_HEADER = "X-Portevoix-Relay"


class RelayLoop(RequestError):
    """Refuse a request that one of this server's own engines has sent."""

    code = "relay_loop"


def new_relay_mark() -> str:
    """Return a name that no other engine has."""
    return uuid.uuid4().hex


def is_relaying(engine: Engine) -> bool:
    """Return whether an engine passes what it is asked for on to another server."""
    return bool(_mark_of(engine))


def refuse_loop(engines: Iterable[Engine], mark: str) -> None:
    """Refuse a request with the mark of one of these engines.

    Raises:
        RelayLoop: it came from here.
    """
    for engine in engines:
        if mark and _mark_of(engine) == mark:
            raise RelayLoop(f"{engine.name} asks the server that it belongs to", "its address leads back here",
                            f"Set backends.{engine.name}.base_url to another server.")  # fmt: skip


def _mark_of(engine: Engine) -> str:
    return str(getattr(engine, "relay_mark", ""))
