"""From the phoneme ids of a text back to the words that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING

from portevoix.text.speakable import word_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.text.phonemes import PhonemeSentence, Sounds


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """Say where a written word is in the text, and where it ends in the ids.

    Attributes:
        start: index of its first character in the text.
        end: index after its last character.
        sentence: index of the sentence.
        id_end: number of the sentence's ids up to the word's end.
        sounds: its phonemes, each with the number of ids up to its end.
    """

    start: int
    end: int
    sentence: int
    id_end: int
    sounds: tuple[tuple[str, int], ...] = ()


def words_to_measure(text: str, sentences: Sequence[PhonemeSentence]) -> list[str]:
    """Return the written words of `text`, where more or fewer are spoken in its `sentences`; elsewhere none."""
    spans = word_spans(text)
    spoken = sum(len(one.word_ends) for one in sentences)
    return [] if not spoken or len(spans) == spoken else [text[start:end] for start, end in spans]


def spoken_words(text: str, sentences: Sequence[PhonemeSentence], written: Sequence[int]) -> tuple[SpokenWord, ...]:
    """Return where the written words of `text` are spoken in its `sentences`.

    It is exact where as many words are spoken as are written. Elsewhere the phonemes of each of `words_to_measure`
    count, spoken alone: they are `written`, and see `shared_out`.
    """
    spans = word_spans(text)
    spoken = [(index, end) for index, one in enumerate(sentences) for end in one.word_ends]
    sounds = [sounds for one in sentences for sounds in _by_word(one)]
    if not spans or not spoken:
        return ()
    if len(spans) == len(spoken):
        pairs = [(count, count) for count in range(1, len(spans) + 1)]
    else:
        pairs = shared_out(written, [length for one in sentences for length in one.word_lengths])
    begins = [(0, 0), *pairs]
    return tuple(
        SpokenWord(spans[begin][0], spans[written - 1][1], *spoken[said - 1], _joined(sounds, spoken, first, said))
        for (begin, first), (written, said) in zip(begins, pairs, strict=False)
    )


def _joined(
    sounds: Sequence[Sounds], spoken: Sequence[tuple[int, int]], first: int, last: int
) -> Sounds:  # fmt: skip
    """Return the sounds of spoken words `first`..`last`, as far as they are in the last one's sentence."""
    sentence = spoken[last - 1][0]
    return tuple(chain(*(sounds[place] for place in range(first, last) if spoken[place][0] == sentence)))


def _by_word(sentence: PhonemeSentence) -> list[Sounds]:
    """Return the sounds of each word of a sentence."""
    ends = list(accumulate(sentence.word_lengths))
    return [sentence.sounds[first:last] for first, last in pairwise([0, *ends])]


def shared_out(written: Sequence[int], spoken: Sequence[int]) -> list[tuple[int, int]]:
    """Pair written with spoken words: return `(written words, spoken words)` covered so far, after each pair.

    Both are given by their lengths in phonemes, the written ones as they sound alone. Each spoken border goes with the
    nearest written one, measured along the whole; so "of the", spoken as one word, stays together, and "42" gets both
    words it is spoken with.
    """
    written_ends = [end * sum(spoken) / max(1, sum(written)) for end in accumulate(written)]
    pairs: list[tuple[int, int]] = []
    for index, end in enumerate(accumulate(spoken), 1):
        nearest = min(range(len(written_ends)), key=lambda place: abs(written_ends[place] - end)) + 1
        covered = len(written) if index == len(spoken) else nearest
        if pairs and pairs[-1][0] >= covered:
            pairs[-1] = (pairs[-1][0], index)
        else:
            pairs.append((covered, index))
    return pairs
