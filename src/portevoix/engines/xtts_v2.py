"""XTTS v2 by Coqui: 17 languages, cloning from a few seconds, streaming; its licence forbids commercial use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.engine import Delivery
from portevoix.errors import CannotClone, CannotSay, EngineFailed, ModelUnsupported, VoiceNotFound
from portevoix.rooms.housed import Housed, HousedOptions
from portevoix.rooms.models import fingerprint_of, read_config
from portevoix.rooms.preparations import Preparations
from portevoix.rooms.recordings import read_recording
from portevoix.rooms.stopping import stop_when
from portevoix.rooms.weights import check_archive
from portevoix.speech import Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from portevoix.rooms.narration import Passage, Samples, Setting
    from portevoix.speech import Reference

LANGUAGES = ("fr", "en", "de", "es", "it", "pt", "pl", "nl", "cs", "hu", "ru", "tr", "ar", "zh", "ja", "ko", "hi")
MOST_CHARACTERS = {
    "": 200, "en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "zh": 82, "ar": 166,
    "cs": 186, "ru": 182, "nl": 251, "tr": 226, "ja": 71, "hu": 224, "ko": 95, "hi": 150,
}  # fmt: skip
"""What the network was trained on; longer texts lose their ends."""

CONDITION_SECONDS = 30
CONDITION_PART_SECONDS = 6
LEAST_SECONDS = 0.33
WEIGHTS = "model.pth"
SPEAKERS = "speakers_xtts.pth"
OLD_LAYOUT = b"\x80\x02"
"""How a file begins that PyTorch saved before it made archives."""


@dataclass(frozen=True, slots=True)
class XttsOptions(HousedOptions):
    """Say how XTTS v2 runs."""

    stream_tokens: int = field(
        default=20, metadata={"help": "sound tokens in a chunk, about 46 ms each", "minimum": 5, "maximum": 200}
    )


@dataclass(frozen=True, slots=True)
class XttsParameters:
    """What one request may set."""

    temperature: float = field(default=0.75, metadata={"help": "how freely it speaks", "minimum": 0.05, "maximum": 2.0})
    repetition_penalty: float = field(
        default=10.0, metadata={"help": "how much it avoids repeating itself", "minimum": 1.0, "maximum": 50.0}
    )
    top_k: int = field(default=50, metadata={"help": "sound tokens to choose from", "minimum": 1, "maximum": 1000})
    top_p: float = field(
        default=0.85, metadata={"help": "probability of the tokens to choose from", "minimum": 0.05, "maximum": 1.0}
    )


class XttsNarrator:
    """Speak with one XTTS network."""

    def __init__(self, setting: Setting) -> None:
        from TTS.tts.configs.xtts_config import XttsConfig

        check_config(setting.folder)
        config = XttsConfig()
        config.load_json(str(setting.folder / "config.json"))
        self._model = _model_class()(config)
        self._model.load_checkpoint(config, checkpoint_dir=str(setting.folder), eval=True)
        self._model.to(setting.device)
        self._stream_tokens = setting.options.stream_tokens
        self._prepared = Preparations(setting.cache_folder, fingerprint_of(setting.folder), ".pt")
        self.sample_rate = int(config.audio.output_sample_rate)
        most_tokens = int(self._model.gpt.max_gen_mel_tokens)
        self._most_seconds = most_tokens * config.model_args.gpt_code_stride_len / config.audio.sample_rate

    def voices(self) -> tuple[Voice, ...]:
        """Return the speakers that come with the model."""
        return tuple(
            Voice(name, Xtts.name, LANGUAGES[0], self.sample_rate, licence=Xtts.licence, languages=LANGUAGES,
                  can_clone=True)
            for name in self._speakers()
        )  # fmt: skip

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece as it is generated, about a second at a time."""
        wanted: XttsParameters = passage.parameters
        condition, speaker = self._manner(passage)
        seconds = 0.0
        chunks = self._model.inference_stream(
            passage.text,
            "zh-cn" if passage.language == "zh" else passage.language,
            condition,
            speaker,
            stream_chunk_size=self._stream_tokens,
            temperature=wanted.temperature,
            repetition_penalty=wanted.repetition_penalty,
            top_k=wanted.top_k,
            top_p=wanted.top_p,
            speed=passage.speed,
            stopping_criteria=stop_when(is_cancelled),
        )
        for chunk in _spoken(chunks):
            samples = chunk.detach().float().cpu().numpy().reshape(-1)
            seconds += len(samples) / self.sample_rate * passage.speed
            yield samples
        if seconds >= self._most_seconds - 0.1 and not is_cancelled():
            raise EngineFailed("xtts_v2 ran away", f"it did not come to an end within {self._most_seconds:.0f} s")

    def close(self) -> None:
        """Hold nothing that goes beyond the object's life."""

    def _speakers(self) -> dict[str, Any]:
        manager = self._model.speaker_manager
        return manager.speakers if manager is not None else {}

    def _manner(self, passage: Passage) -> tuple[Any, Any]:
        """Return what the network is told about the voice: of the recording, of the speaker, or of the first one."""
        if passage.reference is not None:
            return self._cloned(passage.reference)
        speakers = self._speakers()
        if not speakers:
            raise CannotSay("xtts_v2 has no voice of its own here", f"the model lacks {SPEAKERS}",
                            "Give it a recording to speak like, or fetch the model again.")  # fmt: skip
        name = passage.voice.name if passage.voice.name != Xtts.name else next(iter(speakers))
        if name not in speakers:
            raise VoiceNotFound(f"xtts_v2 has no voice {name!r:.60}", hint="Run `portevoix voices`.", param="voice")
        speaker = speakers[name]
        return speaker["gpt_cond_latent"], speaker["speaker_embedding"]

    def _cloned(self, reference: Reference) -> tuple[Any, Any]:
        import torch

        def read(path: Path) -> tuple[Any, Any]:
            kept = torch.load(path, map_location="cpu", weights_only=True)
            return kept["gpt_cond_latent"], kept["speaker_embedding"]

        return self._prepared.read(reference.digest, lambda path: self._prepare(reference, path), read)

    def _prepare(self, reference: Reference, path: Path) -> None:
        import torch

        samples, rate = read_recording(reference.path)
        if len(samples) < LEAST_SECONDS * rate:
            raise CannotClone("xtts_v2 cannot clone this voice", f"the recording is under {LEAST_SECONDS} s long",
                              "Give it 6 to 30 seconds of speech.")  # fmt: skip
        wav = torch.from_numpy(samples)[None, : CONDITION_SECONDS * rate]
        condition = self._model.get_gpt_cond_latents(wav, rate, CONDITION_SECONDS, CONDITION_PART_SECONDS)
        speaker = self._model.get_speaker_embedding(wav, rate)
        torch.save({"gpt_cond_latent": condition.cpu(), "speaker_embedding": speaker.cpu()}, path)


class Xtts(Housed):
    """Speak with XTTS v2."""

    name: ClassVar[str] = "xtts_v2"
    summary: ClassVar[str] = "XTTS v2: 17 languages, clones a voice from six seconds, streams; not for commercial use"
    Options: ClassVar[type[Any]] = XttsOptions
    Parameters: ClassVar[type[Any]] = XttsParameters
    Narrator: ClassVar[type[Any]] = XttsNarrator
    priority: ClassVar[int] = 46
    target_latency_ms: ClassVar[float] = 3000.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    model: ClassVar[str] = "xtts_v2"
    files: ClassVar[tuple[str, ...]] = ("config.json", "vocab.json", WEIGHTS)
    packages: ClassVar[tuple[str, ...]] = ("torch", "torchaudio", "TTS")
    languages: ClassVar[tuple[str, ...]] = LANGUAGES
    can_clone: ClassVar[bool] = True
    licence: ClassVar[str] = "CPML (non-commercial)"
    asks_consent: ClassVar[bool] = True
    changes_speed: ClassVar[bool] = True
    most_characters: ClassVar[dict[str, int]] = MOST_CHARACTERS

    def check(self) -> None:
        """Look at the configuration and the weights.

        Raises:
            ModelBroken: one of them is damaged.
            ModelUnsupported: it is another network's.
        """
        check_config(self.folder)
        with (self.folder / WEIGHTS).open("rb") as file:
            is_old = file.read(len(OLD_LAYOUT)) == OLD_LAYOUT
        if not is_old:
            check_archive(self.folder / WEIGHTS)


def check_config(folder: Path) -> None:
    """Look whether a folder's configuration is of XTTS v2.

    Raises:
        ModelBroken: it cannot be read.
        ModelUnsupported: it is of another network.
    """
    config = read_config(folder / "config.json")
    if config.get("model") != "xtts":
        why = f"its configuration says {config.get('model')!r:.60}"
        raise ModelUnsupported(f"{folder.name} is no XTTS network", why)


def _model_class() -> Any:
    """Return Coqui's class, which would write over a published `model.pth` in an old layout while it reads it."""
    import torch
    from TTS.tts.models.xtts import Xtts as CoquiXtts
    from TTS.tts.models.xtts import _legacy_safe_globals

    class ReadOnlyXtts(CoquiXtts):  # type: ignore[misc]
        """Read a checkpoint in either layout, and leave it as it is."""

        def _load_checkpoint(self, model_path: Path) -> Any:
            with _legacy_safe_globals():
                try:
                    return torch.load(model_path, map_location="cpu", weights_only=True, mmap=True)["model"]
                except RuntimeError:  # a layout from before archives, which cannot be mapped, or a broken file
                    return torch.load(model_path, map_location="cpu", weights_only=True)["model"]

    return ReadOnlyXtts


def _spoken(chunks: Iterator[Any]) -> Iterator[Any]:
    """Yield chunks, and say in words what the tokeniser lacks for a language."""
    try:
        yield from chunks
    except ImportError as error:
        raise CannotSay("xtts_v2 lacks a package for this language", str(error),
                        "Run `portevoix engines install xtts_v2`.") from error  # fmt: skip
