"""A VITS network as it is published on the hub, run by transformers: a folder with its vocabulary and its weights.

Meant for a worker: transformers and torch are imported when a network is loaded, never by this module.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portevoix.errors import (
    CannotSay,
    EngineUnavailable,
    InvalidParameter,
    ModelBroken,
    ModelMissing,
    ModelUnsupported,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from portevoix.rooms.narration import Passage, Setting
    from portevoix.speech import Voice

FILES = ("config.json", "vocab.json", "tokenizer_config.json")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")

LEAST_SHARE = 0.5
"""Share of a text's letters that a vocabulary must have; below it the text is in another script."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_LETTER = re.compile(r"[^\W\d_]")


def look_at(folder: Path) -> ModelMissing | None:
    """Return what a folder lacks of a network, by a cheap look, or None."""
    lacking = [name for name in FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in WEIGHTS):
        lacking.append(WEIGHTS[0])
    if not lacking:
        return None
    return ModelMissing(f"the model {folder.name} is not whole", f"{folder} lacks {', '.join(lacking)}")


def check_kind(folder: Path) -> None:
    """Look whether a folder's configuration is a VITS network's.

    Raises:
        ModelBroken: it cannot be read.
        ModelUnsupported: it is another network's.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelBroken(f"the configuration of {folder.name} cannot be read", f"{error}"[:200]) from error
    if kind != "vits":
        raise ModelUnsupported(f"{folder.name} is no VITS network", f"its configuration says {kind!r:.60}")


@dataclass(frozen=True, slots=True)
class VitsParameters:
    """What one request may set."""

    noise_scale: float = field(
        default=0.667, metadata={"help": "how much the sound varies", "minimum": 0.0, "maximum": 2.0}
    )
    rhythm_noise: float = field(
        default=0.8, metadata={"help": "how much the durations vary", "minimum": 0.0, "maximum": 2.0}
    )


class PublishedVitsNarrator:
    """Narrate with the networks of a folder, each a folder by the name of its voice; the last one used is in memory.

    Attributes:
        sample_rate: that of the network in memory, in Hz.
    """

    def __init__(self, setting: Setting) -> None:
        """Load the voice that is spoken with first; raises as `PublishedVits`."""
        self._setting = setting
        self._name = setting.voice.name
        self._network = PublishedVits(self._folder(self._name), setting.device)
        self.sample_rate = self._network.sample_rate

    def voices(self) -> tuple[Voice, ...]:
        """Return nothing: a folder's name is its voice."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
        """Yield the piece whole: it takes a fraction of its length."""
        network = self._network_of(passage.voice.name)
        if is_cancelled():
            return
        wanted: VitsParameters = passage.parameters
        yield network.say(
            passage.text,
            passage.language,
            speed=passage.speed,
            speaker=speaker_number(passage.speaker, network.speakers),
            noise_scale=wanted.noise_scale,
            rhythm_noise=wanted.rhythm_noise,
        )

    def close(self) -> None:
        """Hold nothing that goes beyond the object's life."""

    def _network_of(self, voice: str) -> PublishedVits:
        if voice != self._name:
            self._network = PublishedVits(self._folder(voice), self._setting.device)
            self._name, self.sample_rate = voice, self._network.sample_rate
        return self._network

    def _folder(self, voice: str) -> Path:
        """Return a voice's folder; the configured one is itself the only voice's."""
        if self._setting.options.model_path:
            return self._setting.folder
        if Path(voice).name != voice:
            raise ModelMissing(f"{voice!r:.60} is no name of a model")
        return self._setting.folder / voice


def speaker_number(speaker: str | int | None, speakers: int) -> int | None:
    """Return a speaker's number, counted from 0.

    Raises:
        InvalidParameter: there is no such speaker.
    """
    if speaker is None:
        return None
    written = str(speaker)
    if not re.fullmatch(r"[0-9]{1,6}", written) or int(written) >= speakers:
        hint = f"It has speakers 0 to {speakers - 1}."
        raise InvalidParameter(f"there is no speaker {speaker!r:.40} in this voice", hint=hint, param="speaker")
    return int(written)


class PublishedVits:
    """Speak with one network; one thread at a time.

    Attributes:
        sample_rate: Hz.
        speakers: how many it has.
    """

    def __init__(self, folder: Path, device: str) -> None:
        """Load the network in `folder` onto `device`.

        Raises:
            ModelError: a file is missing, or it is no VITS network.
            EngineUnavailable: a package that its tokenizer needs is missing.
        """
        check_kind(folder)
        if (fault := look_at(folder)) is not None:
            raise fault
        from transformers import VitsModel, VitsTokenizer

        self._tokenizer: Any = VitsTokenizer.from_pretrained(str(folder), local_files_only=True)
        self._model: Any = _strictly(VitsModel, folder).to(device).eval()
        self._device = device
        self.sample_rate = int(self._model.config.sampling_rate)
        self.speakers = int(self._model.config.num_speakers)
        if self._tokenizer.phonemize:
            _point_phonemizer_to_espeak()
        elif self._tokenizer.is_uroman:
            _need_uroman()

    def say(
        self, text: str, language: str, *, speed: float, speaker: int | None, noise_scale: float, rhythm_noise: float
    ) -> NDArray[np.float32]:  # fmt: skip
        """Return a text's samples, shape (n,).

        Args:
            text: a sentence.
            language: its language, to spell numbers out.
            speed: factor of the voice's own pace.
            speaker: number of a speaker, or None for the first.
            noise_scale: how much the sound varies, 0 to 2.
            rhythm_noise: how much the durations vary, 0 to 2.

        Raises:
            CannotSay: the vocabulary has too few of the text's letters.
        """
        import torch

        tokens = self._tokens(text, language)
        self._model.noise_scale, self._model.noise_scale_duration = noise_scale, rhythm_noise
        chosen = None if self.speakers < 2 else speaker or 0  # noqa: PLR2004 - one speaker has no number
        with torch.inference_mode():
            said = self._model(**tokens, speaker_id=chosen, speaking_rate=speed)
        samples: NDArray[np.float32] = said.waveform[0].float().cpu().numpy()
        return samples

    def _tokens(self, text: str, language: str) -> Any:
        if not self._tokenizer.phonemize:
            text = spelled_out(text, language)
        said, _ = self._tokenizer.prepare_for_tokenization(text)
        known = set(self._tokenizer.get_vocab())
        if not any(sign in known and not sign.isspace() for sign in said):
            raise CannotSay("the voice has no sounds for this text", "none of its characters is in the vocabulary")
        if not (self._tokenizer.phonemize or self._tokenizer.is_uroman):
            self._check_letters(text, known)
        return self._tokenizer(text=text, return_tensors="pt").to(self._device)

    def _check_letters(self, text: str, known: set[str]) -> None:
        letters = _LETTER.findall(text)
        share = sum(letter in known or letter.lower() in known for letter in letters) / max(1, len(letters))
        if share < LEAST_SHARE:
            raise CannotSay("the voice has no sounds for this text",
                            f"its vocabulary has {share:.0%} of the letters")  # fmt: skip


def spelled_out(text: str, language: str) -> str:
    """Return a text with its numbers in words.

    Raises:
        CannotSay: there are numbers, and nobody knows how they are said in the language.
    """
    if not _NUMBER.search(text):
        return text
    from num2words import num2words

    def words(number: re.Match[str]) -> str:
        written = number[0].replace(",", ".")
        try:
            said = num2words(float(written) if "." in written else int(written), lang=language)
        except (NotImplementedError, OverflowError, ValueError, IndexError) as error:
            why = f"nobody here knows how numbers are said in {language}"
            raise CannotSay("the numbers of this text cannot be spoken", why) from error
        return f" {said} "

    return _NUMBER.sub(words, text)


def _strictly(kind: Any, folder: Path) -> Any:
    """Load weights; those that are missing or of other shapes are an error, not made up."""
    model, report = kind.from_pretrained(str(folder), local_files_only=True, output_loading_info=True)
    lacking = sorted(report["missing_keys"]) + sorted(str(key) for key in report.get("mismatched_keys", ()))
    if lacking:
        raise ModelBroken(f"the model {folder.name} is not whole", f"it lacks {len(lacking)} weights, as {lacking[0]}")
    return model


def _point_phonemizer_to_espeak() -> None:
    try:
        import espeakng_loader
        from phonemizer.backend.espeak.wrapper import EspeakWrapper
    except ImportError as error:
        raise EngineUnavailable("the voice's phonemizer is not installed", str(error),
                                "Run `portevoix engines install vits`.") from error  # fmt: skip
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())


def _need_uroman() -> None:
    try:
        import uroman  # noqa: F401 - transformers imports it itself
    except ImportError as error:
        raise EngineUnavailable("the voice needs its text in Latin letters", "the package uroman is not installed",
                                "Run `portevoix engines install mms`.") from error  # fmt: skip
