"""Voices over HTTP: those of the engines, and those that are kept of people."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from portevoix.casting import find_voice
from portevoix.errors import InvalidParameter, VoiceNotFound
from portevoix.references.faults import VoiceExists
from portevoix.references.shelf import Consent
from portevoix.server.form import read_form, recording_of, text_of
from portevoix.server.fresh import fresh_answer
from portevoix.server.hosts import require_this_machine
from portevoix.server.listing import list_voices
from portevoix.speaker import CLIENT_VOICES

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from portevoix.app import App
    from portevoix.references.shelf import StoredVoice

SAMPLE_BYTES = 10 * 1024 * 1024
"""Largest recording that is taken."""

STORED = "stored"
CANNOT_CLONE = "no engine that clones a voice is ready: another voice speaks in its place"


class VoiceDesk:
    """Answer for the voices of one app; who may keep and remove them is a client on this machine."""

    def __init__(self, app: App) -> None:
        """Answer for `app`."""
        self._app = app

    def routes(self) -> list[Route]:
        """Return the routes, with and without `/v1`."""
        routes = [Route("/api/voices", self.list)]
        for prefix in ("/v1", ""):
            place = f"{prefix}/audio/voices"
            routes += [
                Route(place, self.list),
                Route(place, self.create, methods=["POST"]),
                Route(f"{place}/{{name}}", self.show),
                Route(f"{place}/{{name}}", self.remove, methods=["DELETE"]),
            ]
        return routes

    async def list(self, _: Request) -> Response:
        """Return every voice of every engine, and every stored one."""
        return fresh_answer({"voices": await all_voices(self._app)})

    async def create(self, request: Request) -> Response:
        """Keep a voice: `name`, `audio_sample`, `consent` as a text or a recording; `language` and `transcript` help.

        Raises:
            PortevoixError: the form, the recording or the name cannot be used; nothing is kept.
        """
        require_this_machine(request)
        async with read_form(request, 2 * SAMPLE_BYTES) as form:
            name = text_of(form, "name")
            self._require_free(name)
            sample = await recording_of(form, "audio_sample", SAMPLE_BYTES)
            if not sample:
                raise InvalidParameter("audio_sample is missing", hint="Send a recording as audio_sample.",
                                       param="audio_sample")  # fmt: skip
            consent = await _consent(form)
            reference = await self._app.recordings.check_bytes(sample, text_of(form, "transcript"))
            voice = await asyncio.to_thread(
                self._app.shelf.create, name, reference, consent, language=text_of(form, "language")
            )
        return fresh_answer(describe_created(voice))

    async def show(self, request: Request) -> Response:
        """Return one voice that is kept, with what was agreed to."""
        voice = await asyncio.to_thread(self._app.shelf.find, request.path_params["name"])
        if voice is None:
            raise VoiceNotFound(f"there is no stored voice {request.path_params['name'][:80]!r}", param="voice")
        facts = {"consent": voice.consent_text, "consent_recording": voice.has_consent_recording,
                 "transcript": voice.reference.transcript, "language": voice.language}  # fmt: skip
        return fresh_answer({**describe_created(voice), **facts})

    async def remove(self, request: Request) -> Response:
        """Take a voice that is kept away, with its recording."""
        require_this_machine(request)
        voice = await asyncio.to_thread(self._app.shelf.remove, request.path_params["name"])
        return fresh_answer({"id": voice.id, "object": "audio.voice.deleted", "deleted": True})

    def _require_free(self, name: str) -> None:
        """Keep stored voices from standing in for others."""
        is_taken = name.lower() in CLIENT_VOICES or name in self._app.settings.voices
        with suppress(VoiceNotFound):
            find_voice(self._app.levels, name)
            is_taken = True
        if is_taken:
            raise VoiceExists(f"there is a voice {name[:80]!r} already", hint="Choose another name.", param="name")


async def all_voices(app: App) -> list[dict[str, Any]]:
    """Return every voice that can be asked for, each under an id that finds it again."""
    stored = await asyncio.to_thread(app.shelf.list)
    can_clone = any(voice.can_clone and voice.is_installed for level in app.levels for voice in level.engine.voices())
    return [*list_voices(app.levels), *(_describe_stored(voice, can_clone=can_clone) for voice in stored)]


def describe_created(voice: StoredVoice) -> dict[str, Any]:
    """Return a stored voice in the shape of OpenAI's API."""
    return {"id": voice.id, "created_at": voice.created_at, "name": voice.name, "object": "audio.voice",
            "type": STORED}  # fmt: skip


def _describe_stored(voice: StoredVoice, *, can_clone: bool) -> dict[str, Any]:
    return {
        **describe_created(voice),
        "engine": "",
        "language": voice.language,
        "installed": can_clone,
        "why_not": "" if can_clone else CANNOT_CLONE,
        "hint": "" if can_clone else "See `portevoix models list` for models that can clone.",
        "sample_rate": 0,
        "speakers": [],
        "licence": "",
    }


async def _consent(form: FormData) -> Consent:
    """Return what a form says about consent: a text, a recording, or both."""
    if not isinstance(form.get("consent"), str):
        return Consent("", await recording_of(form, "consent", SAMPLE_BYTES))
    return Consent(text_of(form, "consent"), await recording_of(form, "consent_recording", SAMPLE_BYTES))
