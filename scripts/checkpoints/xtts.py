"""Make a small XTTS v2 model as the hub has it: random weights that behave, for tests of the loading and speaking code.

    python scripts/checkpoints/xtts.py FOLDER [--tokens 16] [--endless]

Runs in the neural environment. The decoder has its real size (its class cannot make a smaller one), the rest is tiny.
The generation stops after so many sound tokens, each of 46 ms, whatever the text; `--endless` never stops.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from TTS.tts.configs.xtts_config import XttsConfig
from TTS.tts.models.xtts import Xtts

LANGUAGES = ["en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi"]
LETTERS = "abcdefghijklmnopqrstuvwxyzàâæçéèêëîïôœùûüÿñßöä0123456789.,;:!?'’-«»()абвгдежзийклмнопрстуфхцчшщъыьэюя"
SPEAKERS = ("Ana Florence", "Bruno Lagarde")
WIDTH = 64
SOUNDS = 30
LOUDNESS_RMS = 0.12


def build(folder: Path, tokens: int, *, is_endless: bool) -> None:
    """Write the model's files to `folder`."""
    torch.manual_seed(11)
    folder.mkdir(parents=True, exist_ok=True)
    _write_vocabulary(folder / "vocab.json")
    config = _config()
    model = Xtts(config)
    model.tokenizer = type(model.tokenizer)(vocab_file=folder / "vocab.json")
    model.init_models()
    model.eval()
    _bind_the_end(model, 10_000 if is_endless else tokens)
    speakers = {name: _speaker(number) for number, name in enumerate(SPEAKERS)}
    _set_loudness(model, next(iter(speakers.values()))["speaker_embedding"])
    made_on_loading = ("gpt.gpt_inference.", "gpt.gpt.wte.")
    weights = {name: weight for name, weight in model.state_dict().items() if not name.startswith(made_on_loading)}
    halved = {name: weight.half() if weight.numel() > WIDTH**2 else weight for name, weight in weights.items()}
    torch.save({"model": halved}, folder / "model.pth")
    torch.save(speakers, folder / "speakers_xtts.pth")
    config.save_json(str(folder / "config.json"))


def _config() -> XttsConfig:
    config = XttsConfig()
    args = config.model_args
    args.gpt_layers, args.gpt_n_heads, args.gpt_n_model_channels = 2, 2, WIDTH
    args.gpt_num_audio_tokens, args.gpt_start_audio_token, args.gpt_stop_audio_token = SOUNDS + 2, SOUNDS, SOUNDS + 1
    args.gpt_use_perceiver_resampler = True
    args.decoder_input_dim = WIDTH
    config.languages = LANGUAGES
    return config


def _write_vocabulary(path: Path) -> None:
    special = ["[STOP]", "[UNK]", "[SPACE]", "[START]", *(f"[{language}]" for language in LANGUAGES)]
    vocabulary = {token: number for number, token in enumerate([*special, *dict.fromkeys(LETTERS)])}
    added = [
        {"id": number, "special": True, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for number, token in enumerate(special)
    ]  # fmt: skip
    content = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": "[UNK]", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "vocab": vocabulary, "merges": []},
    }  # fmt: skip
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


@torch.no_grad()
def _bind_the_end(model: Xtts, tokens: int) -> None:
    """Let one direction of the hidden state mean the end, and let positions from `tokens` on point there."""
    gpt = model.gpt
    end = torch.zeros(WIDTH)
    end[0], end[1] = 2**-0.5, -(2**-0.5)
    places = gpt.mel_pos_embedding.emb.weight
    for weight in (gpt.mel_embedding.weight, places, gpt.mel_head.weight):
        weight.copy_(torch.randn_like(weight) * 0.5)
        weight.sub_(torch.outer(weight @ end, end))
    places[tokens:] += 50 * end
    gpt.mel_head.bias.zero_()
    gpt.mel_head.weight[SOUNDS + 1] = 20 * end
    gpt.mel_head.bias[SOUNDS + 1] = -40
    gpt.mel_head.bias[SOUNDS] = -40


def _speaker(number: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    embedding = torch.nn.functional.normalize(torch.randn(1, 512, 1, generator=generator), dim=1)
    return {"gpt_cond_latent": torch.randn(1, 32, WIDTH, generator=generator), "speaker_embedding": embedding}


@torch.no_grad()
def _set_loudness(model: Xtts, speaker: torch.Tensor) -> None:
    gain = model.hifigan_decoder.waveform_decoder.conv_post.weight
    for _ in range(3):
        before_tanh = torch.atanh(model.hifigan_decoder(torch.randn(1, 8, WIDTH), g=speaker).clamp(-0.9999, 0.9999))
        gain.mul_(LOUDNESS_RMS / before_tanh.square().mean().sqrt())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--endless", action="store_true")
    wanted = parser.parse_args()
    build(wanted.folder, wanted.tokens, is_endless=wanted.endless)
