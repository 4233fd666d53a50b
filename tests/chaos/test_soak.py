"""Many clients at once through every door, who leave when they like: nothing hangs, is left behind, or is unclean."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.soak import DOORS, soak
from tests.fuzzing import fuzzed

CLIENTS = 60
SECONDS = 5.0


@pytest.mark.timeout(300)
def test_a_crowd_comes_and_goes(tmp_path):
    settings = ("server.max_concurrent_requests=8", "server.max_queued_requests=16", "cache.max_size_mb=4")
    with fuzzed(tmp_path, *settings, seconds_per_word=0.02) as target:
        running = soak(target.port, target.wyoming_port, target.pid, clients=CLIENTS, seconds=SECONDS)
        outcome = asyncio.run(running)
        assert outcome.counts["wedged"] == 0, outcome.notes
        assert outcome.counts["unclean"] == 0, outcome.notes
        assert outcome.counts["heard"] > 0
        assert {number % len(DOORS) for number in outcome.first_seconds} == set(range(len(DOORS)))
        assert len(target.settle(outcome.descriptors_before)) <= outcome.descriptors_before
        assert target.trouble() == []
