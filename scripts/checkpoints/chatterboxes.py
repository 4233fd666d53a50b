"""Make a small Chatterbox model as the hub has it: random weights that behave, for tests of loading and speaking.

    python scripts/checkpoints/chatterboxes.py FOLDER [english|multilingual|turbo] [--tokens 20] [--endless]

Runs in the neural environment. The library makes its networks in one size; whoever loads such a folder calls `shrink`
first. The generation stops after so many sound tokens, each of 40 ms, whatever the text; `--endless` never stops.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import wave
from functools import partial
from pathlib import Path
from typing import Any

WIDTH = 64
NARROW = 32
HEADS = 16
LAYERS = 14
"""The multilingual network looks at its layers 9, 12 and 13, the last at its head 15."""

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZàâæçéèêëîïôœùûüÿñßöä0123456789.,;:!?'\"-()"
LANGUAGES = tuple("ar da de el en es fi fr he hi it ja ko ms nl no pl pt ru sv sw tr zh".split(" "))  # noqa: SIM905
TEXT_SIGNS = {"english": 704, "multilingual": 2454}
START_OF_TEXT = 255
SOUND_START, SOUND_END = 6561, 6562
CERTAIN = 30.0
LOUDNESS_RMS = 0.1


def shrink() -> None:
    """Let the library make small networks from now on, in this process."""
    from chatterbox.models.s3gen import s3gen
    from chatterbox.models.t3 import llama_configs
    from chatterbox.models.t3.modules import cond_enc
    from chatterbox.models.voice_encoder.config import VoiceEncConfig
    from s3tokenizer.model_v2 import S3TokenizerV2

    llama_configs.LLAMA_520M_CONFIG_DICT.update(
        hidden_size=WIDTH, intermediate_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        num_key_value_heads=HEADS, head_dim=WIDTH // HEADS,
    )  # fmt: skip
    llama_configs.GPT2_MEDIUM_CONFIG.update(n_embd=WIDTH, hidden_size=WIDTH, n_head=2, n_layer=2)
    cond_enc.Perceiver = _once(cond_enc.Perceiver, pre_attention_query_size=WIDTH, embedding_dim=WIDTH)
    VoiceEncConfig.ve_hidden_size = NARROW
    heard = S3TokenizerV2.__init__.__defaults__[0]
    heard.n_audio_state, heard.n_audio_head, heard.n_audio_layer = 128, 2, 1
    s3gen.UpsampleConformerEncoder = _once(s3gen.UpsampleConformerEncoder, linear_units=WIDTH, num_blocks=1)
    s3gen.ConditionalDecoder = _once(
        s3gen.ConditionalDecoder, channels=[WIDTH], attention_head_dim=16, n_blocks=1, num_mid_blocks=1, num_heads=2
    )
    s3gen.CAMPPlus = _once(s3gen.CAMPPlus, growth_rate=8, init_channels=NARROW)
    s3gen.ConvRNNF0Predictor = _once(s3gen.ConvRNNF0Predictor, cond_channels=NARROW)
    s3gen.HiFTGenerator = _once(s3gen.HiFTGenerator, base_channels=WIDTH)


def _once(kind: Any, **sizes: Any) -> Any:
    """Return a maker that puts sizes in place of those it is given."""
    if isinstance(kind, partial):
        return kind

    def make(*args: Any, **given: Any) -> Any:
        return kind(*args, **{**given, **sizes})

    return partial(make)


def build(folder: Path, which: str, tokens: int, *, is_endless: bool) -> None:
    """Write the model's files to `folder`."""
    import torch

    shrink()
    torch.manual_seed(5)
    folder.mkdir(parents=True, exist_ok=True)
    {"english": _write_signs, "multilingual": _write_signs, "turbo": _write_turbo_signs}[which](folder, which)
    model = _networks(which)
    _count(model["t3"], tokens, is_endless=is_endless, ends_by_repeating=which == "multilingual")
    _set_loudness(model["s3gen"])
    _save(folder, which, model)
    _write_own_voice(folder, which)


def _networks(which: str) -> dict[str, Any]:
    from chatterbox.models.s3gen import S3Gen
    from chatterbox.models.t3 import T3
    from chatterbox.models.t3.modules.t3_config import T3Config
    from chatterbox.models.voice_encoder import VoiceEncoder

    settings = T3Config(text_tokens_dict_size=TEXT_SIGNS.get(which, 50_276))
    if which == "turbo":
        settings.llama_config_name, settings.speech_tokens_dict_size = "GPT2_medium", SOUND_END + 1
        settings.input_pos_emb, settings.speech_cond_prompt_len = None, 375
        settings.use_perceiver_resampler = settings.emotion_adv = False
    networks = {"t3": T3(settings), "s3gen": S3Gen(meanflow=which == "turbo"), "ve": VoiceEncoder()}
    return {name: network.eval() for name, network in networks.items()}


def _count(t3: Any, tokens: int, *, is_endless: bool, ends_by_repeating: bool) -> None:
    """Let the token network count: each sound token leads to the next, the last one to the end or to the first.

    The multilingual network's watcher forbids an end that it does not see in the attention, and forces one when a token
    comes twice: there the last token leads to itself.
    """
    import torch

    with torch.no_grad():
        for name, weight in t3.tfmr.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "c_proj.weight", "c_proj.bias", "wpe.weight")):
                weight.zero_()
        if t3.speech_pos_emb is not None:
            t3.speech_pos_emb.emb.weight.zero_()
        t3.speech_emb.weight.zero_()
        t3.speech_head.weight.zero_()
        t3.speech_emb.weight[SOUND_START, 0] = 1.0
        for number in range(tokens):
            t3.speech_emb.weight[number, number + 1] = 1.0
            t3.speech_head.weight[number, number] = CERTAIN
        last = SOUND_END if not ends_by_repeating else tokens - 1
        t3.speech_head.weight[0 if is_endless else last, tokens] = CERTAIN


def _set_loudness(s3gen: Any) -> None:
    """Make the vocoder's last layer as loud as speech."""
    import torch

    with torch.no_grad():
        mel = torch.randn(1, 80, 100)
        source = torch.zeros(1, 1, 0)
        sound, _ = s3gen.mel2wav.inference(speech_feat=mel, cache_source=source)
        bins = s3gen.mel2wav.istft_params["n_fft"] // 2 + 1
        bias = s3gen.mel2wav.conv_post.bias
        bias[:bins] += torch.log(LOUDNESS_RMS / sound.std())


def _save(folder: Path, which: str, model: dict[str, Any]) -> None:
    import torch
    from safetensors.torch import save_file

    names = {
        "english": {"t3": "t3_cfg.safetensors", "s3gen": "s3gen.safetensors", "ve": "ve.safetensors"},
        "multilingual": {"t3": "t3_mtl23ls_v2.safetensors", "s3gen": "s3gen.pt", "ve": "ve.pt"},
        "turbo": {"t3": "t3_turbo_v1.safetensors", "s3gen": "s3gen_meanflow.safetensors", "ve": "ve.safetensors"},
    }[which]
    for part, name in names.items():
        weights = {key: weight.clone().contiguous() for key, weight in model[part].state_dict().items()}
        if name.endswith(".pt"):
            torch.save(weights, folder / name)
        else:
            save_file(weights, folder / name)


def _write_signs(folder: Path, which: str) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import BPE

    special = ["[STOP]", "[UNK]", "[SPACE]", *(f"[{language}]" for language in LANGUAGES)]
    vocabulary = {sign: number for number, sign in enumerate([*special, *dict.fromkeys(LETTERS)])}
    vocabulary["[START]"] = START_OF_TEXT
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.add_special_tokens([*special, "[START]"])
    names = {"english": "tokenizer.json", "multilingual": "grapheme_mtl_merged_expanded_v1.json"}
    tokenizer.save(str(folder / names[which]))
    if which == "multilingual":
        (folder / "Cangjie5_TC.json").write_text(json.dumps(["你\tonf", "好\tvnd"]), encoding="utf-8")


def _write_turbo_signs(folder: Path, _: str) -> None:
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {sign: number for number, sign in enumerate([*alphabet, "<|endoftext|>"])}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", model_max_length=2000)
    fast.save_pretrained(str(folder))


def _write_own_voice(folder: Path, which: str) -> None:
    """Write the built-in voice by the library's own road, from a recording that is made up."""
    import numpy as np
    from chatterbox.mtl_tts import ChatterboxMultilingualTTS
    from chatterbox.tts import ChatterboxTTS
    from chatterbox.tts_turbo import ChatterboxTurboTTS

    kinds = {"english": ChatterboxTTS, "multilingual": ChatterboxMultilingualTTS, "turbo": ChatterboxTurboTTS}
    model = kinds[which].from_local(folder, "cpu")
    times = np.arange(24_000 * 6) / 24_000
    samples = (8_000 * np.sin(2 * np.pi * 150 * times) * (1 + np.sin(2 * np.pi * 3 * times)) / 2).astype("<i2")
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "voice.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24_000)
            file.writeframes(samples.tobytes())
        model.prepare_conditionals(str(path), **({"norm_loudness": False} if which == "turbo" else {}))
    model.conds.save(folder / "conds.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("which", choices=("english", "multilingual", "turbo"), nargs="?", default="english")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--endless", action="store_true")
    wanted = parser.parse_args()
    build(wanted.folder, wanted.which, wanted.tokens, is_endless=wanted.endless)
