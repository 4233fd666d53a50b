"""Make a small Higgs Audio V2 model and its codec as the hub has them, for tests of the loading and speaking code.

    python scripts/checkpoints/higgs.py FOLDER CODEC_FOLDER [--frames 40] [--endless]

Runs in the neural environment. The generation counts its frames (of 40 ms) and stops after so many, whatever the text;
`--endless` begins to count anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    DacFeatureExtractor,
    HiggsAudioV2Config,
    HiggsAudioV2ForConditionalGeneration,
    HiggsAudioV2Processor,
    HiggsAudioV2TokenizerConfig,
    HiggsAudioV2TokenizerModel,
    PreTrainedTokenizerFast,
)

MARKS = ("<|pad|>", "<|begin|>", "<|end|>", "<|AUDIO_OUT|>", "<|audio_out_bos|>", "<|audio_eos|>", "<|delay|>",
         "<|turn|>")  # fmt: skip
CODEBOOKS = 4
SOUNDS = 64
STREAM_BEGIN, STREAM_END = SOUNDS, SOUNDS + 1
WIDTH = 128
CODEC_ON_THE_HUB = "bosonai/higgs-audio-v2-tokenizer"
LOUDNESS_RMS = 0.12
TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}"
    "{% else %}<|audio_out_bos|><|AUDIO_OUT|><|audio_eos|>{% endif %}{% endfor %}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>assistant\n<|audio_out_bos|>{% endif %}"
)


def build(folder: Path, codec_folder: Path, frames: int, *, is_endless: bool) -> None:
    """Write the files of both models."""
    torch.manual_seed(5)
    codec = HiggsAudioV2TokenizerModel(_codec_config()).eval()
    _set_loudness(codec)
    codec.save_pretrained(str(codec_folder))
    tokenizer = _tokenizer()
    extractor = DacFeatureExtractor(sampling_rate=24_000, hop_length=960)
    extractor.save_pretrained(str(codec_folder))
    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in MARKS}
    model = HiggsAudioV2ForConditionalGeneration(_config(len(tokenizer), ids)).eval()
    _teach_to_count(model, frames, is_endless=is_endless)
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = ids["<|pad|>"], ids["<|end|>"]
    model.generation_config.bos_token_id = ids["<|begin|>"]
    model.save_pretrained(str(folder))
    processor = HiggsAudioV2Processor(
        extractor, tokenizer, codec, chat_template=TEMPLATE, audio_token="<|AUDIO_OUT|>",
        audio_bos_token="<|audio_out_bos|>", audio_eos_token="<|audio_eos|>", audio_delay_token="<|delay|>",
        audio_stream_bos_id=STREAM_BEGIN, audio_stream_eos_id=STREAM_END,
    )  # fmt: skip
    processor.save_pretrained(str(folder))
    path = folder / "processor_config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["audio_tokenizer"]["audio_tokenizer_name_or_path"] = CODEC_ON_THE_HUB
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _codec_config() -> HiggsAudioV2TokenizerConfig:
    return HiggsAudioV2TokenizerConfig(
        acoustic_model_config={
            "model_type": "dac", "encoder_hidden_size": 4, "downsampling_ratios": [8, 5, 4, 2, 3],
            "decoder_hidden_size": 64, "upsampling_ratios": [8, 5, 4, 2, 3], "hidden_size": 16,
        },
        semantic_model_config={
            "model_type": "hubert", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 32, "conv_dim": [8] * 7, "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 2, "mask_time_prob": 0.0,
        },
        codebook_size=SOUNDS, codebook_dim=8, target_bandwidths=[CODEBOOKS * 6 * 25 / 1000],
    )  # fmt: skip


def _config(signs: int, ids: dict[str, int]) -> HiggsAudioV2Config:
    return HiggsAudioV2Config(
        vocab_size=signs, hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, num_codebooks=CODEBOOKS, codebook_size=SOUNDS + 2,
        pad_token_id=ids["<|pad|>"], bos_token_id=ids["<|begin|>"], eos_token_id=ids["<|end|>"],
        audio_token_id=ids["<|AUDIO_OUT|>"], audio_bos_token_id=ids["<|audio_out_bos|>"],
        audio_delay_token_id=ids["<|delay|>"], audio_stream_bos_id=STREAM_BEGIN, audio_stream_eos_id=STREAM_END,
    )  # fmt: skip


def _tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({sign: number for number, sign in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    pad, begin, end = MARKS[:3]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, pad_token=pad, bos_token=begin, eos_token=end)
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS[3:])})
    return tokenizer


@torch.no_grad()
def _teach_to_count(model: HiggsAudioV2ForConditionalGeneration, frames: int, *, is_endless: bool) -> None:
    """Let the first codebook say 0, 1, 2 and so on, and the end after `frames`; the others say what they like."""
    seen = model.model.embed_audio_tokens.embed_audio_tokens.weight.view(CODEBOOKS, SOUNDS + 2, WIDTH)
    said = model.audio_lm_head.weight.view(CODEBOOKS, SOUNDS + 2, WIDTH)
    seen.normal_(0, 0.02)
    said.normal_(0, 0.05)
    said[1:, STREAM_BEGIN:] = -4
    seen[0].zero_()
    seen[0, :, : SOUNDS + 2] = 3 * torch.eye(SOUNDS + 2)
    said[0].zero_()
    for number in range(frames):
        said[0, number, STREAM_BEGIN if number == 0 else number - 1] = 4
    said[0, 0 if is_endless else STREAM_END, frames - 1] = 4


@torch.no_grad()
def _set_loudness(codec: HiggsAudioV2TokenizerModel) -> None:
    for quantizer in codec.quantizer.quantizers:
        quantizer.codebook.embed.normal_(0, 1)
    sound = codec.decode(torch.randint(0, SOUNDS, (1, CODEBOOKS, 50))).audio_values
    last = codec.acoustic_decoder.conv2
    gain = LOUDNESS_RMS / sound.std()
    last.weight.mul_(gain)
    last.bias.copy_((last.bias - sound.mean()) * gain)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("codec_folder", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--endless", action="store_true")
    wanted = parser.parse_args()
    build(wanted.folder, wanted.codec_folder, wanted.frames, is_endless=wanted.endless)
