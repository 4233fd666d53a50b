"""espeak-ng's voices under names that read well: `espeak-fr`, `espeak-en-gb`, `espeak-pt-br`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.speech import Voice, language_family
from portevoix.system.espeak_library import SAMPLE_RATE, EspeakVoice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

PREFIX = "espeak-"
LICENCE = "GPL-3.0-or-later"
_UNRANKED = 1000


def named_voices(listed: Iterable[EspeakVoice], version: str) -> dict[str, tuple[Voice, str]]:
    """Return voices by name, each with the identifier the library knows it by; the best of each language first.

    A voice that also serves a language nobody else speaks is there a second time, under that language.
    """
    listed = tuple(listed)
    found: dict[str, tuple[int, Voice, str]] = {}
    for voice in listed:
        name = _free_name(voice, found)
        found[name] = (_rank(voice), _voice(name, voice.languages[0][0], voice, version), voice.identifier)
    families = {language_family(voice.languages[0][0]) for voice in listed}
    for voice, code in _further_languages(listed, families):
        found.setdefault(PREFIX + code, (_rank(voice), _voice(PREFIX + code, code, voice, version), voice.identifier))
    ordered = sorted(found.values(), key=lambda entry: (entry[1].family, entry[0], entry[1].name))
    return {voice.name: (voice, identifier) for _, voice, identifier in ordered}


def speakable(listed: Iterable[EspeakVoice], data: Path) -> Iterator[EspeakVoice]:
    """Yield the voices whose pronunciation dictionary is there: without one nothing sensible is said."""
    present = {file.name.removesuffix("_dict") for file in data.glob("*_dict")}
    for voice in listed:
        if present & _dictionaries(voice, data):
            yield voice


def language_tag(code: str) -> str:
    """Return an espeak-ng language code as people write it: `en-gb-x-rp` gives `en-GB-x-rp`."""
    language, *rest = code.split("-")
    if rest and len(rest[0]) == 2:  # noqa: PLR2004 - a region has two letters
        rest[0] = rest[0].upper()
    return "-".join([language.lower(), *rest])


def _dictionaries(voice: EspeakVoice, data: Path) -> set[str]:
    families = {language_family(code) for code, _ in voice.languages}
    file = data / "lang" / voice.identifier
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    return families | {line.split()[1] for line in lines if line.startswith("dictionary ")}


def _free_name(voice: EspeakVoice, taken: Mapping[str, object]) -> str:
    code = voice.languages[0][0].lower()
    language, _, region = code.partition("-")
    name = PREFIX + (language if region == language else code)
    return PREFIX + voice.identifier.rsplit("/", 1)[-1].lower() if name in taken else name


def _rank(voice: EspeakVoice) -> int:
    main = voice.languages[0][0]
    family = language_family(main)
    ranks = dict(voice.languages)
    return ranks.get(family, _UNRANKED + ranks[main])


def _voice(name: str, code: str, voice: EspeakVoice, version: str) -> Voice:
    fingerprint = f"espeak-ng {version} {voice.identifier}"
    return Voice(name, "", language_tag(code), SAMPLE_RATE, licence=LICENCE, fingerprint=fingerprint)


def _further_languages(listed: Iterable[EspeakVoice], families: set[str]) -> Iterator[tuple[EspeakVoice, str]]:
    for voice in listed:
        for code, _ in voice.languages[1:]:
            if code not in families and "-" not in code:
                yield voice, code
