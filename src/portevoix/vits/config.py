"""What stands in a voice's `.onnx.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from portevoix.errors import ModelBroken, ModelMissing

if TYPE_CHECKING:
    from pathlib import Path

BREAKS = ",;:.!?"
LEAST_HZ, MOST_HZ = 1000, 384_000
MOST_IDS = 100_000
MOST_NOISE = 10
FETCH_AGAIN = "Fetch the voice again, its .onnx.json included."


@dataclass(frozen=True)
class VoiceConfig:
    """A voice's own settings.

    Attributes:
        sample_rate: Hz.
        espeak_voice: the espeak-ng voice that makes its phonemes.
        phoneme_ids: the ids of each phoneme.
        id_count: how many ids the network knows; each is below it.
        speaker_count: how many speakers it has, at least 1.
        speakers: numbers by name; empty for a voice with one speaker.
        default_speaker: who speaks when nobody is named.
        noise_scale: how much the sound varies unless asked otherwise.
        length_scale: how slowly it speaks unless asked otherwise.
        noise_w_scale: how much its durations vary unless asked otherwise.
    """

    sample_rate: int
    espeak_voice: str
    phoneme_ids: Mapping[str, tuple[int, ...]]
    id_count: int
    speaker_count: int = 1
    speakers: Mapping[str, int] = field(default_factory=dict)
    default_speaker: int = 0
    noise_scale: float = 0.667
    length_scale: float = 1.0
    noise_w_scale: float = 0.8

    @property
    def break_ids(self) -> frozenset[int]:
        """The ids of the punctuation at which speech pauses."""
        return frozenset(number for mark in BREAKS for number in self.phoneme_ids.get(mark, ()))


def read_config(path: Path) -> VoiceConfig:
    """Read a voice's configuration.

    Raises:
        ModelMissing: there is no such file.
        ModelBroken: it is no JSON, or a key is missing or of the wrong type; the error names it.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelMissing(
            f"the voice has no configuration {path.name}", "the file is not there", FETCH_AGAIN
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(path, str(error)) from error
    return _Keys(path, values).config()


class _Keys:
    """Take typed values out of nested JSON, naming what is wrong."""

    def __init__(self, path: Path, values: Any) -> None:
        self._path = path
        self._values = values

    def config(self) -> VoiceConfig:
        speaker_count = int(self._number("num_speakers", least=1, most=MOST_IDS, default=1))
        return VoiceConfig(
            sample_rate=int(self._number("audio.sample_rate", least=LEAST_HZ, most=MOST_HZ)),
            espeak_voice=str(self._value("espeak.voice", str)),
            phoneme_ids=self._phoneme_ids(),
            id_count=int(self._number("num_symbols", least=1, most=MOST_IDS)),
            speaker_count=speaker_count,
            speakers=self._speakers(),
            default_speaker=int(self._number("default_speaker_id", most=speaker_count - 1, default=0)),
            noise_scale=self._number("inference.noise_scale", most=MOST_NOISE, default=0.667),
            length_scale=self._number("inference.length_scale", least=0.01, most=100, default=1.0),
            noise_w_scale=self._number("inference.noise_w", most=MOST_NOISE, default=0.8),
        )

    def _speakers(self) -> dict[str, int]:
        speakers = dict(self._value("speaker_id_map", Mapping, default={}))
        if not all(type(number) is int for number in speakers.values()):
            raise _broken(self._path, "speaker_id_map does not map names to numbers")
        return speakers

    def _phoneme_ids(self) -> dict[str, tuple[int, ...]]:
        entries = self._value("phoneme_id_map", Mapping)
        try:
            ids = {phoneme: tuple(int(number) for number in numbers) for phoneme, numbers in entries.items()}
        except (TypeError, ValueError, OverflowError) as error:
            raise _broken(self._path, "phoneme_id_map does not map phonemes to lists of numbers") from error
        if min((number for numbers in ids.values() for number in numbers), default=-1) < 0:
            raise _broken(self._path, "phoneme_id_map has no ids, or some below 0")
        return ids

    def _number(self, key: str, *, least: float = 0, most: float, default: float | None = None) -> float:
        value = self._value(key, int | float, default=default)
        if isinstance(value, bool) or not least <= value <= most:
            raise _broken(self._path, f"{key} is {value}, not a number from {least} to {most}")
        return float(value)

    def _value(self, key: str, kind: Any, default: Any = None) -> Any:
        value = self._values
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            value = default
        if value is None:
            raise _broken(self._path, f"it has no {key}")
        if not isinstance(value, kind):
            raise _broken(self._path, f"{key} is of the wrong type")
        return value


def _broken(path: Path, why: str) -> ModelBroken:
    return ModelBroken(f"the voice's configuration {path.name} cannot be used", why, FETCH_AGAIN)
