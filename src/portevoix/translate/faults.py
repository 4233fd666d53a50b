"""What can go wrong in translating: one kind, and one code, for each thing to do about it."""

from __future__ import annotations

from portevoix.errors import EngineError, PortevoixError, RequestError


class SameLanguage(RequestError):
    """Refuse to translate from a language into itself."""

    code = "same_language"


class LanguageUnknown(RequestError):
    """Refuse a name that is no language's."""

    code = "language_unknown"


class LanguageNotTold(RequestError):
    """Refuse a text that does not show its language; who sent it knows."""

    code = "language_not_detected"


class LanguageDiffers(RequestError):
    """Refuse a text that is plainly in another language than was said."""

    code = "language_differs"


class NotTranslated(RequestError):
    """Refuse a pair of languages that nobody here translates, even by way of a third."""

    code = "translation_not_supported"


class CannotTranslate(EngineError):
    """Tell that an engine is sound but made nothing usable of a sentence; it does not count as a failure."""

    code = "engine_cannot_translate"


class NoTranslator(PortevoixError):
    """Tell that there is no translation engine that could be used at all, and what to install."""

    code = "no_translator"
    exit_code = 5


class TranslationFailed(PortevoixError):
    """Tell that every engine that knows the languages failed; the reason has each engine's own."""

    code = "translation_failed"
    exit_code = 5
