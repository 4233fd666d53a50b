"""When each word is heard, as the lengths of its sounds become known."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from portevoix.errors import EngineError
from portevoix.speech import WordMark

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from portevoix.text.spoken_words import SpokenWord

    Words = Awaitable[Sequence[SpokenWord]]


@contextmanager
def in_background(find: Callable[[], Words]) -> Iterator[Words]:
    """Find words while the network makes the first sound; none are found where that fails: speech does without."""

    async def find_or_do_without() -> Sequence[SpokenWord]:
        with suppress(EngineError):
            return await find()
        return ()

    words = asyncio.create_task(find_or_do_without(), name="words")
    try:
        yield words
    finally:
        words.cancel()


class WordTimes:
    """Turn the lengths of ids, as they become known, into the times of words."""

    def __init__(self, words: Words, sentence: int, sample_rate: int, began_seconds: float) -> None:
        """Wait for those of `words` in one sentence, at `sample_rate` in Hz, which began at `began_seconds`."""
        self._found = words
        self._sentence = sentence
        self._words: deque[SpokenWord] | None = None
        self._rate = sample_rate
        self._offset = began_seconds
        self._begin = began_seconds
        self._ends = [0]

    async def learn(self, id_samples: NDArray[np.int64]) -> tuple[WordMark, ...]:
        """Return the words whose end is known with these lengths of the next ids, int64, shape (n,)."""
        if self._words is None:
            self._words = deque(word for word in await self._found if word.sentence == self._sentence)
        marks = []
        for samples in id_samples.tolist():
            self._ends.append(self._ends[-1] + samples)
            while self._words and self._words[0].id_end < len(self._ends):
                marks.append(self._mark(self._words.popleft()))
        return tuple(marks)

    def _mark(self, word: SpokenWord) -> WordMark:
        begin, self._begin = self._begin, self._seconds(word.id_end)
        phonemes = tuple((phoneme, self._seconds(id_end)) for phoneme, id_end in word.sounds)
        return WordMark(word.start, word.end, begin, self._begin, phonemes=phonemes)

    def _seconds(self, ids: int) -> float:
        """Return when the first `ids` ids of the sentence are over."""
        return self._offset + self._ends[ids] / self._rate
