from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.cli.models import Display, line
from portevoix.models.progress import Progress

if TYPE_CHECKING:
    import pytest

HALF = Progress("voix", "fetching", 31_600_000, 63_200_000, 5_000_000.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 0.15
        return self.now


def test_a_line_tells_share_speed_and_time_left() -> None:
    assert line(HALF) == "voix  50% of 63.2 MB  5.0 MB/s  0:06 left"
    assert line(Progress("voix", "fetching", 1, 2)) == "voix  50% of 0.0 MB  0.0 MB/s"
    assert line(Progress("voix", "waiting")) == "voix  waiting"


def test_where_nobody_looks_each_tenth_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(is_seen=False)
    for done in range(101):
        display(Progress("voix", "fetching", done, 100))
    display.clear()
    lines = capsys.readouterr().err.splitlines()
    assert [one.split()[1] for one in lines] == [f"{tenth}0%" for tenth in range(1, 11)]


def test_on_a_terminal_a_bar_is_drawn_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(is_seen=True, clock=Clock())
    for _ in range(4):
        display(HALF)
    display(Progress("autre", "starting"))
    drawn = capsys.readouterr().err.split("\r")[1:]
    assert len(drawn) == 3
    assert drawn[0] == f"[############------------] {line(HALF)}\x1b[K"
    assert drawn[-1].endswith("and 1 more\x1b[K")
    display.clear()
    assert capsys.readouterr().err == "\r\x1b[K"
