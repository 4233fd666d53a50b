"""From text to a Piper voice's phoneme ids, by piper-tts itself, and from ids back to the words they stand for."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any

from portevoix.errors import EngineFailed, EngineUnavailable, ModelBroken, ModelUnsupported
from portevoix.text.speakable import word_spans

Sounds = tuple[tuple[str, int], ...]
"""Phonemes, each with the number of its sentence's ids up to its end."""

WORD_BREAKS = frozenset(" ")
MARKS_OF_SENTENCES = frozenset(',.;:!?…—"()«»¿¡')

MOST_INNER_DOTS = 20
"""Dots that end no sentence, in one text. espeak-ng writes beyond its memory where a hundred bytes of single letters
have dots between them, as in "a.a.a.a…" or "a . a . a…", and takes this process with it."""

_INNER_DOT = re.compile(r"\.(?=\S)|(?<![^\s.])\.")


@dataclass(frozen=True, slots=True)
class PhonemeSentence:
    """Hold what the network reads for one sentence.

    Attributes:
        ids: phoneme ids with the beginning, end and padding marks of the voice.
        word_ends: for each spoken word of the sentence, the number of ids up to its end.
        word_lengths: for each spoken word, its number of phonemes.
        sounds: each phoneme of a word, with the number of ids up to its end.
    """

    ids: tuple[int, ...]
    word_ends: tuple[int, ...]
    word_lengths: tuple[int, ...]
    sounds: tuple[tuple[str, int], ...] = ()


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


class Phonemizer:
    """Turn text into phoneme ids exactly as piper-tts does for a voice. Threads take turns inside piper-tts."""

    def __init__(self, config: Path) -> None:
        """Read the voice's configuration.

        Raises:
            ModelBroken: it lacks a key, or names an unknown kind of phonemes.
            EngineUnavailable: piper-tts or what it needs cannot be loaded, perhaps for want of memory.
        """
        try:
            from piper.config import PiperConfig
            from piper.voice import PiperVoice
        except (ImportError, MemoryError) as error:
            raise EngineUnavailable("Piper voices cannot speak here", str(error), "Run `portevoix doctor`.") from error
        try:
            content = json.loads(config.read_text(encoding="utf-8"))
            self._voice = PiperVoice(session=None, config=PiperConfig.from_dict(content))
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise ModelBroken(f"{config.name} is not a Piper voice's configuration", f"{type(error).__name__}: {error}",
                              "Fetch the voice again.") from error  # fmt: skip
        self._map: dict[str, Sequence[int]] = dict(self._voice.config.phoneme_id_map)

    @property
    def defaults(self) -> Any:
        """Return piper-tts' reading of the configuration: scales, speakers, sample rate."""
        return self._voice.config

    def prove(self) -> None:
        """Turn a letter into phonemes, which also spares the first sentence the time of loading.

        Raises:
            ModelUnsupported: the phonemizer of this kind of voice is not installed, or does not know its language.
        """
        try:
            self.sentences("a")
        except EngineFailed as error:
            raise ModelUnsupported("the voice cannot speak", str(error), "Choose another voice.") from error

    def sentences(self, text: str) -> tuple[PhonemeSentence, ...]:
        """Return the sentences that espeak finds in `text`; none when nothing in it has a sound.

        Raises:
            EngineFailed: the phonemizer for this kind of voice is not installed, or refuses the text.
        """
        try:
            groups = self._voice.phonemize(_without_rows_of_dots(text))
        except (RuntimeError, ImportError, ValueError) as error:
            raise EngineFailed("the text has no phonemes", f"{type(error).__name__}: {error}") from error
        return tuple(self._sentence(phonemes) for phonemes in groups if phonemes)

    def words(self, text: str, sentences: Sequence[PhonemeSentence]) -> tuple[SpokenWord, ...]:
        """Return where the written words of `text` are spoken in its `sentences`.

        It is exact where as many words are spoken as are written; elsewhere see `shared_out`.
        """
        spans = word_spans(text)
        spoken = [(index, end) for index, one in enumerate(sentences) for end in one.word_ends]
        sounds = [sounds for one in sentences for sounds in _by_word(one)]
        if not spans or not spoken:
            return ()
        if len(spans) == len(spoken):
            pairs = [(count, count) for count in range(1, len(spans) + 1)]
        else:
            lengths = [length for one in sentences for length in one.word_lengths]
            pairs = shared_out([self._length(text[start:end]) for start, end in spans], lengths)
        begins = [(0, 0), *pairs]
        return tuple(
            SpokenWord(spans[begin][0], spans[written - 1][1], *spoken[said - 1], _joined(sounds, spoken, first, said))
            for (begin, first), (written, said) in zip(begins, pairs, strict=False)
        )

    def _length(self, word: str) -> int:
        return max(1, sum(sum(one.word_lengths) for one in self.sentences(word)))

    def _sentence(self, phonemes: Sequence[str]) -> PhonemeSentence:
        ids = self._voice.phonemes_to_ids(list(phonemes))
        pad = len(self._map.get("_", ()))
        at = len(self._map.get("^", ())) + pad
        ends: list[int] = []
        lengths = [0]
        sounds: list[tuple[str, int]] = []
        for phoneme in [*phonemes, " "]:
            is_sound = phoneme not in WORD_BREAKS and phoneme not in MARKS_OF_SENTENCES
            if is_sound:
                lengths[-1] += 1
            elif lengths[-1]:
                ends.append(at)
                lengths.append(0)
            at += len(self._map[phoneme]) + pad if phoneme in self._map else 0
            if is_sound:
                sounds.append((phoneme, at))
        return PhonemeSentence(tuple(ids), tuple(ends), tuple(lengths[:-1]), tuple(sounds))


def _without_rows_of_dots(text: str) -> str:
    """Return what espeak reads alike, and outlives: letters apart in place of those with dots between them."""
    return _INNER_DOT.sub(" ", text) if len(_INNER_DOT.findall(text)) > MOST_INNER_DOTS else text


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
