"""Who may ask: host names against DNS rebinding, and addresses of this machine."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request

from portevoix.errors import NotAllowed
from portevoix.server.errors import HostNotAllowed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class HostCheck:
    """Refuse requests for other names than ours: a page elsewhere can point its own name at this machine."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        """Stand before `app`, and allow `names`, each with any port."""
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            HostNotAllowed: its `Host` is none of ours.
        """
        if scope["type"] in ("http", "websocket"):
            host = Request({**scope, "type": "http"}).headers.get("host", "")
            if _name(host) not in self._names:
                raise HostNotAllowed(f"host {host[:80]!r} is not served here", "only this machine's own names are",
                                     "Use http://127.0.0.1 or http://localhost.")  # fmt: skip
        await self._app(scope, receive, send)


def is_loopback(address: str) -> bool:
    """Return whether an address or name can be reached from this machine alone."""
    if address == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def is_own_page(origin: str, host: str) -> bool:
    """Return whether a page of `origin` is one that the server gives out under the name `host`."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:  # what stands in brackets is no address
        return False


def require_this_machine(request: Request) -> None:
    """Refuse a client elsewhere, unless the gate has let it in with what the path needs.

    Raises:
        NotAllowed: it is not on this machine.
    """
    if request.scope.get("state", {}).get("is_trusted"):
        return
    if request.client is None or not is_loopback(request.client.host):
        raise NotAllowed("this may be changed from this machine alone", hint="Ask for it on the server itself.")


def _name(host: str) -> str:
    """Return a `Host` header without its port."""
    if host.startswith("["):
        return host[: host.find("]") + 1].lower()
    return host.partition(":")[0].lower()
