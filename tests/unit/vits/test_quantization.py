from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from portevoix.vits.config import read_config
from portevoix.vits.making import in_eight_bits, make_parts, speak, why_not_eight_bits
from portevoix.vits.network import Manner
from portevoix.vits.parts import PartsStore
from portevoix.vits.quantization import quantised, signal_to_noise_db
from portevoix.vits.sessions import Device
from portevoix.vits.voice import VitsVoice
from tests.unit.vits.conftest import DUO, FRENCH, copied, sentence, spoken


@pytest.fixture(scope="module", params=[FRENCH, DUO])
def exact(request, voice_files):
    """Parts in floating point, in memory, and the settings of their voice."""
    model = voice_files[request.param]
    config = read_config(model.with_name(model.name + ".json"))
    return make_parts(model, config), config


def test_noise_is_told_in_decibels():
    sound = np.ones(100, dtype=np.float32)
    assert signal_to_noise_db(sound, sound * 0.9) == pytest.approx(20, abs=1e-4)
    assert signal_to_noise_db(sound, sound) == math.inf
    assert signal_to_noise_db(sound * 0, sound) == -math.inf


def test_eight_bits_speak_nearly_the_same(exact):
    parts, _ = exact
    latents = np.random.default_rng(0).standard_normal((parts.facts.channels, 60)).astype(np.float32)
    decoder = quantised(parts.models["decoder"], [latents], speaker=0)
    types = {node.op_type for node in onnx.load_model_from_string(decoder).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= types
    small = type(parts)(parts.facts, {**parts.models, "decoder": decoder}).network()
    one, other = (network.decode(latents, 5, 5, Manner()) for network in (parts.network(), small))
    assert 15 < signal_to_noise_db(one, other) < 60


@pytest.mark.parametrize(
    ("seconds", "loss_db", "is_used"),
    [(0.5, 20.0, True), (0.5, 19.9, False), (1.0, 30.0, False), (0.9, float("nan"), False), (0.9, math.inf, True)],
)
def test_eight_bits_must_be_faster_and_near(seconds, loss_db, is_used):
    assert (why_not_eight_bits(seconds, 1.0, loss_db) is None) == is_used


def test_too_great_a_loss_is_refused_and_remembered(exact):
    parts, config = exact
    kept = in_eight_bits(parts, config, least_db=200.0)
    assert kept.facts.precision == "fp32"
    assert kept.models == parts.models
    assert 15 < kept.facts.precision_loss_db < 60


def test_what_is_chosen_is_what_its_facts_say(exact):
    """Whether eight bits are faster is for this machine to say; either way the parts fit their facts."""
    parts, config = exact
    chosen = in_eight_bits(parts, config, least_db=0.0)
    is_small = chosen.models["decoder"] != parts.models["decoder"]
    assert chosen.facts.precision == ("int8" if is_small else "fp32")
    probe = sentence(40)
    heard, expected = (speak(one.network(), probe, Manner(seed=3)) for one in (chosen, parts))
    assert signal_to_noise_db(expected, heard) > 15


def test_eight_bits_are_not_for_other_devices(exact):
    parts, config = exact
    assert in_eight_bits(parts, config, Device("cuda")) is parts


async def test_both_precisions_of_a_voice_lie_side_by_side(tmp_path, scheduler):
    model = copied(FRENCH, tmp_path)
    exact, small, again = [
        VitsVoice.load(model, scheduler=scheduler, precision=precision) for precision in ("fp32", "int8", "int8")
    ]
    assert (exact.precision, exact.precision_loss_db) == ("fp32", None)
    assert 15 < small.precision_loss_db < 60
    assert (again.precision, again.precision_loss_db) == (small.precision, small.precision_loss_db)
    one, other = [await spoken(voice, sentence(60), seed=1, is_leveled=False) for voice in (exact, small)]
    assert np.array_equal(one.durations, other.durations)
    assert signal_to_noise_db(one.samples, other.samples) > 15
    folders = [model.with_name(model.name + ".parts")]
    stores = [PartsStore(folders, exact.fingerprint, precision=precision) for precision in ("fp32", "int8")]
    assert all(store.find() for store in stores)
    assert stores[0].find().models != stores[1].find().models
