"""Chatterbox multilingual by Resemble AI: 23 languages, cloning, as calm or as lively as one likes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.rooms.chatterbox import ChatterboxNarrator, ChatterboxParameters, HousedChatterbox
from portevoix.rooms.weights import check_archive, check_safetensors

if TYPE_CHECKING:
    from portevoix.rooms.narration import Setting

TOKENS = "t3_mtl23ls_v2.safetensors"
SOUND = "s3gen.pt"
ENCODER = "ve.pt"
SIGNS = "grapheme_mtl_merged_expanded_v1.json"
CHINESE = "Cangjie5_TC.json"
TEXT_SIGNS = 2454

LANGUAGES = ("fr", "en", "es", "de", "it", "pt", "nl", "ar", "da", "el", "fi", "he", "hi", "ja", "ko", "ms", "no", "pl",
             "ru", "sv", "sw", "tr", "zh")  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChatterboxMultilingualParameters(ChatterboxParameters):
    """What one request may set."""

    cfg_weight: float = field(
        default=0.5, metadata={"help": "how closely it keeps to the voice, and to its accent; 0 lets go of the accent",
                               "minimum": 0.0, "maximum": 3.0}
    )  # fmt: skip
    repetition_penalty: float = field(
        default=2.0, metadata={"help": "how much it avoids repeating itself", "minimum": 1.0, "maximum": 10.0}
    )


class Narrator(ChatterboxNarrator):
    """Speak with the multilingual network."""

    engine = "chatterbox_multilingual"
    module = "chatterbox.mtl_tts"
    kind = "ChatterboxMultilingualTTS"
    asks_language = True

    def __init__(self, setting: Setting) -> None:
        _find_chinese_in(setting.folder)
        super().__init__(setting)


class ChatterboxMultilingual(HousedChatterbox):
    """Speak with Chatterbox multilingual."""

    name: ClassVar[str] = "chatterbox_multilingual"
    summary: ClassVar[str] = "Chatterbox multilingual: 23 languages, clones a voice; audio is always watermarked"
    Parameters: ClassVar[type[Any]] = ChatterboxMultilingualParameters
    Narrator: ClassVar[type[Any]] = Narrator
    priority: ClassVar[int] = 42
    model: ClassVar[str] = "chatterbox_multilingual"
    files: ClassVar[tuple[str, ...]] = (ENCODER, TOKENS, SOUND, SIGNS)
    languages: ClassVar[tuple[str, ...]] = LANGUAGES

    def listed(self) -> tuple[Any, ...]:
        """Return its voice, which speaks Chinese only where the table of Chinese signs is there."""
        has_table = (self.folder / CHINESE).is_file()
        return (self.voice(self.name, languages=tuple(one for one in LANGUAGES if has_table or one != "zh")),)

    def check(self) -> None:
        """Look whether the weights are whole and the multilingual network's.

        Raises:
            ModelBroken: a file is damaged.
            ModelUnsupported: it is of another network.
        """
        check_safetensors(self.folder / TOKENS, {"text_emb.weight": (TEXT_SIGNS,)})
        check_archive(self.folder / SOUND)
        check_archive(self.folder / ENCODER)


def _find_chinese_in(folder: Path) -> None:
    """Let the tokeniser take its table of Chinese signs from the model's folder: it would ask the hub at each start."""
    from chatterbox.models.tokenizers import tokenizer

    tokenizer.hf_hub_download = lambda **_: str(folder / CHINESE)
