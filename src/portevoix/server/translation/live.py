"""A translation while it is spoken, as server-sent events: its sentences, its sound, and when each word is heard."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from portevoix.server.changes import data_event
from portevoix.server.encoding import encode_stream
from portevoix.server.events import done_event, encode_events
from portevoix.server.translation.answer import describe_pair, describe_translation

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from portevoix.audio import AudioChunk
    from portevoix.server.clip import Clip
    from portevoix.server.translation.order import Order
    from portevoix.speaker import Speech
    from portevoix.speech import WordMark
    from portevoix.translate.translator import Rendering


class LiveTranslation:
    """Tell what is translated and spoken: each sentence before the sound that it is spoken with."""

    def __init__(self, rendering: Rendering, speech: Speech, clip: Clip, order: Order) -> None:
        """Tell of `rendering`, spoken as `speech` in the chunks of `clip`, in the format of `order`."""
        self._rendering = rendering
        self._speech = speech
        self._clip = clip
        self._order = order
        self._words: list[WordMark] = []
        self._told = 0

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield the events, `translation.done` and `speech.audio.done` last.

        Raises:
            PortevoixError: it could not be translated or spoken to its end, after an event that tells it.
        """
        pieces = encode_stream(self._order.format_name, self._clip.sample_rate, self._chunks())
        async with aclosing(encode_events(pieces, self._take_words)) as events:
            async for event in events:
                for sentence in self._sentences():
                    yield sentence
                yield event
        for sentence in self._sentences():
            yield sentence
        translation = self._rendering.report
        yield data_event({"type": "translation.done", **describe_translation(translation, self._order)})
        yield done_event(translation.text, self._speech.report)

    async def _chunks(self) -> AsyncGenerator[AudioChunk, None]:
        async with aclosing(self._clip.chunks()) as chunks:
            async for chunk in chunks:
                self._words += chunk.marks
                yield chunk

    def _take_words(self) -> list[WordMark]:
        taken, self._words = self._words, []
        return taken

    def _sentences(self) -> Iterator[bytes]:
        """Yield an event for each sentence that was not told yet."""
        for pair in self._rendering.pairs[self._told :]:
            self._told += 1
            yield data_event({"type": "translation.sentence", "before": pair.before, **describe_pair(pair)})
