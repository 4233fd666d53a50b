"""Make a voice's parts: split it, prove that the parts speak as the whole does, measure the voice's gain."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import ModelBroken, ModelUnsupported
from portevoix.vits.expansion import Expansion
from portevoix.vits.level import gain_for
from portevoix.vits.network import Facts, Manner, SplitNetwork, WholeNetwork
from portevoix.vits.noise import Noise
from portevoix.vits.parts import Parts
from portevoix.vits.sessions import CPU, Device, open_session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from portevoix.vits.config import VoiceConfig

logger = logging.getLogger(__name__)

LARGEST_ERROR = 1e-4
CHUNK_FRAMES = 37
"""Of no particular size, so that the proof crosses joints at odd places."""
TIMED_FRAMES = 64
TIMED_RUNS = 3
PROBE_PHONEMES = "aeioubdfklmnprstv"
PROBE_LENGTH = 24
PROBES = 3


def make_parts(model: Path, config: VoiceConfig, device: Device = CPU) -> Parts:
    """Split a voice into parts, in memory.

    Raises:
        ModelUnsupported: the graph is not of the stock shape, its parts do not speak as it does, or the `onnx` package
            is not there.
        ModelBroken: the file is no model.
    """
    whole = WholeNetwork(open_session("voice", model))
    parts, frame_seconds = _fastest(_candidates(model), config, device)
    network = parts.network(device)
    prove(network, whole, config)
    probes = [speak(network, ids, Manner(seed=1)) for ids in probe_sentences(config)]
    facts = replace(parts.facts, gain=gain_for(probes), frame_seconds=frame_seconds)
    return Parts(facts, parts.models)


def speak(network: SplitNetwork, ids: np.ndarray, manner: Manner) -> np.ndarray:
    """Return the float32 samples of a sentence, decoded in chunks, one after the other."""
    facts = network.facts
    expansion = Expansion.empty(facts.channels).grown(network.encode(ids, 0, manner))
    prior = expansion.prior(0, expansion.frames, Noise(manner.seed), manner)
    latents = network.flow(prior, manner)
    chunks = []
    for first in range(0, expansion.frames, CHUNK_FRAMES):
        last = min(first + CHUNK_FRAMES, expansion.frames)
        start, stop = max(0, first - facts.decoder_reach[0]), min(expansion.frames, last + facts.decoder_reach[1])
        chunks.append(network.decode(latents[:, start:stop], first - start, stop - last, manner))
    return np.concatenate(chunks)


def prove(network: SplitNetwork, whole: WholeNetwork, config: VoiceConfig) -> None:
    """See that the parts give the samples of the whole, without noise, for the last of the voice's speakers.

    Raises:
        ModelUnsupported: they do not.
    """
    manner = Manner(speaker=config.speaker_count - 1, noise_scale=0.0, noise_w_scale=0.0)
    ids = next(iter(probe_sentences(config)))
    expected, heard = whole.speak(ids, manner), speak(network, ids, manner)
    error = float(np.abs(expected - heard).max()) if len(expected) == len(heard) else float("inf")
    if not error <= LARGEST_ERROR:
        raise ModelUnsupported(
            "the voice cannot be streamed inside a sentence",
            f"its parts differ from the whole by {error:.1e}",
            "It is spoken sentence by sentence.",
        )
    logger.info("parts.proved", extra={"error": error})


def probe_sentences(config: VoiceConfig) -> Iterable[np.ndarray]:
    """Yield a few sentences of common phonemes, as int64 [ids]."""
    known = [number for mark in PROBE_PHONEMES for number in config.phoneme_ids.get(mark, ())]
    pads = config.phoneme_ids.get("_", (0,))
    known = [number for number in known if number < config.id_count] or [0]
    for seed in range(PROBES):
        order = np.random.default_rng(seed).choice(known, PROBE_LENGTH)
        yield np.array([number for phoneme in order for number in (phoneme, *pads)], dtype=np.int64)


def _candidates(model: Path) -> list[Parts]:
    """Return the parts with each form of the decoder, the fast one first."""
    try:
        import onnx

        from portevoix.vits.split import split
    except ImportError as error:
        raise ModelUnsupported(
            "the voice cannot be streamed inside a sentence",
            "the onnx package, which splits voices, is not installed",
            "Run `pip install onnx`.",
        ) from error
    voice = split(onnx.load(str(model)))
    facts = Facts(
        hop_samples=voice.hop_samples,
        channels=voice.channels,
        flow_reach=(voice.flow_reach.left, voice.flow_reach.right),
        decoder_reach=(voice.decoder_reach.left, voice.decoder_reach.right),
        draws_durations=voice.draws_durations,
        has_speakers=voice.has_speakers,
    )
    encoder, flow = voice.encoder.SerializeToString(), voice.flow.SerializeToString()
    decoders = [decoder for decoder in (voice.decoder, voice.plain_decoder) if decoder is not None]
    return [
        Parts(facts, {"encoder": encoder, "flow": flow, "decoder": decoder.SerializeToString()}) for decoder in decoders
    ]


def _fastest(candidates: list[Parts], config: VoiceConfig, device: Device) -> tuple[Parts, float]:
    """Return the parts whose decoder takes the least time here, and that time; processors differ in what they like."""
    timed = [(parts, _frame_seconds(parts, config, device)) for parts in candidates]
    return min(timed, key=lambda entry: entry[1])


def _frame_seconds(parts: Parts, config: VoiceConfig, device: Device) -> float:
    try:
        decoder = open_session("decoder", parts.models["decoder"], device=device)
    except ModelBroken:
        return float("inf")
    before, after = parts.facts.decoder_reach
    arrays: dict[str, np.ndarray] = {
        "latents": np.zeros((1, parts.facts.channels, before + TIMED_FRAMES + after), dtype=np.float32),
        "margins": np.array([before, after], dtype=np.int64),
        "sid": np.array([config.default_speaker], dtype=np.int64),
    }
    times = []
    for _ in range(TIMED_RUNS):
        began = time.perf_counter()
        decoder.run(arrays)
        times.append(time.perf_counter() - began)
    return min(times) / TIMED_FRAMES
