from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from portevoix.vits.level import Level
from portevoix.vits.network import Encoding, Facts, Manner
from portevoix.vits.noise import Noise
from portevoix.vits.schedule import Schedule
from portevoix.vits.utterance import Utterance
from portevoix.vits.windows import Windows

HOP, RATE, WORKERS = 4, 400, 3
MANNER = Manner(noise_scale=0.5, seed=9)


def summed(values, before, after):
    """Sum each position of [channels, frames] with its neighbours; beyond the ends there is nothing."""
    padded = np.pad(values, ((0, 0), (before, after)))
    return sum(padded[:, shift : shift + values.shape[1]] for shift in range(before + after + 1))


class Sums:
    """A network whose every frame depends on all frames within its reach, which differs to the two sides."""

    facts = Facts(HOP, 2, (3, 5), (2, 4), draws_durations=False, has_speakers=False)

    def encode(self, ids, first, manner):
        return Encoding(np.stack([ids, -ids], 1).astype(np.float32), np.ones((len(ids), 2), np.float32), ids % 5)

    def flow(self, prior, before, after, manner):
        latents = summed(prior, *self.facts.flow_reach)
        return latents[:, before : latents.shape[1] - after]

    def decode(self, latents, before, after, manner):
        frames = summed(latents, *self.facts.decoder_reach)[0]
        return np.repeat(frames[before : len(frames) - after], HOP)


def utterance(ids, schedule, windows):
    return Utterance(
        Sums(),
        ids,
        windows=windows.over(ids.tolist()),
        manner=MANNER,
        level=Level(1e-3),
        schedule=schedule,
        sample_rate=RATE,
    )


def in_any_order(job, draw):
    """Run a job as several workers would: what was begun ends in an order that chance decides."""
    at_work, pieces = [], []
    while not job.is_finished:
        may_begin = len(at_work) < WORKERS and job.next_due_seconds(1, WORKERS) is not None
        if may_begin and (not at_work or draw(st.booleans())):
            at_work.append(job.take())
        else:
            pieces += at_work.pop(draw(st.integers(0, len(at_work) - 1)))()()
    assert not any(work()() for work in at_work), "what is still at work when all is told adds nothing"
    return pieces


@given(
    st.lists(st.integers(1, 99), min_size=1, max_size=60),
    st.builds(Schedule, first=st.integers(1, 9), growth_alone=st.integers(1, 3), largest=st.integers(1, 40)),
    st.sampled_from([Windows(), Windows(whole=8, beginning=4, outlook=3, slack=2, longest=20, overlap=3)]),
    st.data(),
)
def test_any_order_of_any_chunks_gives_the_same_samples(ids, schedule, windows, data):
    ids = np.array([1, *ids])
    whole = in_any_order(utterance(ids, Schedule(first=10**6), Windows()), lambda _: 0)
    pieces = in_any_order(utterance(ids, schedule, windows), data.draw)
    heard = np.concatenate([piece.samples for piece in pieces])
    assert np.allclose(heard, np.concatenate([piece.samples for piece in whole]), atol=1e-5)
    durations = np.concatenate([piece.id_samples for piece in pieces])
    assert durations.tolist() == (ids % 5 * HOP).tolist()


def test_the_whole_is_what_the_network_computes():
    ids = np.array([3, 4, 2, 9, 1])
    job = utterance(ids, Schedule(first=2), Windows())
    heard = np.concatenate([piece.samples for piece in in_any_order(job, lambda _: 0)])
    means = np.repeat(np.stack([ids, -ids]), ids % 5, axis=1).astype(np.float32)
    prior = means + 0.5 * Noise(9).for_frames(0, means.shape[1], 2)
    expected = np.repeat(summed(summed(prior, 3, 5), 2, 4)[0], HOP) * 1e-3
    assert np.allclose(heard, np.clip(expected, -1, 1), atol=1e-5)


def test_what_is_needed_first_is_begun_first():
    job = utterance(np.full(50, 4), Schedule(first=2, growth_alone=2, largest=8), Windows())
    assert job.next_due_seconds(1, 1) == 0
    job.take()()()
    assert job.next_due_seconds(1, 1) == 0
    flow = job.take()
    assert job.next_due_seconds(1, 1) is None
    flow()()
    assert job.next_due_seconds(1, 1) == 0
    first_chunk = job.take()
    assert job.next_due_seconds(1, 1) is None
    first_chunk()()
    assert job.next_due_seconds(1, 1) == 2 * HOP / RATE


def test_the_rest_is_not_encoded_before_the_first_chunk_is_heard():
    windows = Windows(whole=8, beginning=20, outlook=10, slack=1, longest=200)
    job = utterance(np.full(90, 4), Schedule(first=2), windows)
    for _ in range(3):  # the beginning is encoded, goes through the flow, is decoded
        assert job.next_due_seconds(1, 2) == 0
        work = job.take()
        assert job.next_due_seconds(1, 2) is None
        heard = work()()
    assert heard
    assert job.next_due_seconds(1, 2) is not None


def test_a_plan_made_before_the_end_was_known_does_not_go_beyond_it():
    windows = Windows(whole=8, beginning=4, outlook=3, slack=1, longest=20)
    job = utterance(np.ones(9, dtype=np.int64), Schedule(first=5, growth_alone=2), windows)
    pieces = in_any_order(job, lambda _: 0)
    assert sum(len(piece.samples) for piece in pieces) == 9 * HOP
