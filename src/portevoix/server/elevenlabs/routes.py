"""Where ElevenLabs' clients ask for what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from portevoix.server.dictation import Dictation
from portevoix.server.elevenlabs.alignment import Aligner
from portevoix.server.elevenlabs.catalogue import describe_models, describe_voice, describe_voices
from portevoix.server.elevenlabs.context import Context
from portevoix.server.elevenlabs.errors import detail_answer
from portevoix.server.elevenlabs.order import is_wanted, read_idle_seconds, read_output, read_query
from portevoix.server.elevenlabs.session import Session
from portevoix.server.elevenlabs.speech import CLIP, STREAM, ElevenLabsSpeech
from portevoix.server.elevenlabs.timed import TIMED_CLIP, TIMED_STREAM
from portevoix.server.elevenlabs.voice_search import VoiceSearch
from portevoix.server.fresh import fresh_answer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from portevoix.app import App
    from portevoix.server.queue import Queue

KEY_HEADER = "xi-api-key"
"""Every client of this API sends it, and no client of OpenAI's does: it tells them apart where they share a path."""

MANNERS = {
    "": CLIP,
    "/stream": STREAM,
    "/with-timestamps": TIMED_CLIP,
    "/stream/with-timestamps": TIMED_STREAM,
}
"""How the speech goes out, by what stands behind the voice in the path."""


def elevenlabs_routes(app: App, queue: Queue) -> list[BaseRoute]:
    """Return the routes."""
    catalogue = Catalogue(app)
    place = "/v1/text-to-speech/{voice_id}"
    return [
        *(Route(f"{place}{end}", ElevenLabsSpeech(app, queue, how), methods=["POST"]) for end, how in MANNERS.items()),
        WebSocketRoute(f"{place}/stream-input", StreamInput(app, queue, is_multi=False)),
        WebSocketRoute(f"{place}/multi-stream-input", StreamInput(app, queue, is_multi=True)),
        Route("/v1/voices", catalogue.voices),
        Route("/v1/voices/{voice_id}", catalogue.voice),
        Route("/v2/voices", catalogue.search),
    ]


class Catalogue:
    """Tell what can be asked for."""

    def __init__(self, app: App) -> None:
        """Answer for `app`."""
        self._app = app

    async def voices(self, _: Request) -> Response:
        """Return every voice."""
        await self._app.chain.meet()
        return fresh_answer({"voices": await describe_voices(self._app)})

    async def search(self, request: Request) -> Response:
        """Return a page of the voices that the query asks for."""
        request.state.error_answer = detail_answer
        search = VoiceSearch.of(request.query_params)
        await self._app.chain.meet()
        return fresh_answer(search.page(await describe_voices(self._app)))

    async def voice(self, request: Request) -> Response:
        """Return one voice."""
        request.state.error_answer = detail_answer
        await self._app.chain.meet()
        return fresh_answer(await describe_voice(self._app, request.path_params["voice_id"]))

    async def models(self, _: Request) -> Response:
        """Return every model."""
        return fresh_answer(describe_models(self._app.levels, self._app.speaker.settings.max_text_length))


class StreamInput:
    """Speak text that arrives on a WebSocket."""

    def __init__(self, app: App, queue: Queue, *, is_multi: bool) -> None:
        """Speak with `app`, in turns of `queue`; several texts at once where it `is_multi`."""
        self._app = app
        self._queue = queue
        self._is_multi = is_multi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        Raises:
            PortevoixError: refused, before the handshake.
        """
        scope["state"]["error_answer"] = detail_answer
        websocket = WebSocket(scope, receive, send)
        query = websocket.query_params
        output, idle_seconds = read_output(query), read_idle_seconds(query)
        engines = [level.name for level in self._app.levels]
        request = read_query(query, websocket.path_params["voice_id"], engines, websocket.state.request_id)
        await self._app.speaker.cast(request, "")

        def make_context(name: str | None, speed: float) -> Context:
            paced = replace(request, speed=speed)
            self._app.speaker.check(paced, is_text_complete=False)
            dictation = Dictation(self._app, self._queue, paced, output.sample_rate)
            aligner = Aligner(is_absolute=is_wanted(query, "sync_alignment"))
            return Context(name, dictation, output, aligner, is_auto=is_wanted(query, "auto_mode"))

        await websocket.accept(next(iter(scope["subprotocols"]), None))  # browsers give up where none is taken
        await Session(websocket, make_context, idle_seconds, is_multi=self._is_multi).run()
