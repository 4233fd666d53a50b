"""How far a model is that is being fetched, for whoever asked when nobody else could speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.errors import ChainExhausted
from portevoix.server.errors import ModelArriving

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from portevoix.models.library import Library
    from portevoix.models.progress import Progress

RETRY_SECONDS = 5.0
"""When to ask again while nothing tells how long the rest takes."""

LONGEST_RETRY_SECONDS = 600.0
MEGABYTE = 1_000_000


class Arrivals:
    """Tell how far a model is in place of all the reasons why nobody could speak."""

    def __init__(self, app: ASGIApp, library: Library) -> None:
        """Stand before `app`, whose models `library` fetches."""
        self._app = app
        self._library = library

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            ModelArriving: nobody could speak, and the model of one who was asked is on its way.
        """
        try:
            await self._app(scope, receive, send)
        except ChainExhausted as error:
            found = (self._library.progress_for(engine) for engine, _ in error.reasons)
            progress = next((one for one in found if one is not None), None)
            if progress is None:
                raise
            raise _arriving(progress) from error


def _arriving(progress: Progress) -> ModelArriving:
    left = RETRY_SECONDS if progress.seconds_left is None else progress.seconds_left
    seconds = min(max(1.0, left), LONGEST_RETRY_SECONDS)
    size = f" of {progress.total_bytes / MEGABYTE:.0f} MB" if progress.total_bytes else ""
    why = f"{progress.model} is being fetched: {progress.ratio:.0%}{size} is here"
    return ModelArriving("nobody can speak yet", why, f"Ask again in {seconds:.0f} s.", retry_after_seconds=seconds)
