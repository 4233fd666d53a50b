"""Make a small Pocket TTS model: random weights that behave, for tests of the loading and speaking code.

    python scripts/checkpoints/pocket.py FOLDER [--language french] [--endless]

Runs in the neural environment. The folder has a description of its sizes, `config.yaml`, where the published models
rely on the library's. The generation stops after about one second whatever the text; `--endless` never stops.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import yaml
from pocket_tts import TTSModel, export_model_state
from pocket_tts.utils.config import CONFIGS_DIR
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE

WIDTH = 64
LATENT = 16
LOUDNESS_RMS = 0.1
VOICES = ("estelle", "alba")


def build(folder: Path, language: str, *, is_endless: bool) -> None:
    """Write the model's files to `folder`."""
    torch.manual_seed(3)
    (folder / "embeddings").mkdir(parents=True, exist_ok=True)
    signs = _write_signs(folder / "tokenizer.json")
    config = _config(language, signs, folder)
    told = folder / "config.yaml"
    told.write_text(yaml.safe_dump(config), encoding="utf-8")
    model = TTSModel.load_model(config=told)
    _tame(model, is_endless=is_endless)
    save_file({name: weight.contiguous() for name, weight in model.state_dict().items()}, folder / "model.safetensors")
    for number, name in enumerate(VOICES):
        times = torch.arange(24_000 * 2) / 24_000
        wav = 0.3 * torch.sin(2 * torch.pi * (120 + 60 * number) * times)[None]
        export_model_state(model.get_state_for_audio_prompt(wav), folder / "embeddings" / f"{name}.safetensors")


def _config(language: str, signs: int, folder: Path) -> dict:
    config = yaml.safe_load((CONFIGS_DIR / f"{language}.yaml").read_text(encoding="utf-8"))
    config.update(weights_path=None, weights_path_without_voice_cloning=None)
    flow, mimi = config["flow_lm"], config["mimi"]
    flow["flow"].update(depth=1, dim=WIDTH)
    flow["transformer"].update(d_model=WIDTH, hidden_scale=2, num_heads=2, num_layers=1)
    flow["lookup_table"].update(dim=WIDTH, n_bins=signs, tokenizer_path=str(folder / "tokenizer.json"))
    mimi.update(inner_dim=LATENT, outer_dim=WIDTH)
    mimi["seanet"].update(dimension=WIDTH, n_filters=8)
    mimi["transformer"].update(d_model=WIDTH, num_heads=2, num_layers=1, dim_feedforward=WIDTH, input_dimension=WIDTH,
                               output_dimensions=[WIDTH])  # fmt: skip
    mimi["quantizer"].update(dimension=LATENT, output_dimension=WIDTH)
    return config


def _write_signs(path: Path) -> int:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE(vocab={sign: number for number, sign in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path))
    return tokenizer.get_vocab_size()


@torch.no_grad()
def _tame(model: TTSModel, *, is_endless: bool) -> None:
    """Let the generation end as early as it may, or never, and the decoder be heard."""
    model.flow_lm.out_eos.weight.zero_()
    model.flow_lm.out_eos.bias.fill_(100.0)
    last = [module for module in model.mimi.decoder.modules() if isinstance(module, torch.nn.Conv1d)][-1]
    last.bias.zero_()
    state = model.get_state_for_audio_prompt(0.1 * torch.randn(1, 24_000))
    sound = model.generate_audio(state, "Bonjour a tous.")
    gain = LOUDNESS_RMS / sound.std()
    last.weight.mul_(gain)
    last.bias.fill_(-gain * sound.mean())
    model.flow_lm.out_eos.bias.fill_(-100.0 if is_endless else 100.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", default="french")
    parser.add_argument("--endless", action="store_true")
    wanted = parser.parse_args()
    build(wanted.folder, wanted.language, is_endless=wanted.endless)
