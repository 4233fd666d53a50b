from __future__ import annotations

import numpy as np
import pytest

from portevoix.errors import EngineFailed, EngineUnavailable, ModelBroken
from portevoix.vits.expansion import Expansion
from portevoix.vits.network import Encoding, Facts, Manner, SparedNetwork, SplitNetwork
from portevoix.vits.noise import Noise
from portevoix.vits.sessions import Device, open_session
from portevoix.vits.voice import VitsVoice
from tests.unit.vits.conftest import FRENCH, sentence, spoken

FACTS = Facts(256, 2, (32, 32), (11, 11), draws_durations=False, has_speakers=False, gain=1.5)


class Scripted:
    """A session that gives the arrays it was made with, or fails."""

    def __init__(self, *results, error=None):
        self.results = list(results)
        self.error = error
        self.input_names = frozenset({"latents"})
        self.runs = 0

    def run(self, arrays):
        self.runs += 1
        if self.error is not None:
            raise self.error
        return self.results


class Failing:
    """A network on a device that fails after so many calls."""

    def __init__(self, network, calls):
        self.facts = network.facts
        self.network = network
        self.calls = calls

    def __getattr__(self, name):
        self.calls -= 1
        if self.calls < 0:
            raise EngineFailed("the decoder failed on cuda:0", "device lost")
        return getattr(self.network, name)


def test_facts_survive_json():
    assert Facts.from_json(FACTS.to_json()) == FACTS
    with pytest.raises(ModelBroken):
        Facts.from_json({"hop_samples": 1})


def test_durations_that_are_no_numbers_are_a_failure():
    encoder = Scripted(np.zeros((1, 1, 2)), np.zeros((1, 1, 2)), np.array([[[np.nan]]]))
    network = SplitNetwork(FACTS, encoder, Scripted(), Scripted())
    with pytest.raises(EngineFailed, match="could not be spoken"):
        network.encode(np.array([1]), 0, Manner())


def test_frames_get_the_mean_of_their_id():
    encoding = Encoding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2)), np.array([2, 1]))
    expansion = Expansion.empty(2).grown(encoding).grown(encoding.part(1, 2))
    assert expansion.frames == 4
    prior = expansion.prior(1, 4, Noise(0), Manner(noise_scale=0.0))
    assert prior.tolist() == [[1.0, 3.0, 3.0], [2.0, 4.0, 4.0]]


@pytest.mark.parametrize("calls", range(7))
async def test_a_device_lost_in_mid_sentence_is_not_heard(french, scheduler, calls):
    network = french._network
    opened = []
    spared = SparedNetwork(Failing(network, calls), lambda: opened.append(network) or network)
    voice = VitsVoice(spared, french.config, french.fingerprint, scheduler, gain=network.facts.gain)
    heard, expected = [await spoken(one, sentence(60), seed=4) for one in (voice, french)]
    assert np.abs(heard.samples - expected.samples).max() < 1e-5
    assert opened == [network]


async def test_a_spare_that_fails_too_is_a_failure(french, scheduler):
    network = Failing(french._network, 0)
    voice = VitsVoice(SparedNetwork(network, lambda: network), french.config, french.fingerprint, scheduler)
    with pytest.raises(EngineFailed, match="failed on cuda:0"):
        await spoken(voice, sentence(20))


def test_a_gpu_that_is_not_there_is_unavailable(voice_files):
    with pytest.raises(EngineUnavailable) as refusal:
        open_session("voice", voice_files[FRENCH], device=Device("cuda", 7))
    assert "cuda:7" in refusal.value.what
    assert refusal.value.hint


def test_arrays_that_do_not_fit_are_a_failure(voice_files):
    session = open_session("voice", voice_files[FRENCH])
    with pytest.raises(EngineFailed, match="the voice failed on cpu"):
        session.run({"input": np.ones(3), "input_lengths": np.ones(1), "scales": np.ones(1)})


def test_what_is_no_model_is_broken():
    with pytest.raises(ModelBroken):
        open_session("voice", b"no model at all")


def test_devices_have_the_names_of_configuration_files():
    assert [str(Device()), str(Device("cuda", 1))] == ["cpu", "cuda:1"]
