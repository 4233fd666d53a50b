"""Chatterbox Turbo by Resemble AI: English, cloning, three times as quick, with tags such as [laugh]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.errors import EngineError, ModelMissing
from portevoix.rooms.chatterbox import ChatterboxNarrator, HousedChatterbox
from portevoix.rooms.weights import check_safetensors

if TYPE_CHECKING:
    from portevoix.rooms.narration import Setting

TOKENS = "t3_turbo_v1.safetensors"
SOUND = "s3gen_meanflow.safetensors"
ENCODER = "ve.safetensors"
TOKENIZERS = ("tokenizer.json", "vocab.json")
TEXT_SIGNS = 50_276


@dataclass(frozen=True, slots=True)
class ChatterboxTurboParameters:
    """What one request may set."""

    temperature: float = field(default=0.8, metadata={"help": "how freely it speaks", "minimum": 0.05, "maximum": 5.0})
    repetition_penalty: float = field(
        default=1.2, metadata={"help": "how much it avoids repeating itself", "minimum": 1.0, "maximum": 10.0}
    )
    top_k: int = field(default=1000, metadata={"help": "sounds to choose from", "minimum": 1, "maximum": 6561})
    top_p: float = field(
        default=0.95, metadata={"help": "probability of the sounds to choose from", "minimum": 0.05, "maximum": 1.0}
    )


class Narrator(ChatterboxNarrator):
    """Speak with the Turbo network."""

    engine = "chatterbox_turbo"
    module = "chatterbox.tts_turbo"
    kind = "ChatterboxTurboTTS"
    loop = "inference_turbo"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        level = self._model.norm_loudness
        # Its gain is a double, which numpy 2 lets the whole recording become; the networks take single precision.
        self._model.norm_loudness = lambda wav, *options: level(wav, *options).astype("float32")


class ChatterboxTurbo(HousedChatterbox):
    """Speak with Chatterbox Turbo."""

    name: ClassVar[str] = "chatterbox_turbo"
    summary: ClassVar[str] = "Chatterbox Turbo: English, clones a voice, [laugh] and the like; always watermarked"
    Parameters: ClassVar[type[Any]] = ChatterboxTurboParameters
    Narrator: ClassVar[type[Any]] = Narrator
    priority: ClassVar[int] = 43
    target_latency_ms: ClassVar[float] = 6000.0
    model: ClassVar[str] = "chatterbox_turbo"
    files: ClassVar[tuple[str, ...]] = (ENCODER, TOKENS, SOUND, "tokenizer_config.json")
    languages: ClassVar[tuple[str, ...]] = ("en",)
    least_seconds: ClassVar[float] = 5.0

    def model_fault(self) -> EngineError | None:
        """Return what is wrong with the model on disk; its tokeniser may be in either of two layouts."""
        fault = super().model_fault()
        if fault is None and not any((self.folder / name).is_file() for name in TOKENIZERS):
            why = f"{self.folder} lacks {' and '.join(TOKENIZERS)}"
            return ModelMissing(f"the model {self.model} is not on this machine", why, self.model_hint)
        return fault

    def check(self) -> None:
        """Look whether the weights are whole and the Turbo network's.

        Raises:
            ModelBroken: a file is damaged.
            ModelUnsupported: it is of another network.
        """
        check_safetensors(self.folder / TOKENS, {"text_emb.weight": (TEXT_SIGNS,)})
        check_safetensors(self.folder / SOUND, {"flow.input_embedding.weight": ()})
        check_safetensors(self.folder / ENCODER, {"lstm.weight_ih_l0": ()})
