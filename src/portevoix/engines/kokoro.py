"""Kokoro: 82 million parameters, quick on a processor, dozens of voices, no cloning."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.dsp.stretch import Stretcher
from portevoix.errors import CannotSay, ModelBroken, ModelUnsupported, VoiceNotFound
from portevoix.rooms.housed import Housed, HousedOptions
from portevoix.speech import Voice, language_family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portevoix.rooms.narration import Passage, Samples, Setting

NETWORK = "kokoro-v1.0.onnx"
VOICES = "voices-v1.0.bin"
BEST = ("ff_siwis", "af_heart", "bf_emma", "ef_dora", "if_sara", "pf_dora", "hf_alpha")

REGIONS = {"a": "en-US", "b": "en-GB", "e": "es-ES", "f": "fr-FR", "h": "hi-IN", "i": "it-IT", "p": "pt-BR"}
"""What the first letter of a voice's name says. Japanese (j) and Chinese (z) need more than espeak-ng knows."""

ESPEAK = {"en-US": "en-us", "en-GB": "en-gb", "es-ES": "es", "fr-FR": "fr-fr", "hi-IN": "hi", "it-IT": "it",
          "pt-BR": "pt-br"}  # fmt: skip
INPUTS = frozenset({"style", "speed"})
SLOWEST, FASTEST = 0.5, 2.0
"""What the network takes; beyond it the audio is stretched."""


class KokoroNarrator:
    """Speak with one Kokoro network."""

    sample_rate = 24_000

    def __init__(self, setting: Setting) -> None:
        from kokoro_onnx import Kokoro as Network

        self._network = Network(str(setting.folder / NETWORK), str(setting.folder / VOICES))
        lacking = INPUTS - {item.name for item in self._network.sess.get_inputs()}
        if lacking:
            raise ModelUnsupported(f"{NETWORK} is no Kokoro network", f"it has no input {', '.join(sorted(lacking))}")

    def voices(self) -> tuple[()]:
        """Return nothing: the engine sees the voices on disk."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece, part by part where it has more phonemes than the network takes at once.

        Raises:
            CannotSay: the text has no sounds for the network.
        """
        voice = passage.voice
        if voice.name not in self._network.voices:
            raise VoiceNotFound(
                f"kokoro has no voice {voice.name!r:.60}", hint="Run `portevoix voices`.", param="voice"
            )
        tokenizer, own_speed = self._network.tokenizer, min(max(passage.speed, SLOWEST), FASTEST)
        phonemes = " ".join(tokenizer.phonemize(passage.text, _espeak_language(voice)).split())
        stretcher = Stretcher(self.sample_rate, passage.speed / own_speed)
        parts = [part for part in self._parts(phonemes) if tokenizer.tokenize(part)]
        if not parts:
            raise CannotSay("kokoro has no sounds for this text")
        for part in parts:
            if is_cancelled():
                return
            samples, _ = self._network.create(part, voice.name, own_speed, is_phonemes=True)
            yield stretcher.push(samples)
        yield stretcher.flush()

    def close(self) -> None:
        """Hold nothing that goes beyond the object's life."""

    def _parts(self, phonemes: str) -> list[str]:
        from kokoro_onnx.chunker import split_phonemes
        from kokoro_onnx.config import MAX_PHONEME_LENGTH

        return list(split_phonemes(phonemes, MAX_PHONEME_LENGTH))


class Kokoro(Housed):
    """Speak with Kokoro."""

    name: ClassVar[str] = "kokoro"
    summary: ClassVar[str] = "Kokoro: small and quick on a processor, 54 voices, one of them French"
    Options: ClassVar[type[Any]] = HousedOptions
    Narrator: ClassVar[type[Any]] = KokoroNarrator
    priority: ClassVar[int] = 41
    target_latency_ms: ClassVar[float] = 2000.0
    model: ClassVar[str] = "kokoro"
    files: ClassVar[tuple[str, ...]] = (NETWORK, VOICES)
    environment: ClassVar[str] = "kokoro"
    packages: ClassVar[tuple[str, ...]] = ("kokoro_onnx",)
    languages: ClassVar[tuple[str, ...]] = ("fr", "en", "es", "it", "pt", "hi")
    licence: ClassVar[str] = "Apache-2.0"
    changes_speed: ClassVar[bool] = True
    most_characters: ClassVar[dict[str, int]] = {"": 200}
    cancel_seconds: ClassVar[float] = 10.0
    runs_on_torch: ClassVar[bool] = False

    def listed(self) -> tuple[Voice, ...]:
        """Return the voices in the model's archive whose language can be spoken, the best of each language first."""
        names = [name for name in voice_names(self.folder / VOICES) if name[:1] in REGIONS]
        ranked = sorted(names or BEST, key=lambda name: (name not in BEST, names.index(name) if names else 0))
        return tuple(self._own(name) for name in ranked)

    def check(self) -> None:
        """Look whether there is a voice at all.

        Raises:
            ModelBroken: the archive of voices is damaged or empty.
        """
        if not voice_names(self.folder / VOICES):
            raise ModelBroken(f"{VOICES} of {self.folder.name} is damaged", "it is no archive of voices")

    def _own(self, name: str) -> Voice:
        region = REGIONS[name[0]]
        return replace(self.voice(name, languages=(language_family(region),)), language=region)


def voice_names(archive: Path) -> list[str]:
    """Return the names of the voices in an archive as numpy writes them; none when it is none."""
    try:
        with zipfile.ZipFile(archive) as file:
            return sorted(name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy"))
    except (OSError, zipfile.BadZipFile):
        return []


def _espeak_language(voice: Voice) -> str:
    return ESPEAK[voice.language if voice.language in ESPEAK else REGIONS[voice.name[0]]]
