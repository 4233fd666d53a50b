"""Translate and speak at the same time: the speech of one sentence while the next ones are being translated."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portevoix.errors import EngineSilent, PortevoixError
from portevoix.server.clip import Clip
from portevoix.tasks import end_tasks
from portevoix.translate.script import script

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from portevoix.app import App
    from portevoix.audio import AudioChunk
    from portevoix.server.translation.order import Order
    from portevoix.speaker import Speech
    from portevoix.speech import SpeechReport, SpeechRequest
    from portevoix.translate.request import SentencePair, Translation
    from portevoix.translate.translator import Rendering


@dataclass(frozen=True, slots=True)
class Spoken:
    """Hold the speech of a whole translation.

    Attributes:
        chunks: the audio, at one sample rate.
        sample_rate: Hz.
        report: who spoke.
    """

    chunks: tuple[AudioChunk, ...]
    sample_rate: int
    report: SpeechReport


async def prepare(app: App, order: Order) -> SpeechRequest:
    """Return the speech that is ordered, with the recording to speak like checked.

    Raises:
        RequestError: the recording is none, or the voice or engine is unknown.
    """
    assert order.speech is not None  # noqa: S101 - asked only where speech is ordered
    speech = replace(order.speech, engine=_engine_named(app, order.speech.engine))
    if order.recording:
        speech = replace(speech, reference=await app.recordings.check_bytes(order.recording))
    await app.speaker.cast(speech, "")
    return speech


def _engine_named(app: App, name: str | None) -> str | None:
    """Return the engine that is meant: the library's models are written with hyphens, as `xtts-v2`."""
    other = (name or "").replace("-", "_").lower()
    names = [level.name for level in app.levels]
    return other if name not in names and other in names else name


async def speak_along(app: App, rendering: Rendering, request: SpeechRequest) -> Speech:
    """Begin to speak a translation as it is made; each sentence is translated when the speech comes near it.

    Raises:
        PortevoixError: it could not be translated, or not be spoken.
    """
    return await app.speaker.open(request, script(rendering))


async def translate_and_speak(
    app: App, rendering: Rendering, order: Order
) -> tuple[Translation, Spoken | PortevoixError | None]:
    """Return the whole translation, and its speech, or why there is none, or None where none was ordered.

    The two fail apart: without speech the translation is still there.

    Raises:
        TranslationFailed: nobody could translate; nothing is spoken then.
    """
    relay = _Relay(rendering)
    translating = asyncio.create_task(relay.run(), name="translate")
    speaking = asyncio.create_task(_speech(app, rendering, relay, order), name="speak") if order.speech else None
    try:
        await translating
        outcome = await speaking if speaking else None
    finally:
        await end_tasks(translating, speaking)
    return rendering.report, outcome


async def _speech(app: App, rendering: Rendering, relay: _Relay, order: Order) -> Spoken | PortevoixError:
    try:
        request = await prepare(app, order)
        speech = await app.speaker.open(request, script(rendering, relay.pairs()))
        async with aclosing(Clip(speech)) as clip:
            await clip.gather_all()
            chunks = tuple(clip.gathered)
    except PortevoixError as error:
        return error
    if all(chunk.source is not None and chunk.source.is_silent for chunk in chunks):
        return _silence(speech.report)
    return Spoken(chunks, speech.sample_rate, speech.report)


def _silence(report: SpeechReport) -> PortevoixError:
    """Return what says that nobody could speak: silence is no translation's speech."""
    return EngineSilent("nobody could speak the translation", report.why_degraded, "Run `portevoix doctor`.")


class _Relay:
    """Let the translation go on by itself, and hand its pairs to one reader."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._pairs: list[SentencePair] = []
        self._news = asyncio.Event()
        self._is_over = False
        self._error: PortevoixError | None = None

    async def run(self) -> None:
        """Translate to the end."""
        try:
            async with aclosing(self._rendering.__aiter__()) as pairs:
                async for pair in pairs:
                    self._pairs.append(pair)
                    self._news.set()
        except PortevoixError as error:
            self._error = error
            raise
        finally:
            self._is_over = True
            self._news.set()

    async def pairs(self) -> AsyncGenerator[SentencePair, None]:
        """Yield the pairs as they come; raises what the translation raised."""
        place = 0
        while True:
            self._news.clear()
            for pair in self._pairs[place:]:
                place += 1
                yield pair
            if self._is_over and place == len(self._pairs):
                break
            await self._news.wait()
        if self._error is not None:
            raise self._error
