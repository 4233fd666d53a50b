"""One text on a WebSocket: pieces of text in, messages with audio out."""

from __future__ import annotations

import asyncio
import base64
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from portevoix.server.encoding import run_encoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from portevoix.server.dictation import Dictation
    from portevoix.server.elevenlabs.alignment import Aligner
    from portevoix.server.elevenlabs.formats import OutputFormat

MESSAGE_BYTES = 49_152
"""Most audio in one message: whole samples, and within the limits that clients set for themselves."""


class Context:
    """Speak one text, with one encoder from its beginning to its end.

    Attributes:
        name: as the client calls it, None where there is only one.
    """

    def __init__(
        self, name: str | None, dictation: Dictation, output: OutputFormat, aligner: Aligner, *, is_auto: bool = False
    ) -> None:  # fmt: skip
        """Speak `dictation`, whose chunks have the rate of `output`, each part by itself if it `is_auto`."""
        self.name = name
        self._dictation = dictation
        self._output = output
        self._aligner = aligner
        self._is_auto = is_auto
        self._has_unflushed = False
        self._is_interrupted = False
        self._patience: asyncio.Timeout | None = None

    @property
    def is_speaking(self) -> bool:
        """Return whether audio is being made."""
        return self._dictation.is_speaking

    def write(self, text: str) -> None:
        """Take the next part of the text.

        Raises:
            TextTooLong: all of it together is longer than the limit.
        """
        self._has_unflushed = self._has_unflushed or bool(text.strip())
        self._dictation.write(text)
        if self._is_auto:
            self._dictation.flush()

    def flush(self) -> None:
        """Speak what was written, though the sentence may not be complete."""
        self._has_unflushed = False
        self._dictation.flush()

    def end(self) -> None:
        """Speak what was written, and end."""
        self._has_unflushed = False
        self._dictation.end()

    def close(self) -> None:
        """End: speak on where all of the text was flushed, else stop at once."""
        if not self._has_unflushed:
            self.end()
            return
        self._is_interrupted = True
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def run(self, send: Callable[[dict[str, Any]], Any]) -> None:
        """Send all messages, the last of which says that it is the last.

        Raises:
            PortevoixError: nobody could speak, or broken off; no last message was sent.
        """
        try:
            async with asyncio.timeout(0 if self._is_interrupted else None) as patience:
                self._patience = patience
                async with aclosing(self._messages()) as messages:
                    async for message in messages:
                        await send(message)
        except TimeoutError:
            if not patience.expired():
                raise
        await send(self._addressed({"isFinal": True}))

    async def _messages(self) -> AsyncGenerator[dict[str, Any], None]:
        is_light = self._output.recipe is None
        writer = None
        async with aclosing(self._dictation.chunks()) as chunks:
            async for chunk in chunks:
                writer = writer or self._output.encoder(self._output.sample_rate)
                self._aligner.add(chunk.marks)
                encoded = await run_encoder(partial(writer.encode, chunk.samples), is_light=is_light)
                for message in self._audio(encoded):
                    yield message
        if writer is not None:
            for message in self._audio(await run_encoder(writer.finish, is_light=is_light)):
                yield message

    def _audio(self, encoded: bytes) -> list[dict[str, Any]]:
        pieces = [encoded[start : start + MESSAGE_BYTES] for start in range(0, len(encoded), MESSAGE_BYTES)]
        return [self._message(piece) for piece in pieces]

    def _message(self, audio: bytes) -> dict[str, Any]:
        taken = self._aligner.take()
        alignment = taken and taken.in_milliseconds()
        return self._addressed({
            "audio": base64.b64encode(audio).decode(), "isFinal": False, "alignment": alignment,
            "normalizedAlignment": alignment,
        })  # fmt: skip

    def _addressed(self, message: dict[str, Any]) -> dict[str, Any]:
        return message if self.name is None else {**message, "contextId": self.name}
