"""Somebody else's speech server as a level: whatever answers OpenAI's `POST /audio/speech`."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import EngineError, EngineFailed, EngineUnavailable
from portevoix.remote.answers import RemoteUnavailable, variable_of
from portevoix.remote.relay import new_relay_mark
from portevoix.remote.voices import listed_voices, remote_voice
from portevoix.text.speakable import estimate_seconds

if TYPE_CHECKING:
    from portevoix.audio import AudioChunk
    from portevoix.remote.server import SpeechServer
    from portevoix.speech import Utterance, Voice

logger = logging.getLogger(__name__)

USUAL_VOICE = "alloy"

LEAST_SHARE = 0.25
"""Of the time that a text takes: an answer that is shorter has been cut, whatever its sender says."""


@dataclass(frozen=True, slots=True)
class RemoteOpenAIOptions:
    """What can be configured under `backends.remote_openai`.

    Raises:
        ValueError: the address is none that could be asked.
    """

    base_url: str | None = field(
        default=None, metadata={"help": "address of the server up to `/v1`, as `http://127.0.0.1:8880/v1`"}
    )
    api_key: str | None = field(
        default=None, repr=False, metadata={"help": "its key; better given by the environment", "secret": True}
    )
    api_key_env: str | None = field(
        default=None, metadata={"help": "variable of the environment that holds the key, as `OPENAI_API_KEY`"}
    )
    model: str = field(default="tts-1", metadata={"help": "model to ask for"})
    voice: str | None = field(
        default=None,
        metadata={"help": "a voice that speaks every language", "shown_default": f"`{USUAL_VOICE}` if none is known"},
    )
    voices: Mapping[str, str] = field(default_factory=dict, metadata={"help": "its voice for each language"})
    response_format: str = field(
        default="pcm",
        metadata={
            "help": "what to ask for; what comes is taken as what it says it is",
            "choices": ("pcm", "wav", "mp3"),
        },
    )
    pcm_sample_rate: int = field(
        default=24_000, metadata={"help": "rate of its raw samples", "unit": "Hz", "minimum": 8000, "maximum": 192_000}
    )
    streams: bool = field(
        default=True,
        metadata={"help": "pass sound on as it comes; else sentence by sentence, each once it is known to be whole"},
    )
    instructions: str = field(default="", metadata={"help": "how to speak, where a request does not say"})
    language_field: str | None = field(
        default=None, metadata={"help": "field of the request that tells the language, where it has one"}
    )
    extra_fields: Mapping[str, bool | int | float | str] = field(
        default_factory=dict, metadata={"help": "further fields of the request, as `stream: true`"}
    )
    connect_timeout_seconds: float = field(
        default=2.0, metadata={"help": "longest time to connect", "unit": "seconds", "minimum": 0.05}
    )
    first_byte_timeout_seconds: float = field(
        default=10.0, metadata={"help": "longest time until its answer begins", "unit": "seconds", "minimum": 0.05}
    )
    stall_timeout_seconds: float = field(
        default=5.0, metadata={"help": "longest pause within an answer", "unit": "seconds", "minimum": 0.05}
    )

    def __post_init__(self) -> None:
        """Refuse an address that could not be asked, where its line is known."""
        if self.base_url:
            _check_address(self.base_url)


@dataclass(frozen=True, slots=True)
class RemoteOpenAIParameters:
    """What one request may set."""

    instructions: str = field(default="", metadata={"help": "how to speak, in words"})


class RemoteOpenAI:
    """Ask a speech server that speaks OpenAI's protocol.

    Its address is the operator's own choice and may lie in a private network.

    Attributes:
        relay_mark: the name that its requests carry, so that a server knows its own.
    """

    name: ClassVar[str] = "remote_openai"
    summary: ClassVar[str] = "a speech server elsewhere, by OpenAI's protocol"
    Options: ClassVar[type[Any]] = RemoteOpenAIOptions
    Parameters: ClassVar[type[Any]] = RemoteOpenAIParameters
    priority: ClassVar[int] = 5
    target_latency_ms: ClassVar[float] = 1000.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    is_silent: ClassVar[bool] = False
    takes_part: ClassVar[bool] = False

    def __init__(self, options: RemoteOpenAIOptions, surroundings: Surroundings) -> None:
        """Keep the options; connect to nobody."""
        self.relay_mark = new_relay_mark()
        self._options = options
        self._clock = surroundings.clock
        self._key = (options.api_key or os.environ.get(options.api_key_env or "", "")).strip()
        self._place = urlsplit(options.base_url or "").netloc
        self._server: SpeechServer | None = None
        self._opening = asyncio.Lock()
        self._voices: tuple[Voice, ...] = ()
        self._is_ready = False
        self._error: RemoteUnavailable | None = None
        self._rests_until = 0.0

    def state(self) -> EngineState:
        """Return whether the server answered when it was asked last; one that did not is asked again after a rest."""
        error = self._not_configured() or self._resting()
        if error is not None:
            return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
        if self._is_ready:
            return EngineState(Phase.READY, device=self._place, makes_sentences_whole=not self._options.streams)
        return EngineState(Phase.LOADING if self._opening.locked() else Phase.IDLE)

    def voices(self) -> tuple[Voice, ...]:
        """Return the configured voices, then those that the server lists; none before it has been asked."""
        return self._voices

    async def load(self) -> None:
        """Ask the server for its voices; one that lists none is ready as well.

        Raises:
            EngineUnavailable: it is not configured, cannot be reached, or refuses the key.
        """
        if (fault := self._not_configured()) is not None:
            raise fault
        async with self._opening:
            if self._is_ready:
                return
            self._voices = self._voices or self._known_voices(())
            try:
                listing = await self._open_server().listing()
            except RemoteUnavailable as error:
                self._rest(error)
                raise
            self._voices = self._known_voices(listed_voices(listing, self.name, self._fingerprint()))
            self._is_ready, self._error = True, None
            logger.info("remote.ready", extra={"engine": self.name, "voices": len(self._voices)})

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence; closing the generator closes the connection.

        Raises:
            EngineUnavailable: the server cannot be reached, refuses, or has too much to do.
            EngineTimeout: it does not begin, or stops in the middle.
            EngineFailed: it failed, or what it sent is no audio or only a part of it.
        """
        await self.load()
        seconds, held = 0.0, []
        try:
            async with aclosing(self._open_server().speak(self._fields(utterance), utterance.request_id)) as chunks:
                async for chunk in chunks:
                    seconds += chunk.seconds
                    if self._options.streams:
                        yield chunk
                    else:
                        held.append(chunk)
        except RemoteUnavailable as error:
            self._rest(error)
            raise
        self._judge(utterance, seconds)
        for chunk in held:
            yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        server, self._server = self._server, None
        self._is_ready = False
        if server is not None:
            await server.aclose()

    def _open_server(self) -> SpeechServer:
        from portevoix.remote.server import Access, SpeechServer

        if self._server is None:
            options = self._options
            self._server = SpeechServer(
                Access(
                    self.name,
                    str(options.base_url),
                    self._key,
                    self.relay_mark,
                    options.response_format,
                    options.pcm_sample_rate,
                    options.connect_timeout_seconds,
                    options.first_byte_timeout_seconds,
                    options.stall_timeout_seconds,
                )
            )
        return self._server

    def _fields(self, utterance: Utterance) -> dict[str, Any]:
        options = self._options
        fields: dict[str, Any] = {
            "model": options.model,
            "input": utterance.text.encode("utf-8", "replace").decode(),
            "voice": utterance.voice.name,
            "response_format": options.response_format,
            "speed": utterance.speed,
            **options.extra_fields,
        }
        if instructions := dict(utterance.parameters).get("instructions") or options.instructions:
            fields["instructions"] = instructions
        if options.language_field:
            fields[options.language_field] = utterance.language
        return fields

    def _judge(self, utterance: Utterance, seconds: float) -> None:
        """Refuse to take for whole what cannot be: many servers end an answer cleanly when they fail."""
        expected = estimate_seconds(utterance.text, utterance.speed)
        if seconds < LEAST_SHARE * expected:
            why = f"{seconds:.2f} s of audio for a text of about {expected:.1f} s"
            raise EngineFailed(f"{self.name} stopped early", why)

    def _known_voices(self, listed: tuple[Voice, ...]) -> tuple[Voice, ...]:
        """Return every voice once: the configured ones, those listed, and the usual one where there is no other."""
        options = self._options
        wanted = [(name, language) for language, name in options.voices.items()]
        if options.voice or not (wanted or listed):
            wanted.append((options.voice or USUAL_VOICE, ""))
        voices: dict[str, Voice] = {}
        for name, language in wanted:
            voices.setdefault(name, remote_voice(name, self.name, language, self._fingerprint()))
        for voice in listed:
            voices.setdefault(voice.name, voice)
        return tuple(voices.values())

    def _fingerprint(self) -> str:
        return f"{self._place} {self._options.model}"

    def _not_configured(self) -> EngineError | None:
        options = self._options
        if not options.base_url:
            return EngineUnavailable(f"{self.name} has no server", hint=f"Set backends.{self.name}.base_url.")
        if options.api_key_env and not self._key:
            variable = options.api_key_env
            return EngineUnavailable(f"{self.name} has no key", f"{variable} is not set", f"Set {variable}.")
        if not (self._key.isascii() and self._key.isprintable()):
            why = "it holds what no header can carry"
            return EngineUnavailable(f"{self.name}'s key cannot be sent", why, f"Set {variable_of(self.name)}.")
        return None

    def _resting(self) -> EngineError | None:
        return self._error if self._clock() < self._rests_until else None

    def _rest(self, error: RemoteUnavailable) -> None:
        """Let nobody ask for a while, then ask for the voices first."""
        self._error = error
        self._rests_until = self._clock() + error.rest_seconds
        self._is_ready = False


class SecondRemoteOpenAI(RemoteOpenAI):
    """A second server, with a place, a breaker and settings of its own."""

    name: ClassVar[str] = "remote_openai_2"
    summary: ClassVar[str] = "a second speech server elsewhere, by OpenAI's protocol"
    priority: ClassVar[int] = 6


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("base_url must be an address such as http://127.0.0.1:8880/v1")
    if parts.username or parts.password:
        raise ValueError("base_url must not hold a name or password; give the key as api_key")
    if parts.query or parts.fragment:
        raise ValueError("base_url must end with its path")
    _ = parts.port  # raises ValueError for one that is no number
