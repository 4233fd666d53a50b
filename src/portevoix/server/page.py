"""The console at `/`: its files from memory, with a policy that lets them run and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from portevoix.server.errors import NotThere
from portevoix.server.etags import has_copy, tag_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from importlib.resources.abc import Traversable

    from starlette.requests import Request

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy, level 3: the console's own files, no inline script, no other address."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
START, ICON = "index.html", "icon.svg"


@dataclass(frozen=True, slots=True)
class PageFile:
    """Hold one file of the console.

    Attributes:
        content: its bytes.
        media_type: without a charset.
        etag: changes with the content, quoted as in the header.
    """

    content: bytes
    media_type: str
    etag: str


class Page:
    """Serve the console's files, kept in memory; a browser asks each time whether its copy is still the same."""

    def __init__(self) -> None:
        """Read the files from the package."""
        self._files = {name: _page_file(name, content) for name, content in _walk(_folder(), PurePosixPath())}

    def routes(self) -> list[Route]:
        """Return its routes."""
        return [
            Route("/", self.show),
            Route("/favicon.ico", self.icon),
            Route("/console/{name:path}", self.part),
        ]

    async def show(self, request: Request) -> Response:
        """Return the page."""
        return self._answer(request, START)

    async def icon(self, request: Request) -> Response:
        """Return the icon under the name that browsers guess."""
        return self._answer(request, f"console/{ICON}")

    async def part(self, request: Request) -> Response:
        """Return one of the files that the page is made of.

        Raises:
            NotThere: there is no such file.
        """
        return self._answer(request, f"console/{request.path_params['name']}")

    def _answer(self, request: Request, name: str) -> Response:
        file = self._files.get(name)
        if file is None:
            raise NotThere(f"there is nothing at {request.url.path[:80]!r}", hint="The console is at /.")
        headers = {**HEADERS, "ETag": file.etag}
        if has_copy(request, file.etag):
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)


def _folder() -> Traversable:
    return files("portevoix.server").joinpath("pages")


def _walk(folder: Traversable, path: PurePosixPath) -> Generator[tuple[str, bytes], None, None]:
    """Yield path and content of each file below a folder whose kind is known."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, path / entry.name)
        elif PurePosixPath(entry.name).suffix in MEDIA_TYPES:
            yield str(path / entry.name), entry.read_bytes()


def _page_file(name: str, content: bytes) -> PageFile:
    return PageFile(content, MEDIA_TYPES[PurePosixPath(name).suffix], tag_of(content))
