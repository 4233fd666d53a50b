from __future__ import annotations

import pytest

from portevoix.cli.progress import Progress, clock_face, stepping
from tests.hand_clock import HandClock


@pytest.fixture
def clock():
    return HandClock(0.0)


def test_short_work_draws_nothing(clock, capsys):
    progress = Progress(1000, 1.0, is_seen=True, clock=clock)
    clock.seconds = 0.9
    progress.show(5.0)
    progress.clear()
    assert capsys.readouterr().err == ""


def test_long_work_draws_a_line_and_takes_it_away(clock, capsys):
    progress = Progress(1500, 1.0, is_seen=True, clock=clock)
    clock.seconds = 1.1
    progress.show(50.0)
    progress.show(51.0)
    progress.clear()
    told = capsys.readouterr().err
    assert told == "\rspoken 0:50 of about 1:40  [############------------]\x1b[K\r\x1b[K"


def test_nothing_is_drawn_where_nobody_looks(clock, capsys):
    progress = Progress(1500, 1.0, is_seen=False, clock=clock)
    clock.seconds = 100.0
    progress.show(50.0)
    progress.clear()
    with stepping([1, 2], "Speaking") as steps:
        assert list(steps) == [1, 2]
    assert capsys.readouterr().err == ""


def test_a_guess_never_looks_done(clock):
    assert Progress(15, 1.0, clock=clock).line(1000.0).endswith("[#######################-]")


def test_a_text_that_still_arrives_has_no_end(clock):
    assert Progress(None, 1.0, clock=clock).line(65.0) == "spoken 1:05"


def test_hours():
    assert clock_face(3665.4) == "1:01:05"
