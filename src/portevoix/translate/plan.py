"""What is to be done for one request: which sentences, taken for which language, and by whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from portevoix.translate.detection import LanguageDetector
from portevoix.translate.faults import LanguageDiffers, LanguageNotTold, SameLanguage
from portevoix.translate.languages import name_of
from portevoix.translate.layout import Part

JUDGED_LETTERS = 20
"""Letters from which a single sentence is judged by itself."""

CERTAIN = 0.8
"""Confidence from which a sentence is taken for another language than the text around it."""


@dataclass(frozen=True, slots=True)
class Task:
    """One sentence to translate.

    Attributes:
        index: place among the sentences.
        text: the sentence.
        language: what it is taken for; the target where it stays as it is.
        before: what stands between the sentence before and this one.
    """

    index: int
    text: str
    language: str
    before: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Say what is to be done for one request.

    Attributes:
        tasks: the sentences.
        tail: what stands after the last of them; the whole text where there is none.
        source: language of most of the text, "" where there is nothing to translate.
        target: language it is wanted in.
        is_detected: the source was found out.
        confidence: of that.
        warnings: what the reader should know.
    """

    tasks: tuple[Task, ...]
    tail: str
    source: str
    target: str
    is_detected: bool = False
    confidence: float = 1.0
    warnings: tuple[str, ...] = ()


class Planner:
    """Make plans, with what can be translated into the target at hand."""

    def __init__(self, detector: LanguageDetector) -> None:
        self._detector = detector

    def plan(
        self, parts: Sequence[Part], source: str | None, target: str, known: Collection[str],
        reachable: Collection[str],
    ) -> Plan:  # fmt: skip
        """Return the plan for a text in parts.

        Args:
            parts: of the text.
            source: language that was said, or None.
            target: language it is wanted in.
            known: languages that somebody reads.
            reachable: languages from which somebody translates into the target.

        Raises:
            LanguageNotTold: no language was said, and none can be told.
            SameLanguage: the text is in the target's language already.
            LanguageDiffers: all of the text is plainly in another language than was said.
        """
        sentences = [part.text for part in parts if part.is_sentence]
        if not sentences:
            return Plan((), "".join(part.text for part in parts), source or "", target,
                        warnings=("There is nothing to translate: the text has no words.",))  # fmt: skip
        text = " ".join(sentences)
        main, confidence = (source, 1.0) if source is not None else self._detect(text, target, known)
        among = frozenset({*known, target, main})
        judged = [self._judge(sentence, among) for sentence in sentences]
        if source is not None:
            _check_said(source, judged if any(judged) else [self._judge(text, among)])
        usable = {*reachable, target}
        languages = [language if language in usable else main for language in judged]
        tasks, tail = _tasks(parts, languages)
        return Plan(tasks, tail, main, target, source is None, confidence, _remarks(judged, main, target, reachable))

    def _detect(self, text: str, target: str, known: Collection[str]) -> tuple[str, float]:
        guess = self._detector.guess(text, {*known, target})
        if not guess.language:
            raise LanguageNotTold("the language of the text is unknown", "it is too short or too mixed to tell",
                                  "Name it: source_lang, or --from in a shell.", param="source_lang")  # fmt: skip
        if guess.language == target:
            raise SameLanguage(f"the text is in {name_of(target)} already", "that is the language it is wanted in",
                               "Ask for another target_lang, or say which language the text is in.",
                               param="target_lang")  # fmt: skip
        return guess.language, guess.confidence

    def _judge(self, text: str, among: Collection[str]) -> str:
        """Return the language that a text is plainly in, or "" where it is too short or not plain."""
        guess = self._detector.guess(text, among)
        return guess.language if guess.letters >= JUDGED_LETTERS and guess.confidence >= CERTAIN else ""


def _check_said(said: str, judged: Sequence[str]) -> None:
    """Refuse a text of which all that can be judged is in another language than was said."""
    others = [language for language in judged if language]
    if others and said not in others:
        found = max(others, key=others.count)
        raise LanguageDiffers(f"the text is in {name_of(found)}, not in {name_of(said)}",
                              "every sentence that is long enough to tell says so",
                              f"Send source_lang {found}, or auto.", param="source_lang")  # fmt: skip


def _remarks(judged: Sequence[str], main: str, target: str, reachable: Collection[str]) -> tuple[str, ...]:
    others = Counter(language for language in judged if language and language != main)
    return tuple(_remark(language, count, main, target, reachable) for language, count in others.items())


def _remark(language: str, count: int, main: str, target: str, reachable: Collection[str]) -> str:
    some = f"{count} sentence{'s are' if count > 1 else ' is'} in {name_of(language)}"
    if language == target:
        return f"{some} already and stayed as written."
    if language in reachable:
        return f"{some} and went from there."
    return f"{some}, which nobody here translates into {name_of(target)}: taken for {name_of(main)}."


def _tasks(parts: Sequence[Part], languages: Sequence[str]) -> tuple[tuple[Task, ...], str]:
    tasks: list[Task] = []
    before = ""
    for part in parts:
        if part.is_sentence:
            tasks.append(Task(len(tasks), part.text, languages[len(tasks)], before))
            before = ""
        else:
            before += part.text
    return tuple(tasks), before
