"""Make a small VITS model in the hub's layout: random weights that behave, for tests of the loading and speaking code.

    python scripts/checkpoints/vits.py FOLDER [--language eng] [--speakers 1] [--phonemes] [--old-names]

Runs in the neural environment. The same arguments give the same bytes. It speaks no language, but its durations are
those of speech and its loudness too.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import VitsConfig, VitsModel, VitsTokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyzàâæçéèêëîïôœùûüÿñßöäåáíóúı'- "
PHONEMES = "abdefhijklmnopstuvwzæðŋɐɑɒɔəɚɛɜɡɪɹɾʃʊʌʒˈˌːθᵻ.,!?;: "
FRAMES_PER_SIGN = 3.2
LOUDNESS_RMS = 0.12


def build(folder: Path, language: str, speakers: int, *, phonemes: bool, old_names: bool) -> None:
    """Write the model's files to `folder`."""
    torch.manual_seed(7)
    folder.mkdir(parents=True, exist_ok=True)
    signs = PHONEMES if phonemes else LETTERS
    vocabulary = {sign: number for number, sign in enumerate(["<pad>", "<unk>", *dict.fromkeys(signs)])}
    vocab = folder / "vocab.json"
    vocab.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    tokenizer = VitsTokenizer(str(vocab), language=language, phonemize=phonemes, normalize=True)
    tokenizer.save_pretrained(str(folder))
    model = VitsModel(_config(len(vocabulary), speakers)).eval()
    _tame(model)
    model.save_pretrained(str(folder))
    if old_names:
        _rename(folder / "model.safetensors")


def _config(signs: int, speakers: int) -> VitsConfig:
    return VitsConfig(
        vocab_size=signs, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, flow_size=16,
        spectrogram_bins=33, duration_predictor_filter_channels=16, upsample_initial_channel=32,
        upsample_rates=[8, 8, 4], upsample_kernel_sizes=[16, 16, 8], resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]], prior_encoder_num_flows=2, prior_encoder_num_wavenet_layers=2,
        posterior_encoder_num_wavenet_layers=2, depth_separable_num_layers=2, duration_predictor_num_flows=2,
        num_speakers=speakers, speaker_embedding_size=8 if speakers > 1 else 0, sampling_rate=16_000,
    )  # fmt: skip


@torch.no_grad()
def _tame(model: VitsModel) -> None:
    """Give durations around `FRAMES_PER_SIGN` and a decoder that is heard and never clips."""
    affine = model.duration_predictor.flows[0]
    spread = 0.2
    affine.log_scale.fill_(-math.log(spread))
    affine.translate.fill_(-math.log(FRAMES_PER_SIGN) / spread)
    for name, weight in model.decoder.named_parameters():
        if weight.dim() > 1:
            fan_in = weight[0].numel() if "upsampler" not in name else weight.shape[0] * weight.shape[2] / 8
            weight.normal_(0, 1 / math.sqrt(max(1.0, fan_in)))
    sound = model.decoder(torch.randn(1, 16, 200)).flatten()
    before_tanh = torch.atanh(sound.clamp(-0.9999, 0.9999))
    model.decoder.conv_post.weight.mul_(LOUDNESS_RMS / before_tanh.std())


def _rename(path: Path) -> None:
    """Write the names of weight norm as they were when the published models were made."""
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = load_file(path)
    for new, before in old.items():
        weights = {name.replace(new, before): weight for name, weight in weights.items()}
    save_file(weights, path, {"format": "pt"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", default="eng")
    parser.add_argument("--speakers", type=int, default=1)
    parser.add_argument("--phonemes", action="store_true")
    parser.add_argument("--old-names", action="store_true")
    wanted = parser.parse_args()
    build(wanted.folder, wanted.language, wanted.speakers, phonemes=wanted.phonemes, old_names=wanted.old_names)
