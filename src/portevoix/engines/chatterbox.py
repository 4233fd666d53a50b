"""Chatterbox by Resemble AI: English, cloning, as calm or as lively as one likes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.rooms.chatterbox import LEAST_GUIDANCE, ChatterboxNarrator, HousedChatterbox
from portevoix.rooms.weights import check_safetensors

if TYPE_CHECKING:
    from portevoix.rooms.narration import Passage

TOKENS = "t3_cfg.safetensors"
SOUND = "s3gen.safetensors"
ENCODER = "ve.safetensors"
TEXT_SIGNS = 704


@dataclass(frozen=True, slots=True)
class ChatterboxParameters:
    """What one request may set."""

    exaggeration: float = field(
        default=0.5, metadata={"help": "how lively it speaks; 0.5 is natural", "minimum": 0.0, "maximum": 2.0}
    )
    cfg_weight: float = field(
        default=0.5, metadata={"help": "how closely it keeps to the voice; less is slower speech",
                               "minimum": 0.0, "maximum": 3.0}
    )  # fmt: skip
    temperature: float = field(default=0.8, metadata={"help": "how freely it speaks", "minimum": 0.05, "maximum": 5.0})
    repetition_penalty: float = field(
        default=1.2, metadata={"help": "how much it avoids repeating itself", "minimum": 1.0, "maximum": 10.0}
    )
    min_p: float = field(
        default=0.05, metadata={"help": "least probability of a sound, as a share of the likeliest one's",
                                "minimum": 0.0, "maximum": 1.0}
    )  # fmt: skip
    top_p: float = field(
        default=1.0, metadata={"help": "probability of the sounds to choose from", "minimum": 0.05, "maximum": 1.0}
    )


class Narrator(ChatterboxNarrator):
    """Speak with the English network."""

    engine = "chatterbox"
    module = "chatterbox.tts"
    kind = "ChatterboxTTS"

    def generate(self, passage: Passage) -> Any:
        """Return the audio of a piece."""
        wanted: ChatterboxParameters = passage.parameters
        return self._model.generate(
            passage.text,
            exaggeration=wanted.exaggeration,
            cfg_weight=max(wanted.cfg_weight, LEAST_GUIDANCE),
            temperature=wanted.temperature,
            repetition_penalty=wanted.repetition_penalty,
            min_p=wanted.min_p,
            top_p=wanted.top_p,
        )


class Chatterbox(HousedChatterbox):
    """Speak with Chatterbox."""

    name: ClassVar[str] = "chatterbox"
    summary: ClassVar[str] = "Chatterbox: English, clones a voice, liveliness to choose; audio is always watermarked"
    Parameters: ClassVar[type[Any]] = ChatterboxParameters
    Narrator: ClassVar[type[Any]] = Narrator
    priority: ClassVar[int] = 44
    model: ClassVar[str] = "chatterbox"
    files: ClassVar[tuple[str, ...]] = (ENCODER, TOKENS, SOUND, "tokenizer.json")
    languages: ClassVar[tuple[str, ...]] = ("en",)

    def check(self) -> None:
        """Look whether the weights are whole and the English network's.

        Raises:
            ModelBroken: a file is damaged.
            ModelUnsupported: it is of another network.
        """
        check_safetensors(self.folder / TOKENS, {"text_emb.weight": (TEXT_SIGNS,)})
        check_safetensors(self.folder / SOUND, {"flow.input_embedding.weight": ()})
        check_safetensors(self.folder / ENCODER, {"lstm.weight_ih_l0": ()})
