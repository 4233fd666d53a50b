"""What is asked of a translator, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class TranslationRequest:
    """Ask for a text in another language.

    Attributes:
        text: as the caller wrote it.
        target: language it is wanted in, as `fr` or `fr-CA`.
        source: language it is in, or None to find out.
        engine: translate with this engine alone, or None for the best one.
        model: use this model alone, or None for the best one.
        reads_cache: take sentences from the cache where they are known.
        request_id: printable name of this request in answers and logs.
    """

    text: str
    target: str
    source: str | None = None
    engine: str | None = None
    model: str | None = None
    reads_cache: bool = True
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class SentencePair:
    """Set a sentence beside its translation.

    Attributes:
        index: place among the sentences, from 0.
        source: as it was written.
        target: translated; the same as `source` where it is in the target's language already.
        source_language: language it was taken for.
        engine: who translated it; "" where nobody had to.
        model: with what.
        chain: languages on the way, as `("en", "es", "fr")`.
        is_cached: it was known already.
        before: what stands in the text between the sentence before and this one: white space, marks, code.
    """

    index: int
    source: str
    target: str
    source_language: str
    engine: str = ""
    model: str = ""
    chain: tuple[str, ...] = ()
    is_cached: bool = False
    before: str = ""


TranslationOutcome = Literal["translated", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class TranslationAttempt:
    """Record what became of asking one engine.

    Attributes:
        sentence: index of the first sentence it was asked for.
        engine: its name.
        outcome: `skipped` was not ready, or rested.
        code: stable code of the error, "" when it translated.
        why: the error in words, "" when it translated.
        seconds: how long it took.
    """

    sentence: int
    engine: str
    outcome: TranslationOutcome
    code: str = ""
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Translation:
    """Give a text in another language, and tell how it came about.

    Attributes:
        text: the translation, with everything that is not language as it was.
        source: language of most of the text.
        target: language of the translation, as it was asked for.
        is_detected: the source was found out, not said.
        confidence: of that, 0 to 1; 1 where it was said.
        engine: who translated; "none" where there was nothing to translate; joined by + where several did.
        model: with what, likewise.
        licence: of the models, where known.
        chain: languages on the way of most sentences.
        is_pivoted: a third language lies between, at least for a part.
        is_rule_based: dictionaries and rules did it, at least a part: the gist, rather than good prose.
        is_degraded: somebody else than the first choice translated, at least a part.
        why_degraded: why; "" otherwise.
        is_cached: every sentence was known already.
        pairs: the sentences.
        warnings: what the reader should know, each a sentence.
        attempts: who was asked, in order.
        first_seconds: until the first sentence was there.
        seconds: until the last one was.
        request_id: name of the request.
    """

    text: str
    source: str
    target: str
    is_detected: bool = False
    confidence: float = 1.0
    engine: str = "none"
    model: str = ""
    licence: str = ""
    chain: tuple[str, ...] = ()
    is_pivoted: bool = False
    is_rule_based: bool = False
    is_degraded: bool = False
    why_degraded: str = ""
    is_cached: bool = False
    pairs: tuple[SentencePair, ...] = field(default=(), repr=False)
    warnings: tuple[str, ...] = ()
    attempts: tuple[TranslationAttempt, ...] = ()
    first_seconds: float = 0.0
    seconds: float = 0.0
    request_id: str = ""
