"""From text to a Piper voice's phoneme ids, exactly as piper-tts makes them.

Of piper-tts it imports neither numpy nor onnxruntime, except for a voice whose language takes a network to be read.
espeak-ng is C that now and then writes beyond its memory: it belongs into a process of its own.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec
from typing import Any

from portevoix.errors import EngineFailed, EngineUnavailable, ModelBroken

Sounds = tuple[tuple[str, int], ...]
"""Phonemes, each with the number of its sentence's ids up to its end."""

WORD_BREAKS = frozenset(" ")
MARKS_OF_SENTENCES = frozenset(',.;:!?…—"()«»¿¡')

MOST_INNER_DOTS = 20
"""Dots that end no sentence, in one text. espeak-ng writes beyond its memory where a hundred bytes of single letters
have dots between them, as in "a.a.a.a…" or "a . a . a…", and takes its process with it."""

_INNER_DOT = re.compile(r"\.(?=\S)|(?<![^\s.])\.")
_BLOCK = re.compile(r"(\[\[.*?\]\])")
_BLOCK_BEGINS = "[["


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
    sounds: Sounds = ()


class Espeak:
    """Hold espeak-ng, of which a process has one, for one thread at a time."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            EngineUnavailable: piper-tts or what it needs cannot be loaded, perhaps for want of memory.
        """
        try:
            _open_piper()
            from piper.phonemize_espeak import EspeakPhonemizer

            self._espeak = EspeakPhonemizer()
        except (ImportError, RuntimeError, MemoryError) as error:
            raise EngineUnavailable("Piper voices cannot speak here", str(error), "Run `portevoix doctor`.") from error

    def phonemes(self, voice: str, text: str, clusters: set[tuple[str, ...]] | None) -> list[list[str]]:
        """Return the phonemes of each sentence; what stands in double brackets are phonemes already."""
        sentences: list[list[str]] = []
        parts = _BLOCK.split(text)
        follows_block = False
        for before, part, after in zip(["", *parts], parts, [*parts[1:], ""], strict=False):
            if part.startswith(_BLOCK_BEGINS):
                sentences = sentences or [[]]
                space_before, space_after = " " * before.endswith(" "), " " * after.startswith(" ")
                sentences[-1] += [*space_before, *part[2:-2].strip(), *space_after]
                follows_block = True
                continue
            said = self._espeak.phonemize(voice, part, vowel_clusters=clusters)
            if follows_block and said:
                sentences[-1] += said.pop(0)
            sentences += said
            follows_block = False
        return sentences


class Phonemizer:
    """Turn text into the phoneme ids of one voice."""

    def __init__(self, config: Mapping[str, Any], espeak: Espeak) -> None:
        """Read what stands in the voice's `.onnx.json`.

        Raises:
            ModelBroken: it lacks a key, or names an unknown kind of phonemes.
        """
        from piper.config import PiperConfig

        try:
            self._config = PiperConfig.from_dict(dict(config))
            self._map: dict[str, Sequence[int]] = dict(self._config.phoneme_id_map)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelBroken("the voice's configuration is not one of Piper's", f"{type(error).__name__}: {error}",
                              "Fetch the voice again.") from error  # fmt: skip
        self._espeak = espeak
        self._stock: Any = None

    def sentences(self, text: str) -> tuple[PhonemeSentence, ...]:
        """Return the sentences that espeak finds in `text`; none when nothing in it has a sound.

        Raises:
            EngineFailed: the phonemizer for this kind of voice is not installed, or refuses the text.
        """
        try:
            groups = self._phonemes(_without_rows_of_dots(text))
            return tuple(self._sentence(phonemes) for phonemes in groups if phonemes)
        except (RuntimeError, ImportError, ValueError) as error:
            raise EngineFailed("the text has no phonemes", f"{type(error).__name__}: {error}") from error

    def length(self, word: str) -> int:
        """Return the number of phonemes of a word that stands alone, at least 1; errors as in `sentences`."""
        return max(1, sum(sum(one.word_lengths) for one in self.sentences(word)))

    def _phonemes(self, text: str) -> list[list[str]]:
        config = self._config
        if config.phoneme_type == "text":
            return [list(unicodedata.normalize("NFD", text))]
        if config.phoneme_type == "espeak" and config.espeak_voice != "ar":
            return self._espeak.phonemes(config.espeak_voice, text, config.vowel_clusters)
        phonemes: list[list[str]] = self._whole_piper().phonemize(text)
        return phonemes

    def _ids(self, phonemes: list[str]) -> list[int]:
        if self._config.phoneme_type == "pinyin":
            return list(self._whole_piper().phonemes_to_ids(phonemes))
        from piper.phoneme_ids import phonemes_to_ids

        return list(phonemes_to_ids(phonemes, self._config.phoneme_id_map))

    def _whole_piper(self) -> Any:
        """Return piper-tts' own voice, for languages that it reads with networks and dictionaries."""
        if self._stock is None:
            from piper.voice import PiperVoice

            self._stock = PiperVoice(session=None, config=self._config)
        return self._stock

    def _sentence(self, phonemes: list[str]) -> PhonemeSentence:
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
        return PhonemeSentence(tuple(self._ids(phonemes)), tuple(ends), tuple(lengths[:-1]), tuple(sounds))


def needs_networks(config: Mapping[str, Any]) -> bool:
    """Tell whether piper-tts reads the language of this configuration with networks and dictionaries of its own."""
    espeak = config.get("espeak")
    is_arabic = isinstance(espeak, Mapping) and espeak.get("voice") == "ar"
    return is_arabic or config.get("phoneme_type", "espeak") not in ("espeak", "text")


def _open_piper() -> None:
    """Make piper-tts' modules importable without its `__init__`, which imports numpy and onnxruntime."""
    if "piper" not in sys.modules:
        spec = find_spec("piper")
        if spec is None:
            raise ImportError("piper-tts is not installed")
        sys.modules["piper"] = module_from_spec(spec)


def _without_rows_of_dots(text: str) -> str:
    """Return what espeak reads alike, and outlives: letters apart in place of those with dots between them."""
    return _INNER_DOT.sub(" ", text) if len(_INNER_DOT.findall(text)) > MOST_INNER_DOTS else text
