"""The page at `/`, with a policy that lets it run its own script and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


class Page:
    """Serve the one page there is, kept in memory with its policy."""

    def __init__(self) -> None:
        """Read the page from the package."""
        text = files("portevoix.server").joinpath("pages/index.html").read_text("utf-8")
        self._content = text.encode()
        self._headers = {
            "Content-Security-Policy": content_policy(text),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }

    def routes(self) -> list[Route]:
        """Return its routes."""
        return [Route("/", self.show), Route("/favicon.ico", self.icon)]

    async def show(self, _: Request) -> Response:
        """Return the page."""
        return Response(self._content, media_type="text/html", headers=self._headers)

    async def icon(self, _: Request) -> Response:
        """Return nothing: the page carries its icon in itself."""
        return Response(status_code=204)


def content_policy(page: str) -> str:
    """Return a Content-Security-Policy that allows exactly the scripts and styles written in `page` (CSP level 3)."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, content in INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    return "; ".join([
        "default-src 'none'", f"script-src {' '.join(hashes['script'])}", f"style-src {' '.join(hashes['style'])}",
        "connect-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ])  # fmt: skip
