"""Build Piper-format voices with random weights: small ones for the tests, full-size ones for the benchmarks.

The network is piper-tts's own (`piper.train.vits.models.SynthesizerTrn`), exported as `piper.train.export_onnx` does
it, so that the nodes and their order are those of published voices. The weights are random but behave: a phoneme lasts
about 65 ms (pads included) and the sound has an rms of about 0.12. The same arguments give the same bytes.

Needs torch, onnx and piper-tts with what its training code imports (lightning), which the product itself does not:

    python -m venv build-venv
    build-venv/bin/pip install torch piper-tts onnx lightning
    build-venv/bin/python scripts/build_fixture_voice.py                       # the committed fixtures
    build-venv/bin/python scripts/build_fixture_voice.py --size medium --into voices-to-measure
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import torch
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP
from piper.train.vits.config import ModelAudioConfig, ModelConfig
from piper.train.vits.models import DurationPredictor, SynthesizerTrn

if TYPE_CHECKING:
    from collections.abc import Mapping

OPSET = 15
SYMBOLS = 256
HOP_SAMPLES = 256
ID_SECONDS = 2.35 * HOP_SAMPLES / 22050
"""How long one id lasts at noise 0, before it is rounded up to frames; phonemes and pads take turns."""
SMALLEST_PUBLISHED_HIDDEN = 96
DURATION_SPREAD = 0.35 / 0.8
SOUND_RMS = 0.12
RESIDUAL_GAIN = 0.7
FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "voices"


@dataclass(frozen=True)
class Language:
    """What a published voice says about its language, and the espeak voice that speaks it."""

    code: str
    name_native: str
    name_english: str
    country_english: str
    espeak_voice: str

    def block(self) -> dict[str, str]:
        """Return the `language` block of a voice's configuration."""
        family, region = self.code.split("_")
        return {
            "code": self.code,
            "family": family,
            "region": region,
            "name_native": self.name_native,
            "name_english": self.name_english,
            "country_english": self.country_english,
        }


FRENCH = Language("fr_FR", "Français", "French", "France", "fr")
ENGLISH = Language("en_US", "English", "English", "United States", "en-us")


@dataclass(frozen=True)
class Recipe:
    """One voice to build; `hidden`, `filters` and `decoder.upsample_initial_channel` are widths in channels."""

    name: str
    language: Language
    quality: str
    sample_rate: int
    hidden: int
    filters: int
    layers: int
    decoder: ModelAudioConfig
    speakers: Mapping[str, int]
    speaker_channels: int = 0
    stochastic_durations: bool = True
    seed: int = 1

    @property
    def frames_per_id(self) -> float:
        """Frames that one id lasts at noise 0, before rounding up."""
        return ID_SECONDS * self.sample_rate / HOP_SAMPLES

    def model(self) -> ModelConfig:
        """Return the same in the terms of piper-tts's training code."""
        return ModelConfig(
            num_symbols=SYMBOLS,
            n_speakers=max(1, len(self.speakers)),
            audio=self.decoder,
            inter_channels=self.hidden,
            hidden_channels=self.hidden,
            filter_channels=self.filters,
            n_layers=self.layers,
            gin_channels=self.speaker_channels,
            use_sdp=self.stochastic_durations,
        )


def tiny_decoder() -> ModelAudioConfig:
    """Return the decoder of the medium quality with 24 instead of 256 channels."""
    decoder = ModelAudioConfig.low_quality()
    decoder.upsample_initial_channel = 24
    return decoder


def fixtures() -> list[Recipe]:
    """Return the voices that the tests speak with."""
    duo = {"anna": 0, "ben": 1}
    return [
        Recipe("fr_FR-petit-low", FRENCH, "low", 16000, 8, 16, 2, tiny_decoder(), {}, seed=1),
        Recipe("en_US-small-low", ENGLISH, "low", 16000, 8, 16, 2, tiny_decoder(), {}, seed=2),
        Recipe("en_US-duo-low", ENGLISH, "low", 16000, 8, 16, 2, tiny_decoder(), duo, 8, stochastic_durations=False),
    ]


def stand_ins() -> dict[str, Recipe]:
    """Return the voices as large as published ones, by quality."""
    low, high = ModelAudioConfig.low_quality, ModelAudioConfig.high_quality
    four = {f"speaker{number}": number for number in range(4)}
    return {
        "x_low": Recipe("en_US-standin-x_low", ENGLISH, "x_low", 16000, 96, 384, 6, low(), {}),
        "medium": Recipe("en_US-standin-medium", ENGLISH, "medium", 22050, 192, 768, 6, low(), {}),
        "four": Recipe("en_US-standin4-medium", ENGLISH, "medium", 22050, 192, 768, 6, low(), four, 512),
        "high": Recipe("en_US-standin-high", ENGLISH, "high", 22050, 192, 768, 6, high(), {}),
    }


def build(recipe: Recipe, folder: Path) -> Path:
    """Write `<name>.onnx` and `<name>.onnx.json` into `folder` and return the path of the former."""
    torch.manual_seed(recipe.seed)
    network = random_network(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recipe.name}.onnx"
    export(network, path)
    if recipe.hidden < SMALLEST_PUBLISHED_HIDDEN:
        shorten_names(path)
    text = json.dumps(configuration(recipe), indent=2, ensure_ascii=False)
    path.with_name(path.name + ".json").write_text(text + "\n", encoding="utf-8")
    return path


def random_network(recipe: Recipe) -> SynthesizerTrn:
    """Return the network with weights that give speech-like lengths and loudness."""
    model = recipe.model()
    network = SynthesizerTrn(
        n_vocab=model.num_symbols,
        spec_channels=model.mel.filter_length // 2 + 1,
        segment_size=model.segment_size // model.mel.hop_length,
        inter_channels=model.inter_channels,
        hidden_channels=model.hidden_channels,
        filter_channels=model.filter_channels,
        n_heads=model.n_heads,
        n_layers=model.n_layers,
        kernel_size=model.kernel_size,
        p_dropout=model.p_dropout,
        resblock=model.resblock,
        resblock_kernel_sizes=model.resblock_kernel_sizes,
        resblock_dilation_sizes=model.resblock_dilation_sizes,
        upsample_rates=model.upsample_rates,
        upsample_initial_channel=model.upsample_initial_channel,
        upsample_kernel_sizes=model.upsample_kernel_sizes,
        n_speakers=model.n_speakers,
        gin_channels=model.gin_channels,
        use_sdp=model.use_sdp,
    )
    if not model.use_sdp:
        network.dp = DurationPredictor(model.hidden_channels, recipe.filters, 3, 0.5, gin_channels=model.gin_channels)
    network.eval()
    with torch.no_grad():
        network.dec.remove_weight_norm()
        set_prior(network)
        set_durations(network, recipe.frames_per_id)
        set_flow(network)
        set_decoder(network)
        set_loudness(network)
    return network


def set_prior(network: SynthesizerTrn) -> None:
    """Give every id means of its own and a log-deviation of about -0.7."""
    channels = network.inter_channels
    torch.nn.init.normal_(network.enc_p.proj.weight, 0.0, 1 / math.sqrt(network.hidden_channels))
    network.enc_p.proj.weight[channels:] *= 0.1
    network.enc_p.proj.bias[channels:] = -0.7


def set_durations(network: SynthesizerTrn, frames_per_id: float) -> None:
    """Make an id last `frames_per_id` frames in the middle of the distribution."""
    if network.use_sdp:
        affine = network.dp.flows[0]
        affine.logs.fill_(-math.log(DURATION_SPREAD))
        affine.m.fill_(-math.log(frames_per_id) / DURATION_SPREAD)
        return
    torch.nn.init.normal_(network.dp.proj.weight, 0.0, 0.25 / math.sqrt(network.dp.proj.in_channels))
    network.dp.proj.bias.fill_(math.log(frames_per_id))


def set_flow(network: SynthesizerTrn) -> None:
    """Let the couplings move the samples a little: training starts them at nothing."""
    for layer in network.flow.flows[::2]:
        torch.nn.init.normal_(layer.post.weight, 0.0, 0.02)


def set_decoder(network: SynthesizerTrn) -> None:
    """Keep the signal's power through the decoder: std 1 / sqrt(fan-in), residual branches a little lower."""
    for name, module in network.dec.named_modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            gain = RESIDUAL_GAIN if "resblocks" in name else 1.0
            torch.nn.init.normal_(module.weight, 0.0, gain / math.sqrt(fan_in(module)))


def fan_in(module: torch.nn.Conv1d | torch.nn.ConvTranspose1d) -> float:
    """Return how many products make one output sample."""
    taps = module.kernel_size[0] / module.stride[0]
    return module.in_channels * (taps if isinstance(module, torch.nn.ConvTranspose1d) else module.kernel_size[0])


def set_loudness(network: SynthesizerTrn) -> None:
    """Scale the last convolution so that the sound has the rms SOUND_RMS."""
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(1, SYMBOLS, (1, 200), generator=generator)
    sid = torch.zeros(1, dtype=torch.long) if network.n_speakers > 1 else None
    for _ in range(4):
        sound = network.infer(ids, torch.tensor([200]), sid=sid)[0]
        network.dec.conv_post.weight *= SOUND_RMS / sound.std()


def export(network: SynthesizerTrn, path: Path) -> None:
    """Write the network as an ONNX file the way piper-tts exports its voices."""

    def speak(
        text: torch.Tensor, text_lengths: torch.Tensor, scales: torch.Tensor, sid: torch.Tensor | None = None
    ) -> torch.Tensor:
        sound = network.infer(
            text, text_lengths, noise_scale=scales[0], length_scale=scales[1], noise_scale_w=scales[2], sid=sid
        )
        return sound[0].unsqueeze(1)

    network.forward = speak
    sid = torch.zeros(1, dtype=torch.long) if network.n_speakers > 1 else None
    text = torch.randint(0, SYMBOLS, (1, 50))
    torch.onnx.export(
        model=network,
        args=(text, torch.tensor([50]), torch.tensor([0.667, 1.0, 0.8]), sid),
        f=str(path),
        opset_version=OPSET,
        input_names=["input", "input_lengths", "scales", "sid"],
        output_names=["output"],
        dynamic_axes={
            "input": {0: "batch_size", 1: "phonemes"},
            "input_lengths": {0: "batch_size"},
            "output": {0: "batch_size", 2: "time"},
        },
        dynamo=False,
    )


def shorten_names(path: Path) -> None:
    """Rename what nodes make and drop the nodes' own names: in a tiny voice they are most of the file."""
    voice = onnx.load(path)
    kept = {output.name for output in voice.graph.output}
    made = (name for node in voice.graph.node for name in node.output if name not in kept)
    short = {name: f"t{number:x}" for number, name in enumerate(made)}
    for node in voice.graph.node:
        node.ClearField("name")
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]
    del voice.graph.value_info[:]
    onnx.save(voice, path)


def configuration(recipe: Recipe) -> dict[str, object]:
    """Return what stands in the voice's `.onnx.json`."""
    return {
        "audio": {"sample_rate": recipe.sample_rate, "quality": recipe.quality},
        "espeak": {"voice": recipe.language.espeak_voice},
        "language": recipe.language.block(),
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "num_symbols": SYMBOLS,
        "num_speakers": max(1, len(recipe.speakers)),
        "speaker_id_map": dict(recipe.speakers),
        "hop_length": HOP_SAMPLES,
        "piper_version": "1.0.0",
        "dataset": recipe.name.split("-")[1],
    }


def main() -> None:
    """Build what the command line asks for and print the paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=sorted(stand_ins()), help="a voice as large as a published one")
    parser.add_argument("--into", type=Path, help="folder to write to (needed with --size)")
    arguments = parser.parse_args()
    if arguments.size and not arguments.into:
        parser.error("--size needs --into: full-size voices do not belong among the fixtures")
    recipes = [stand_ins()[arguments.size]] if arguments.size else fixtures()
    for recipe in recipes:
        path = build(recipe, arguments.into or FIXTURES)
        print(f"{path} ({path.stat().st_size} bytes)")


if __name__ == "__main__":
    main()
