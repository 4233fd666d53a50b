"""MMS: Meta's speech models for more than a thousand languages, one small VITS network for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from portevoix.errors import EngineError
from portevoix.rooms.families import HousedFamily
from portevoix.rooms.housed import HousedOptions
from portevoix.rooms.weights import check_folder
from portevoix.vits.published import PublishedVitsNarrator, VitsParameters, check_kind, look_at

PREFIX = "mms-tts-"

_PAIRS = """
    fra:fr eng:en deu:de spa:es por:pt nld:nl pol:pl ron:ro rus:ru ukr:uk bul:bg hun:hu fin:fi swe:sv ell:el tur:tr
    kaz:kk uzb:uz tat:tt ara:ar heb:he fas:fa pes:fa hin:hi ben:bn guj:gu pan:pa mar:mr tam:ta tel:te kan:kn mal:ml
    urd:ur nep:ne sin:si mya:my tha:th lao:lo khm:km vie:vi ind:id zlm:ms msa:ms jav:jv sun:su tgl:tl kor:ko mon:mn
    swh:sw swa:sw hau:ha yor:yo ibo:ig amh:am som:so kin:rw lug:lg ewe:ee mlg:mg sna:sn aka:ak orm:om tir:ti
    isl:is cat:ca eus:eu glg:gl cym:cy gle:ga lav:lv lit:lt est:et ces:cs slk:sk slv:sl hrv:hr srp:sr mkd:mk sqi:sq
    ita:it dan:da nob:no nor:no jpn:ja zho:zh cmn:zh hye:hy kat:ka aze:az azj:az bel:be kir:ky tgk:tg tuk:tk
    uig:ug asm:as ory:or ori:or san:sa bod:bo epo:eo lat:la grn:gn quz:qu aym:ay hat:ht que:qu
"""
TWO_LETTERS = dict(pair.split(":") for pair in _PAIRS.split())
"""ISO 639-3, which models are named by, and the shorter tag that people use; others go by their three letters."""


class Mms(HousedFamily):
    """Speak with the models in folders such as `mms-tts-fra`, each of them for one language."""

    name: ClassVar[str] = "mms"
    summary: ClassVar[str] = "MMS: over a thousand languages, a small model for each, quick on a CPU"
    Options: ClassVar[type[Any]] = HousedOptions
    Parameters: ClassVar[type[Any]] = VitsParameters
    Narrator: ClassVar[type[Any]] = PublishedVitsNarrator
    priority: ClassVar[int] = 58
    target_latency_ms: ClassVar[float] = 1500.0
    pattern: ClassVar[str] = f"{PREFIX}*"
    known: ClassVar[tuple[str, ...]] = tuple(PREFIX + code for code in ("fra", "eng", "deu", "spa", "por", "nld"))
    model: ClassVar[str] = f"{PREFIX}fra"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")
    licence: ClassVar[str] = "CC-BY-NC-4.0"
    changes_speed: ClassVar[bool] = True

    def languages_in(self, name: str) -> tuple[str, ...]:
        """Return the language that a model's name tells: `mms-tts-fra` is French, `mms-tts-uzb-script_latin` Uzbek."""
        if not name.startswith(PREFIX):
            return ()
        code = name.removeprefix(PREFIX).partition("-")[0]
        return (TWO_LETTERS.get(code, code),) if code else ()

    def folder_fault(self, folder: Path) -> EngineError | None:
        """Return which of a model's files are missing."""
        return look_at(folder)

    def check(self) -> None:
        """Look at the first model's configuration and weights; raises as `check_kind` and `check_folder`."""
        check_kind(self.first_folder())
        check_folder(self.first_folder())
