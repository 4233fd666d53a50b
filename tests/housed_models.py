"""Which small model stands for which heavy engine in the tests."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.checkpoints import made


def safetensors(shapes: dict[str, list[int]]) -> bytes:
    """Return the content of a file of weights with tensors of zeros."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + bytes(end)


@dataclass(frozen=True)
class HousedModel:
    """Say how a heavy engine's small model is made.

    Attributes:
        engine: the engine's class, as `package.module:Class`.
        script: in `scripts/checkpoints`.
        folders: what it writes, in the order of its arguments; the first is the model's own.
        weights: file of the first folder without which it is no model.
        arguments: further ones of the script.
        options: of the engine.
        language: default language of the surroundings.
        endless: the script knows `--endless`, which makes a model that does not stop.
        description: file that says what model it is; "" where the weights alone do.
        stranger: content that is of another model, for `description` or the weights.
        borrows: its own environment is another one than that of the tests, which has its packages as well.
    """

    engine: str
    script: str
    folders: tuple[str, ...]
    weights: str
    arguments: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    language: str = "fr"
    endless: bool = False
    description: str = "config.json"
    stranger: bytes = b'{"model_type": "bert", "model": "tacotron"}'
    borrows: bool = False

    @property
    def folder(self) -> str:
        """Return the name of the model's own folder."""
        return self.folders[0]

    def files(self, python: Path) -> dict[str, Path]:
        """Return where each folder lies, made when need be."""
        place = made(python, self.script, *self.arguments, folders=self.folders)
        return {name: place / name for name in self.folders}


OTHER_WEIGHTS = safetensors({"encoder.weight": [2, 2]})
OTHER_NETWORK = next(Path(__file__).parent.glob("fixtures/voices/**/*.onnx"))

MODELS = {
    "vits": HousedModel(
        "portevoix.engines.vits:Vits", "vits.py", ("vits-ljs",), "model.safetensors",
        ("--phonemes", "--speakers", "3", "--old-names"), language="en",
    ),
    "mms": HousedModel(
        "portevoix.engines.mms:Mms", "vits.py", ("mms-tts-fra",), "model.safetensors", ("--language", "fra"),
    ),
    "xtts_v2": HousedModel(
        "portevoix.engines.xtts_v2:Xtts", "xtts.py", ("xtts_v2",), "model.pth", endless=True,
    ),
    "higgs_audio_v2": HousedModel(
        "portevoix.engines.higgs_audio_v2:HiggsAudio", "higgs.py", ("higgs_audio_v2", "higgs_audio_v2_tokenizer"),
        "model.safetensors", endless=True,
    ),
    "chatterbox": HousedModel(
        "tests.small_engines:SmallChatterbox", "chatterboxes.py", ("chatterbox",), "t3_cfg.safetensors", ("english",),
        options={"threads": 1}, language="en", endless=True, description="", stranger=OTHER_WEIGHTS,
    ),
    "chatterbox_multilingual": HousedModel(
        "tests.small_engines:SmallChatterboxMultilingual", "chatterboxes.py", ("chatterbox_multilingual",),
        "t3_mtl23ls_v2.safetensors", ("multilingual",), options={"threads": 1}, endless=True, description="",
        stranger=OTHER_WEIGHTS,
    ),
    "chatterbox_turbo": HousedModel(
        "tests.small_engines:SmallChatterboxTurbo", "chatterboxes.py", ("chatterbox_turbo",), "t3_turbo_v1.safetensors",
        ("turbo",), options={"threads": 1}, language="en", endless=True, description="", stranger=OTHER_WEIGHTS,
    ),
    "pocket_tts": HousedModel(
        "portevoix.engines.pocket_tts:PocketTts", "pocket.py", ("pocket-tts-french",), "model.safetensors",
        endless=True, description="", stranger=OTHER_WEIGHTS,
    ),
    "kokoro": HousedModel(
        "portevoix.engines.kokoro:Kokoro", "kokoro.py", ("kokoro",), "kokoro-v1.0.onnx", description="",
        stranger=OTHER_NETWORK.read_bytes(), borrows=True,
    ),
}  # fmt: skip
