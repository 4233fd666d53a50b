from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from portevoix.errors import EngineFailed
from portevoix.vits.batching import BatchingNetwork, batching_pays
from portevoix.vits.network import Manner
from portevoix.vits.voice import VitsVoice
from tests.unit.vits.conftest import sentence, spoken

FRAMES = 24


class Watched:
    """A network that notes the size of each run, and holds the first one until it is let go."""

    def __init__(self, network, *, is_held=False, fails_above=100) -> None:
        self.facts = network.facts
        self.encode, self.flow = network.encode, network.flow
        self.runs = []
        self.begun, self.go = threading.Event(), threading.Event()
        self._network = network
        self._fails_above = fails_above
        if not is_held:
            self.go.set()

    def decode(self, latents, before, after, manner):
        return self.decode_together(latents[None], before, after, manner)[0]

    def decode_together(self, latents, before, after, manner):
        self.runs.append(len(latents))
        self.begun.set()
        assert self.go.wait(60)
        if len(latents) > self._fails_above:
            raise EngineFailed("the decoder failed on cuda:0", "out of memory")
        return self._network.decode_together(latents, before, after, manner)


@pytest.fixture
def network(french):
    return french._network


def chunks(network, count, frames=FRAMES):
    return np.random.default_rng(5).standard_normal((count, network.facts.channels, frames)).astype(np.float32)


def decode_at_once(batching, watched, latents, manners=None):
    """Decode the first chunk, and all others while it is under way; return what each became."""
    manners = manners or [Manner()] * len(latents)
    margins = batching.facts.decoder_reach
    with ThreadPoolExecutor(len(latents)) as threads:
        first = threads.submit(batching.decode, latents[0], *margins, manners[0])
        assert watched.begun.wait(60)
        rest = [
            threads.submit(batching.decode, one, *margins, manner)
            for one, manner in zip(latents[1:], manners[1:], strict=True)
        ]
        while len(batching._waiting) < len(rest):
            threading.Event().wait(0.001)
        watched.go.set()
        return [future.result(60) for future in (first, *rest)]


def test_those_who_come_while_the_device_is_busy_share_a_run(network):
    watched = Watched(network, is_held=True)
    latents = chunks(network, 6)
    heard = decode_at_once(BatchingNetwork(watched), watched, latents)
    assert watched.runs == [1, 5]
    for one, samples in zip(latents, heard, strict=True):
        alone = network.decode(one, *network.facts.decoder_reach, Manner())
        assert np.abs(samples - alone).max() < 1e-5


def test_a_run_has_room_for_so_many(network):
    watched = Watched(network, is_held=True)
    decode_at_once(BatchingNetwork(watched, largest=3), watched, chunks(network, 6))
    assert watched.runs == [1, 3, 2]


def test_chunks_of_another_size_or_speaker_have_their_own_run(network):
    watched = Watched(network, is_held=True)
    latents = [*chunks(network, 3), *chunks(network, 2, FRAMES + 8)]
    manners = [Manner(), Manner(), Manner(speaker=1), Manner(), Manner()]
    heard = decode_at_once(BatchingNetwork(watched), watched, latents, manners)
    assert sorted(watched.runs) == [1, 1, 1, 2]
    assert [len(one) for one in heard[:3]] == [len(heard[0])] * 3
    assert len(heard[3]) > len(heard[0])


def test_a_batch_that_fails_is_decoded_one_by_one_from_then_on(network):
    watched = Watched(network, is_held=True, fails_above=1)
    batching = BatchingNetwork(watched)
    latents = chunks(network, 4)
    heard = decode_at_once(batching, watched, latents)
    assert watched.runs == [1, 3, 1, 1, 1]
    assert all(len(one) for one in heard)
    assert batching._largest == 1


def test_a_chunk_that_fails_alone_is_a_failure(network):
    with pytest.raises(EngineFailed, match="out of memory"):
        BatchingNetwork(Watched(network, fails_above=0)).decode(chunks(network, 1)[0], 2, 2, Manner())


async def test_streams_through_it_are_the_same_as_without(french, scheduler):
    voice = VitsVoice(
        BatchingNetwork(french._network), french.config, french.fingerprint, scheduler, gain=french._network.facts.gain
    )
    one, *others = await asyncio.gather(*(spoken(voice, sentence(50 + 5 * seed), seed=seed) for seed in range(4)))
    expected = await spoken(french, sentence(50), seed=0)
    assert np.abs(one.samples - expected.samples).max() < 1e-5
    assert all(len(other.samples) for other in others)


def test_it_is_tried_whether_it_pays(network):
    assert batching_pays(network) in (True, False)
    assert not batching_pays(Watched(network, fails_above=1))
