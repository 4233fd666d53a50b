from __future__ import annotations

from portevoix.models.progress import Meter, Progress
from tests.hand_clock import HandClock


def test_speed_and_time_left_are_those_of_the_last_seconds() -> None:
    clock = HandClock(0.0)
    meter = Meter("voix", 0, clock)
    assert meter.step("size", {"total": 1000, "done": 100}).seconds_left is None
    for second in range(1, 20):
        clock.seconds = second
        progress = meter.step("bytes", {"done": 100 + (10 * second if second < 10 else 90 + 20 * (second - 9))})
    assert progress.bytes_per_second == 20.0
    assert progress.ratio == 0.39
    assert progress.seconds_left == (1000 - 390) / 20


def test_what_lay_there_before_is_no_speed() -> None:
    clock = HandClock(0.0)
    meter = Meter("voix", 1000, clock)
    meter.step("size", {"total": 1000, "done": 0})
    clock.seconds = 1.0
    assert meter.step("size", {"total": 1000, "done": 900}).bytes_per_second == 0.0


def test_the_end_is_the_whole() -> None:
    meter = Meter("voix", 10)
    assert meter.step("checking", {"checked": 5}).phase == "checking"
    assert meter.step("pausing", {}).phase == "checking"
    ended = meter.step("done", {})
    assert (ended.has_ended, ended.done_bytes, ended.ratio, ended.seconds_left) == (True, 10, 1.0, None)
    assert Progress("voix").ratio == 0.0
