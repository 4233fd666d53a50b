"""The one blocking face: an event loop on a thread of its own, for programs that have none."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from portevoix.app import App, build, read_configuration
from portevoix.audio import AudioChunk
from portevoix.codecs.wav import wav_file
from portevoix.loop_thread import LoopThread
from portevoix.speaker import Speech
from portevoix.speech import SpeechReport, SpeechRequest

T = TypeVar("T")
LOAD_PATIENCE_SECONDS = 5.0


class BlockingSpeaker(AbstractContextManager["BlockingSpeaker"]):
    """Speak from code that is not asynchronous; may be used from several threads.

    Example:
        ```python
        with BlockingSpeaker() as speaker:
            Path("bonjour.wav").write_bytes(speaker.speak("Bonjour à tous"))
        ```
    """

    def __init__(self, config_path: Path | str | None = None) -> None:
        """Read the configuration from `config_path`, or from where it is usually found.

        Raises:
            ConfigError: it cannot be used.
        """
        self._thread = LoopThread("portevoix")
        self.app: App = build(read_configuration(config_path), patience_seconds=LOAD_PATIENCE_SECONDS)
        self.report = SpeechReport()

    def speak(self, text: str, **wishes: Any) -> bytes:
        """Return the text as a complete WAV file, 16 bit mono; `wishes` are fields of `SpeechRequest`.

        Raises:
            RequestError: it cannot be spoken as it stands.
            ChainExhausted: nobody could speak.
            StreamInterrupted: nobody could go on.
        """
        chunks = list(self.stream(text, **wishes))
        return wav_file(np.concatenate([chunk.samples for chunk in chunks]), chunks[0].sample_rate)

    def stream(self, text: str, **wishes: Any) -> Iterator[AudioChunk]:
        """Yield the speech chunk by chunk; leaving early stops the work. Errors as in `speak`."""
        speech: Speech = self._wait(self.app.speaker.open(SpeechRequest(text, **wishes)))
        chunks = speech.__aiter__()
        try:
            while True:
                chunk: AudioChunk | None = self._wait(anext(chunks, None))
                if chunk is None:
                    break
                yield chunk
            self.report = speech.report
        finally:
            self._wait(_close(chunks))

    def close(self) -> None:
        """Stop everything; the speaker cannot be used any more."""
        if self._thread.is_running:
            self._wait(self.app.aclose())
            self._thread.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _wait(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return self._thread.wait(run())


async def _close(chunks: AsyncGenerator[AudioChunk, None]) -> None:
    with suppress(RuntimeError):
        await chunks.aclose()
