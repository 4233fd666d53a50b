"""Names of languages: the codes that people, models and engines use, brought to one form."""

from __future__ import annotations

import difflib
import re
from types import MappingProxyType

from portevoix.translate.faults import LanguageUnknown

AUTO = "auto"
"""What stands for a language that is to be found out."""

_TAG = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8})*)")

THREE_LETTERS = MappingProxyType({
    "afr": "af", "amh": "am", "ara": "ar", "arb": "ar", "arg": "an", "ast": "ast", "aze": "az", "azj": "az",
    "bel": "be", "ben": "bn", "bos": "bs", "bre": "br", "bul": "bg", "cat": "ca", "ces": "cs", "crh": "crh",
    "cym": "cy", "dan": "da", "deu": "de", "ell": "el", "eng": "en", "epo": "eo", "est": "et", "eus": "eu",
    "fao": "fo", "fas": "fa", "fin": "fi", "fra": "fr", "gle": "ga", "glg": "gl", "hbs": "sh", "heb": "he",
    "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "ind": "id", "isl": "is", "ita": "it", "jpn": "ja",
    "kat": "ka", "kaz": "kk", "kor": "ko", "lat": "la", "lav": "lv", "lit": "lt", "ltz": "lb", "mar": "mr",
    "mkd": "mk", "mlt": "mt", "msa": "ms", "nld": "nl", "nno": "nn", "nob": "nb", "nor": "no", "oci": "oc",
    "pes": "fa", "pol": "pl", "por": "pt", "ron": "ro", "rus": "ru", "slk": "sk", "slv": "sl", "sme": "se",
    "spa": "es", "sqi": "sq", "srd": "sc", "srp": "sr", "swa": "sw", "swe": "sv", "swh": "sw", "tam": "ta",
    "tel": "te", "tgl": "tl", "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "uzb": "uz", "vie": "vi",
    "zho": "zh",
})  # fmt: skip
"""Codes of ISO 639-3, and those of ISO 639-1 for the same languages."""

_KNOWN = frozenset(THREE_LETTERS) | frozenset(THREE_LETTERS.values())

NAMES = MappingProxyType({
    "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fi": "Finnish", "fr": "French", "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "nl": "Dutch", "oc": "Occitan", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "zh": "Chinese", "ar": "Arabic", "gl": "Galician",
    "eu": "Basque",
})  # fmt: skip
"""English names of languages that are often met."""


def normalise(tag: str, param: str) -> str:
    """Return the two-letter code of a language, where there is one: `fr-CA`, `FR`, `fra` and `French` give `fr`.

    Args:
        tag: as a client wrote it.
        param: name of the field it came from.

    Raises:
        LanguageUnknown: it names no language.
    """
    named = {name.lower(): code for code, name in NAMES.items()}
    plain = tag.strip().lower()
    if plain in named:
        return named[plain]
    match = _TAG.fullmatch(tag.strip())
    code = short(match[1]) if match else ""
    if code not in _KNOWN:
        near = difflib.get_close_matches(plain[:40], [*named, *_KNOWN], 2, 0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Languages are tags such as fr, en or es."
        raise LanguageUnknown(f"{param} is {tag!r:.60}", "that is no language known here", hint, param=param)
    return code


def short(code: str) -> str:
    """Return the two-letter code for a code of two or three letters, or the code itself."""
    return THREE_LETTERS.get(code.lower(), code.lower())


def name_of(code: str) -> str:
    """Return a language's English name, or its code."""
    return NAMES.get(code, code)
