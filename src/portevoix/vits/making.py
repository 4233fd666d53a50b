"""Make a voice's parts: split it, prove that the parts speak as the whole does, measure the voice's gain."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import EngineFailed, ModelBroken, ModelUnsupported
from portevoix.vits.expansion import Expansion
from portevoix.vits.level import gain_for
from portevoix.vits.network import Facts, Manner, SplitNetwork, WholeNetwork, are_near
from portevoix.vits.noise import Noise
from portevoix.vits.parts import Parts
from portevoix.vits.sessions import CPU, Device, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import onnx

    from portevoix.vits.config import VoiceConfig
    from portevoix.vits.network import Precision
    from portevoix.vits.split import SplitVoice

logger = logging.getLogger(__name__)

LARGEST_ERROR = 1e-4
LARGEST_PART_ERROR = 1e-4
LEAST_DB = 20.0
CHUNK_FRAMES = 37
"""Of no particular size, so that the proof crosses joints at odd places."""
TIMED_FRAMES = 64
TIMED_RUNS = 3
PROBE_PHONEMES = "aeioubdfklmnprstv"
PROBE_LENGTH = 24
PROBES = 3


def make_parts(model: Path, config: VoiceConfig, device: Device = CPU, precision: Precision = "fp32") -> Parts:
    """Split a voice into parts, in memory; with `int8` the decoder is one of eight bits where that pays here.

    Raises:
        ModelUnsupported: the graph is not of the stock shape, its parts do not speak as it does, or the `onnx` package
            is not there.
        ModelBroken: the file is no model.
    """
    whole = WholeNetwork(open_session("voice", model))
    parts = proven_parts(_split(model), whole, config, device)
    network = parts.network(device)
    probes = [speak(network, ids, Manner(seed=1)) for ids in probe_sentences(config)]
    exact = Parts(replace(parts.facts, gain=gain_for(probes)), parts.models)
    return in_eight_bits(exact, config, device) if precision == "int8" else exact


def proven_parts(voice: SplitVoice, whole: WholeNetwork, config: VoiceConfig, device: Device = CPU) -> Parts:
    """Return parts that speak as the whole does, in fast forms if these do.

    Raises:
        ModelUnsupported: none do.
    """
    fast = _fastest(_candidates(voice, config), config, device)
    try:
        prove(fast.network(device), whole, config)
    except ModelUnsupported:
        plain = _fastest([_plain(voice)], config, device)
        prove(plain.network(device), whole, config)
        logger.warning("parts.not_simplified")
        return plain
    return fast


def in_eight_bits(exact: Parts, config: VoiceConfig, device: Device = CPU, least_db: float = LEAST_DB) -> Parts:
    """Return the parts with a decoder of eight bits, or as they are where it is slower here or too inexact.

    Args:
        exact: the parts in floating point, in memory.
        config: the voice's settings.
        device: where they are to run; eight bits pay on the CPU alone.
        least_db: how far below the sound what eight bits add to it must lie.
    """
    if device.kind != "cpu":
        logger.warning("int8.refused", extra={"why": f"it is not made for {device}"})
        return exact
    from portevoix.vits.quantization import quantised, signal_to_noise_db

    network, speaker = exact.network(), config.default_speaker
    latents = [_latents(network, ids, Manner(speaker, seed=1))[1] for ids in probe_sentences(config)]
    decoder = quantised(bytes(exact.models["decoder"]), latents, speaker)
    small = Parts(exact.facts, {**exact.models, "decoder": decoder})
    unheard = Manner(speaker, seed=2)
    heard = [
        np.concatenate([speak(one, ids, unheard) for ids in probe_sentences(config)])
        for one in (network, small.network())
    ]
    loss_db = signal_to_noise_db(*heard)
    seconds, exact_seconds = (_frame_seconds(parts, config, device) for parts in (small, exact))
    facts = {"seconds": seconds, "fp32_seconds": exact_seconds, "loss_db": loss_db}
    if why := why_not_eight_bits(seconds, exact_seconds, loss_db, least_db):
        logger.warning("int8.refused", extra={"why": why, **facts})
        return Parts(replace(exact.facts, precision_loss_db=loss_db), exact.models)
    logger.info("int8.chosen", extra=facts)
    return Parts(replace(exact.facts, precision="int8", precision_loss_db=loss_db, frame_seconds=seconds), small.models)


def why_not_eight_bits(seconds: float, exact_seconds: float, loss_db: float, least_db: float = LEAST_DB) -> str | None:
    """Return why a decoder of eight bits is not to be used, None where it is.

    Args:
        seconds: how long it takes.
        exact_seconds: how long floating point takes for the same.
        loss_db: how far below the sound what it adds lies.
        least_db: how far it must.
    """
    if seconds >= exact_seconds:
        return "it is not faster here"
    return None if loss_db >= least_db else "it is too inexact"


def speak(network: SplitNetwork, ids: np.ndarray, manner: Manner) -> np.ndarray:
    """Return the float32 samples of a sentence, decoded in chunks, one after the other."""
    facts = network.facts
    expansion, latents = _latents(network, ids, manner)
    chunks = []
    for first in range(0, expansion.frames, CHUNK_FRAMES):
        last = min(first + CHUNK_FRAMES, expansion.frames)
        start, stop = max(0, first - facts.decoder_reach[0]), min(expansion.frames, last + facts.decoder_reach[1])
        chunks.append(network.decode(latents[:, start:stop], first - start, stop - last, manner))
    return np.concatenate(chunks)


def _latents(network: SplitNetwork, ids: np.ndarray, manner: Manner) -> tuple[Expansion, np.ndarray]:
    expansion = Expansion.empty(network.facts.channels).grown(network.encode(ids, 0, manner))
    prior = expansion.prior(0, expansion.frames, Noise(manner.seed), manner)
    return expansion, network.flow(prior, 0, 0, manner)


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


def _split(model: Path) -> SplitVoice:
    try:
        import onnx

        from portevoix.vits.split import split
    except ImportError as error:
        raise ModelUnsupported(
            "the voice cannot be streamed inside a sentence",
            "the onnx package, which splits voices, is not installed",
            "Run `pip install onnx`.",
        ) from error
    return split(onnx.load(str(model)))


def _candidates(voice: SplitVoice, config: VoiceConfig) -> list[Parts]:
    """Return the simplified parts, as far as they are faithful, with each form of the decoder, the fast one first."""
    plain = _plain(voice)
    facts = plain.facts
    models = {
        "encoder": faithful(voice.encoder, voice.plain_encoder, lambda part: _said(part, facts, config)),
        "flow": faithful(voice.flow, voice.plain_flow, lambda part: _flowed(part, facts, config)),
    }
    decoders = [plain.models["decoder"]]
    if voice.decoder is not None:
        decoders.insert(0, voice.decoder.SerializeToString())
    return [Parts(facts, {**models, "decoder": decoder}) for decoder in decoders]


def _plain(voice: SplitVoice) -> Parts:
    """Return the parts as they stand in the stock graph."""
    facts = Facts(
        hop_samples=voice.hop_samples,
        channels=voice.channels,
        flow_reach=(voice.flow_reach.left, voice.flow_reach.right),
        decoder_reach=(voice.decoder_reach.left, voice.decoder_reach.right),
        draws_durations=voice.draws_durations,
        has_speakers=voice.has_speakers,
    )
    forms = {"encoder": voice.plain_encoder, "flow": voice.plain_flow, "decoder": voice.plain_decoder}
    return Parts(facts, {name: form.SerializeToString() for name, form in forms.items()})


def faithful(simple: onnx.ModelProto, plain: onnx.ModelProto, results: Callable[[bytes], list[np.ndarray]]) -> bytes:
    """Return the simple form of a part where it gives the results of the plain one, else the plain one."""
    fast, stock = bytes(simple.SerializeToString()), bytes(plain.SerializeToString())
    try:
        pairs = zip(results(fast), results(stock), strict=True)
        if all(are_near(one, other, LARGEST_PART_ERROR) for one, other in pairs):
            return fast
    except (ModelBroken, EngineFailed):
        pass
    logger.warning("part.not_simplified", extra={"part": plain.graph.name})
    return stock


def _said(encoder: bytes, facts: Facts, config: VoiceConfig) -> list[np.ndarray]:
    """Return what an encoder says about the probes, and about the beginning of one."""
    session = open_session("encoder", encoder)
    network = SplitNetwork(facts, session, session, session)
    sentences = [ids[:count] for count in (1, len(PROBE_PHONEMES), None) for ids in probe_sentences(config)]
    encodings = [network.encode(ids, 0, Manner(config.default_speaker, seed=1)) for ids in sentences]
    return [values for one in encodings for values in (one.means, one.deviations, one.durations)]


def _flowed(flow: bytes, facts: Facts, config: VoiceConfig) -> list[np.ndarray]:
    """Return what a flow makes of noise: of a frame, of some, and of the middle of some."""
    session = open_session("flow", flow)
    network = SplitNetwork(facts, session, session, session)
    noise = np.random.default_rng(0).standard_normal((facts.channels, TIMED_FRAMES), dtype=np.float32)
    manner = Manner(config.default_speaker)
    before, after = (min(reach, TIMED_FRAMES // 3) for reach in facts.flow_reach)
    return [
        network.flow(noise[:, :1], 0, 0, manner),
        network.flow(noise, 0, 0, manner),
        network.flow(noise, 0, after, manner),
        network.flow(noise, before, after, manner),
    ]


def _fastest(candidates: list[Parts], config: VoiceConfig, device: Device) -> Parts:
    """Return the parts whose decoder takes the least time here, which is noted; processors differ in what they like."""
    timed = [
        Parts(replace(parts.facts, frame_seconds=_frame_seconds(parts, config, device)), parts.models)
        for parts in candidates
    ]
    return min(timed, key=lambda parts: parts.facts.frame_seconds)


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
