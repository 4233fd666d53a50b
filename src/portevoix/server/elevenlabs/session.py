"""One client on a WebSocket: its contexts, from the handshake to the end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect, WebSocketState

from portevoix.errors import Overloaded, PortevoixError
from portevoix.server.elevenlabs.errors import InputTimedOut, close_code, error_message
from portevoix.server.elevenlabs.message import Message, read_message
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.websockets import WebSocket

    from portevoix.server.elevenlabs.context import Context

logger = logging.getLogger(__name__)

MAX_CONTEXTS = 20
"""Most contexts of one client that speak or are open."""

DEFAULT_CONTEXT = "default"
NORMAL_CLOSURE = 1000


class Session:
    """Route messages to contexts, each of which is spoken by a task of its own.

    With one context alone, an empty text ends it, and with it the socket, as does an error. With several, an error ends
    its own context.
    """

    def __init__(
        self, websocket: WebSocket, make_context: Callable[[str | None, float], Context], idle_seconds: float,
        *, is_multi: bool,
    ) -> None:  # fmt: skip
        """Serve an accepted `websocket`.

        Args:
            websocket: the connection.
            make_context: returns a context by its name, and the pace of its speech.
            idle_seconds: how long the client may say nothing while nothing is spoken.
            is_multi: there may be several contexts.
        """
        self._websocket = websocket
        self._make_context = make_context
        self._idle_seconds = idle_seconds
        self._is_multi = is_multi
        self._contexts: dict[str | None, Context] = {}
        self._tasks: dict[asyncio.Task[None], Context] = {}
        self._is_closing = False

    async def run(self) -> None:
        """Serve until the connection ends; nothing is spoken after that."""
        try:
            while True:
                await self._take(await self._receive())
        except WebSocketDisconnect:
            pass
        except PortevoixError as error:
            await self._end(error)
        finally:
            await end_tasks(*self._tasks)

    async def _receive(self) -> Message:
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    received = await self._websocket.receive()
            except TimeoutError as error:
                if not any(context.is_speaking for context in self._tasks.values()):
                    why = f"nothing came within {self._idle_seconds:g} s"
                    hint = 'Send {"text": " "} now and then, or raise inactivity_timeout.'
                    raise InputTimedOut("the connection was idle for too long", why, hint) from error
                continue
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", NORMAL_CLOSURE))
            return read_message(received)

    async def _take(self, message: Message) -> None:
        if self._is_closing:
            return
        if not self._is_multi:
            self._take_single(message)
            return
        name = message.context or (DEFAULT_CONTEXT if message.text else None)
        try:
            self._take_named(name, message)
        except PortevoixError as error:
            await self._drop(name, error)
        if message.closes_socket:
            await self._finish()

    def _take_single(self, message: Message) -> None:
        context = self._contexts.get(None) or self._open(None, message)
        if message.text:
            context.write(message.text)
        if message.text == "" or message.closes_socket or message.closes_context:
            context.end()
            self._is_closing = True
        elif message.is_flush:
            context.flush()

    def _take_named(self, name: str | None, message: Message) -> None:
        context = self._contexts.get(name)
        if context is None and message.text and name:
            context = self._open(name, message)
        if context is None:
            return  # an empty text or a flush keeps the connection alive, and opens nothing
        if message.text:
            context.write(message.text)
        if message.is_flush:
            context.flush()
        if message.closes_context:
            del self._contexts[name]
            context.close()

    def _open(self, name: str | None, message: Message) -> Context:
        if len(self._tasks) >= MAX_CONTEXTS:
            raise Overloaded("the context is refused", f"{MAX_CONTEXTS} others are open", "Close some first.")
        context = self._contexts[name] = self._make_context(name, message.speed)
        task = asyncio.create_task(self._speak(context), name="speech context")
        self._tasks[task] = context
        return context

    async def _speak(self, context: Context) -> None:
        error: Exception | None = None
        try:
            await context.run(self._send)
        except WebSocketDisconnect:
            return
        except Exception as raised:  # noqa: BLE001 - the border: told to the client, and a mistake of ours to the log
            error = raised
        finally:
            self._forget(context)
        if not self._is_multi:
            await self._end(error)
            return
        if error is not None:
            await self._tell(context.name, error)
        if self._is_closing and not self._tasks:
            await self._end(None)

    def _forget(self, context: Context) -> None:
        self._tasks = {task: one for task, one in self._tasks.items() if one is not context}
        if self._contexts.get(context.name) is context:
            del self._contexts[context.name]

    async def _drop(self, name: str | None, error: PortevoixError) -> None:
        """End a context that was asked for what cannot be."""
        context = self._contexts.pop(name, None)
        for task, one in self._tasks.items():
            if one is context:
                task.cancel()
        await self._tell(name, error)

    async def _finish(self) -> None:
        """Let the contexts speak what was flushed, then close the socket."""
        self._is_closing = True
        for context in self._contexts.values():
            context.close()
        if not self._tasks:
            await self._end(None)

    async def _tell(self, name: str | None, error: Exception) -> None:
        message = error_message(error)
        self._log(error, message["error"])
        await self._send(message if name is None else {**message, "contextId": name})

    async def _end(self, error: Exception | None) -> None:
        """Close the socket, and say why if there is something to say."""
        try:
            if error is not None:
                await self._tell(None, error)
            if self._websocket.application_state is WebSocketState.CONNECTED:
                code = NORMAL_CLOSURE if error is None else close_code(error)
                await self._websocket.close(code, "" if error is None else error_message(error)["error"])
        except WebSocketDisconnect:
            pass

    async def _send(self, message: dict[str, Any]) -> None:
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnect(NORMAL_CLOSURE)
        await self._websocket.send_json(message)

    def _log(self, error: Exception, code: str) -> None:
        facts = {"request_id": self._websocket.state.request_id, "code": code}
        if isinstance(error, PortevoixError):
            logger.info("socket.refused", extra={**facts, "why": str(error)})
        else:
            logger.error("socket.crashed", extra=facts, exc_info=error)
