from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from portevoix.vits.schedule import Schedule, schedule_for


def sizes(frames, company=1, workers=2, schedule=None):
    """Cut a sentence of so many frames into chunks."""
    plan, previous = [], 0
    while frames:
        previous = (schedule or Schedule()).size(previous, company, workers, frames)
        plan.append(previous)
        frames -= previous
    return plan


def test_begins_small_and_grows():
    assert sizes(700, company=2) == [8, 16, 32, 64, 128, 128, 128, 128, 68]


def test_grows_faster_alone_if_the_voice_is_fast():
    fast, slow = schedule_for(0.00025, 0.0116), schedule_for(0.004, 0.0116)
    assert sizes(700, schedule=fast) == [8, 96, 128, 128, 128, 106, 106]
    assert sizes(700, schedule=slow)[:5] == [8, 16, 32, 64, 128]
    assert schedule_for(0.0, 0.0116) == Schedule()


def test_the_larger_a_crowd_the_more_it_begins_with():
    assert [sizes(1000, company=company)[0] for company in (7, 8, 16, 1000)] == [8, 16, 32, 128]


def test_a_short_sentence_has_few_chunks_that_keep_every_worker_busy():
    assert sizes(170, schedule=Schedule(growth_alone=12)) == [8, 81, 81]
    assert sizes(10) == [10]


def test_without_knowing_the_end_it_goes_on_growing():
    assert Schedule().size(64, 2, 2, None) == 128


@given(st.integers(1, 3000), st.integers(1, 20), st.integers(1, 8))
def test_every_frame_is_in_one_chunk(frames, company, workers):
    plan = sizes(frames, company, workers)
    assert sum(plan) == frames
    assert min(plan) > 0
    assert max(plan) <= 160
