from __future__ import annotations

import asyncio

import pytest

from portevoix.metrics import Metrics
from portevoix.server.pulse import PERIOD_SECONDS, Pulse
from portevoix.server.supervisor import Supervisor


async def test_each_beat_tells_how_late_it_came():
    metrics, now, late = Metrics(), 100.0, iter([0.0, 0.2, 3.0])

    async def pause(seconds: float) -> None:
        nonlocal now
        if (extra := next(late, None)) is None:
            raise asyncio.CancelledError
        now += seconds + extra

    with pytest.raises(asyncio.CancelledError):
        await Pulse(metrics, Supervisor({}), clock=lambda: now, pause=pause).run()
    read = metrics.registry.get_sample_value
    assert read("tts_event_loop_lag_seconds_count") == 3
    assert read("tts_event_loop_lag_seconds_sum") == pytest.approx(3.2)
    assert now == pytest.approx(103.2 + 3 * PERIOD_SECONDS)
