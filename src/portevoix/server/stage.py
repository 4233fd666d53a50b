"""The app in force, and how another takes its place: between requests, without losing one.

A request is served to its end by the app that it met. An app that is no longer in force is closed when its last request
has ended, except the one before, which is kept as it is, so that going back takes no time.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from portevoix.fetching import Fetching
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.app import App

logger = logging.getLogger(__name__)

ENDLESS = "/events"
"""What the paths of streams end with that stop when their app leaves: their clients connect again."""


class Deployment:
    """Hold one app with what answers for it.

    Attributes:
        app: what speaks.
        doors: the ASGI application that answers for it.
        visitors: requests that it serves now.
        record: the id of its configuration in the history, 0 where there is none.
        leaving: set once it is no longer in force.
        loading: loads its engines, once begun.
    """

    def __init__(self, app: App, doors: ASGIApp, record: int = 0) -> None:
        self.app = app
        self.doors = doors
        self.visitors = 0
        self.record = record
        self.leaving = asyncio.Event()
        self.loading: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None

    def enter(self) -> asyncio.Task[None]:
        """Begin to load, and to fetch what is missing; return the loading."""
        self.leaving = asyncio.Event()
        self.loading = asyncio.create_task(self.app.load(), name="load engines")
        self._fetching = asyncio.create_task(self._fetch(self.loading), name="fetch voices")
        return self.loading

    async def leave(self) -> None:
        """End what goes on in the background, and the streams that have no end."""
        self.leaving.set()
        await end_tasks(self.loading, self._fetching)

    async def _fetch(self, loading: asyncio.Task[None]) -> None:
        """Fetch what is missing once the engines that are here have had their turn."""
        await asyncio.wait({loading})
        await Fetching(self.app).run()


class Stage:
    """Serve each request with the app in force; an ASGI application, used from one event loop.

    Attributes:
        current: what is in force.
        former: what was in force before, ready to speak, or None.
    """

    def __init__(self, app: App, make_doors: Callable[[App], ASGIApp], record: int = 0) -> None:
        """Begin with `app`, which it owns; `make_doors` makes what answers for an app."""
        self._make_doors = make_doors
        self.current = Deployment(app, make_doors(app), record)
        self.former: Deployment | None = None
        self._retired: set[Deployment] = set()
        self._closings: set[asyncio.Task[None]] = set()

    @property
    def app(self) -> App:
        """Return the app in force; for what is done at once: `visit` keeps one for longer."""
        return self.current.app

    @contextmanager
    def visit(self) -> Generator[App, None, None]:
        """Give the app in force, which is not closed while the body lasts."""
        with self._visiting() as deployment:
            yield deployment.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection to its end."""
        with self._visiting() as deployment:
            if scope["type"] == "http" and scope["path"].endswith(ENDLESS):
                await until(deployment.leaving, deployment.doors, scope, receive, send)
            else:
                await deployment.doors(scope, receive, send)

    def rehearse(self, app: App, record: int = 0) -> Deployment:
        """Return an app as what could be moved over to; nothing is in force yet."""
        return Deployment(app, self._make_doors(app), record)

    async def move(self, following: Deployment) -> None:
        """Put another deployment in force for all requests to come; what was in force stays ready."""
        leaving, dropped = self.current, self.former
        self.current, self.former = following, leaving
        following.enter()
        following.app.export()
        await leaving.leave()
        if dropped is not None and dropped is not following:
            self._retire(dropped)

    def dismiss(self, deployment: Deployment) -> None:
        """Close a deployment that will not be in force."""
        self._retire(deployment)

    async def aclose(self) -> None:
        """Close everything."""
        await self.current.leave()
        await asyncio.gather(*self._closings, return_exceptions=True)
        others = [one for one in (self.former, *self._retired) if one is not None]
        for deployment in others:
            await _close_app(deployment.app, spare=[self.app])
        await self.app.aclose()

    @contextmanager
    def _visiting(self) -> Generator[Deployment, None, None]:
        deployment = self.current
        deployment.visitors += 1
        try:
            yield deployment
        finally:
            deployment.visitors -= 1
            if deployment in self._retired:
                self._close_if_empty(deployment)

    def _retire(self, deployment: Deployment) -> None:
        self._retired.add(deployment)
        self._close_if_empty(deployment)

    def _close_if_empty(self, deployment: Deployment) -> None:
        if deployment.visitors:
            return
        self._retired.discard(deployment)
        closing = asyncio.create_task(self._close(deployment), name="close former app")
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    async def _close(self, deployment: Deployment) -> None:
        alive = [one.app for one in (self.current, self.former, *self._retired) if one is not None]
        await _close_app(deployment.app, spare=alive)


async def _close_app(app: App, spare: list[App]) -> None:
    """Close an app that is no longer in force; that it cannot be closed holds nobody up."""
    try:
        await app.aclose(spare)
    except Exception:
        logger.exception("app.not_closed")


async def until(leaving: asyncio.Event, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve an answer that has no end, and end it well when it is time to leave."""
    has_begun = False

    async def watched(message: Message) -> None:
        nonlocal has_begun
        has_begun = True
        await send(message)

    serving: asyncio.Task[Any] = asyncio.ensure_future(_serve(app, scope, receive, watched))
    waiting = asyncio.create_task(leaving.wait(), name="leaving")
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
            return
    finally:
        await end_tasks(serving, waiting)
    if has_begun:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)
