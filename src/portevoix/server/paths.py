"""Paths as programs put them together from a base URL that a person typed in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

AUTHORITY = re.compile(r"^https?://[^/]*", re.IGNORECASE)
"""What a request as proxies get it has before the path (RFC 9112, 3.2.2)."""

SLASHES = re.compile(r"/{2,}")
VERSIONS = re.compile(r"^(?:/v1)+(?=/v[12](?:/|$))")
"""The base URL's own version before that of the call."""


class PlainPaths:
    """Take a slash too many, and a version that base URL and program both have, out of the path."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`, and before whatever looks at the path."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] in ("http", "websocket"):
            scope["path"] = plain_path(scope["path"])
        await self._app(scope, receive, send)


def plain_path(path: str) -> str:
    """Return the path that is meant: `/v1//audio/speech/` and `/v1/v1/audio/speech` are `/v1/audio/speech`."""
    single = SLASHES.sub("/", AUTHORITY.sub("", path))
    return VERSIONS.sub("", single.rstrip("/")) or "/"
