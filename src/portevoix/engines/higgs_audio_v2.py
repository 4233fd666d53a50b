"""Higgs Audio V2 by Boson AI: expressive speech and cloning on a large GPU, through transformers' own class."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.errors import EngineError, EngineFailed, ModelBroken, ModelMissing, ModelUnsupported
from portevoix.rooms.housed import Housed, HousedOptions
from portevoix.rooms.models import fingerprint_of, read_config
from portevoix.rooms.preparations import Preparations
from portevoix.rooms.recordings import read_recording
from portevoix.rooms.stopping import stop_when
from portevoix.rooms.weights import check_folder
from portevoix.speech import Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portevoix.rooms.narration import Passage, Samples, Setting

CODEC = "higgs_audio_v2_tokenizer"
"""Name of the model that turns sound into tokens and back, and of its folder beside the other one's."""

PROCESSOR = "processor_config.json"
SYSTEM = "Generate audio following instruction."
SCENE = "Audio is recorded from a quiet room."
MOST_SECONDS = 60.0
REFERENCE_SECONDS = 30
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, slots=True)
class HiggsOptions(HousedOptions):
    """Say how Higgs Audio V2 runs."""

    codec_path: str | None = field(
        default=None, metadata={"help": "folder of its audio tokenizer, where it is not beside the model's"}
    )


@dataclass(frozen=True, slots=True)
class HiggsParameters:
    """What one request may set."""

    temperature: float = field(default=0.7, metadata={"help": "how freely it speaks", "minimum": 0.05, "maximum": 2.0})
    top_k: int = field(default=50, metadata={"help": "sound tokens to choose from", "minimum": 1, "maximum": 1000})
    top_p: float = field(
        default=0.95, metadata={"help": "probability of the tokens to choose from", "minimum": 0.05, "maximum": 1.0}
    )
    instructions: str = field(default="", metadata={"help": "the scene, and how to speak in it"})


class HiggsNarrator:
    """Speak with one Higgs network and its codec."""

    def __init__(self, setting: Setting) -> None:
        from transformers import AutoProcessor, HiggsAudioV2ForConditionalGeneration

        check_configs(setting.folder, codec_folder(setting.folder, setting.options.codec_path))
        codec = codec_folder(setting.folder, setting.options.codec_path)
        with _pointed_at(setting.folder, codec) as folder:
            self._processor = AutoProcessor.from_pretrained(str(folder), local_files_only=True)
        self._codec = self._processor.audio_tokenizer.to(setting.device).eval()
        self._model = HiggsAudioV2ForConditionalGeneration.from_pretrained(
            str(setting.folder), local_files_only=True, dtype="auto"
        )
        self._model.to(setting.device).eval()
        self._prepared = Preparations(setting.cache_folder, fingerprint_of(codec), ".pt")
        self._codebooks = int(self._model.config.num_codebooks)
        self._frames_per_second = float(self._codec.config.frame_rate)
        self.sample_rate = int(self._codec.config.sample_rate)

    def voices(self) -> tuple[Voice, ...]:
        """Return nothing: it makes up a voice, or takes on a recording's."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield the piece whole; the generation ends at the next token when it is cancelled."""
        import torch

        seconds = min(passage.limit_seconds, MOST_SECONDS)
        most_frames = math.ceil(seconds * self._frames_per_second) + self._codebooks
        wanted: HiggsParameters = passage.parameters
        with torch.inference_mode():
            heard = self._model.generate(
                **self._inputs(passage),
                max_new_tokens=most_frames,
                do_sample=True,
                temperature=wanted.temperature,
                top_k=wanted.top_k,
                top_p=wanted.top_p,
                stopping_criteria=stop_when(is_cancelled),
            )
            if is_cancelled():
                return
            yield self._decoded(heard, seconds)

    def close(self) -> None:
        """Hold nothing that goes beyond the object's life."""

    def _decoded(self, heard: Any, seconds: float) -> Samples:
        """Return the samples of what was generated after the prompt; one that did not end by itself has run away."""
        last = self._model.config.audio_stream_eos_id
        if not bool((heard[0, -1] == last).all()):
            raise EngineFailed("higgs_audio_v2 ran away", f"it did not come to an end within {seconds:.0f} s")
        samples: Samples = self._processor.batch_decode(heard)[0].float().cpu().numpy().reshape(-1)
        return samples

    def _inputs(self, passage: Passage) -> Any:
        scene = passage.parameters.instructions.strip() or SCENE
        turns = [_turn("system", SYSTEM), _turn("scene", scene)]
        if passage.reference is not None:
            recording = self._recording(passage.reference.path)
            self._codec.encode = self._remembering(passage.reference.digest)
            turns += [
                _turn("user", passage.reference.transcript),
                {"role": "assistant", "content": [{"type": "audio", "audio": recording}]},
            ]
        turns.append(_turn("user", passage.text))
        inputs = self._processor.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=True, return_dict=True,
            processor_kwargs={"return_tensors": "pt", "sampling_rate": self.sample_rate},
        )  # fmt: skip
        return inputs.to(self._model.device)

    def _recording(self, path: str) -> Samples:
        import torch
        import torchaudio.functional

        samples, rate = read_recording(path)
        recorded = torch.from_numpy(samples[: REFERENCE_SECONDS * rate])
        resampled: Samples = torchaudio.functional.resample(recorded, rate, self.sample_rate).numpy()
        return resampled

    def _remembering(self, digest: str) -> Callable[..., Any]:
        """Return what the processor calls to encode a recording: it does so once for each recording."""
        import torch

        def make(path: Path, arguments: dict[str, Any]) -> None:
            torch.save(type(self._codec).encode(self._codec, **arguments).audio_codes.cpu(), path)

        def read(path: Path) -> Any:
            return torch.load(path, map_location="cpu", weights_only=True).to(self._codec.device)

        def encode(**arguments: Any) -> Any:
            return SimpleNamespace(audio_codes=self._prepared.read(digest, lambda path: make(path, arguments), read))

        return encode


class HiggsAudio(Housed):
    """Speak with Higgs Audio V2."""

    name: ClassVar[str] = "higgs_audio_v2"
    summary: ClassVar[str] = "Higgs Audio V2: expressive, clones from a recording and its words; needs a large GPU"
    Options: ClassVar[type[Any]] = HiggsOptions
    Parameters: ClassVar[type[Any]] = HiggsParameters
    Narrator: ClassVar[type[Any]] = HiggsNarrator
    priority: ClassVar[int] = 48
    target_latency_ms: ClassVar[float] = 5000.0
    model: ClassVar[str] = "higgs_audio_v2"
    files: ClassVar[tuple[str, ...]] = ("config.json", PROCESSOR, "tokenizer_config.json")
    packages: ClassVar[tuple[str, ...]] = ("torch", "torchaudio", "transformers")
    languages: ClassVar[tuple[str, ...]] = ("en", "zh", "de", "es", "fr", "ko")
    can_clone: ClassVar[bool] = True
    needs_transcript: ClassVar[bool] = True
    licence: ClassVar[str] = "Boson Higgs Audio 2 Community"

    def model_fault(self) -> EngineError | None:
        """Return what is missing of the model, its weights and its codec."""
        fault = super().model_fault()
        if fault is not None:
            return fault
        if not any((self.folder / name).is_file() for name in WEIGHTS):
            return ModelMissing(f"the model {self.model} is not whole", f"{self.folder} lacks {WEIGHTS[0]}",
                                self.model_hint)  # fmt: skip
        codec = codec_folder(self.folder, self.options.codec_path)
        if (codec / "config.json").is_file() and (codec / "model.safetensors").is_file():
            return None
        return ModelMissing("the codec of higgs_audio_v2 is not on this machine", f"it is not in {codec}",
                            self.hint_for(CODEC))  # fmt: skip

    def check(self) -> None:
        """Look at the configurations and weights of model and codec.

        Raises:
            ModelBroken: a file is damaged, or they contradict each other.
            ModelUnsupported: one is of another network.
        """
        codec = codec_folder(self.folder, self.options.codec_path)
        check_configs(self.folder, codec)
        check_folder(self.folder)
        check_folder(codec)


def codec_folder(folder: Path, configured: str | None) -> Path:
    """Return where the codec lies: where it is configured, else inside the model's folder, else beside it."""
    if configured:
        return Path(configured)
    inside = folder / CODEC
    return inside if inside.is_dir() else folder.parent / CODEC


def check_configs(folder: Path, codec: Path) -> None:
    """Look whether two folders' configurations are of Higgs Audio V2 and of its codec, and fit one another.

    Raises:
        ModelBroken: one cannot be read, or they contradict each other.
        ModelUnsupported: one is of another network.
    """
    for place, kind in ((folder, "higgs_audio_v2"), (codec, "higgs_audio_v2_tokenizer")):
        found = read_config(place / "config.json").get("model_type")
        if found != kind:
            raise ModelUnsupported(f"{place.name} is no {kind} network", f"its configuration says {found!r:.60}")
    if not isinstance(read_config(folder / PROCESSOR).get("audio_tokenizer"), dict):
        raise ModelBroken(f"{PROCESSOR} of {folder.name} names no codec")


def _turn(role: str, text: str) -> dict[str, Any]:
    """Return one turn; what looks like one of the tokeniser's own marks is taken apart, or it would act as one."""
    return {"role": role, "content": [{"type": "text", "text": text.replace("<|", "< |")}]}


@contextmanager
def _pointed_at(folder: Path, codec: Path) -> Iterator[Path]:
    """Make a folder for as long as it is needed, with the processor's files, whose configuration names a local codec.

    As published it names one on the hub.
    """
    with tempfile.TemporaryDirectory(prefix="portevoix-") as place:
        pointed = Path(place)
        for path in folder.iterdir():
            if path.suffix in (".json", ".jinja", ".txt", ".model") and path.is_file():
                shutil.copyfile(path, pointed / path.name)
        content = json.loads((pointed / PROCESSOR).read_text(encoding="utf-8"))
        content["audio_tokenizer"]["audio_tokenizer_name_or_path"] = str(codec)
        (pointed / PROCESSOR).write_text(json.dumps(content), encoding="utf-8")
        yield pointed
