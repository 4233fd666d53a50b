"""Chatterbox by Resemble AI: English, cloning, as calm or as lively as one likes."""

from __future__ import annotations

from typing import Any, ClassVar

from portevoix.rooms.chatterbox import ChatterboxNarrator, ChatterboxParameters, HousedChatterbox
from portevoix.rooms.weights import check_safetensors

TOKENS = "t3_cfg.safetensors"
SOUND = "s3gen.safetensors"
ENCODER = "ve.safetensors"
TEXT_SIGNS = 704


class Narrator(ChatterboxNarrator):
    """Speak with the English network."""

    engine = "chatterbox"
    module = "chatterbox.tts"
    kind = "ChatterboxTTS"


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
