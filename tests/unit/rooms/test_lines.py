from __future__ import annotations

import pytest

from portevoix.rooms.lines import LONGEST_LINE_BYTES, cut


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_in_whatever_pieces_they_come(size: int) -> None:
    written = "un\ndeux\r\n\ntrois\rété\nquatre".encode()
    found, rest = [], b""
    for start in range(0, len(written), size):
        lines, rest = cut(rest, written[start : start + size])
        found += lines
    assert [line.decode() for line in found] == ["un", "deux", "trois", "été"]
    assert rest == b"quatre"


def test_a_line_without_an_end_takes_no_more_memory_than_a_long_one() -> None:
    rest, found = b"", []
    for _ in range(20):
        lines, rest = cut(rest, b"x" * 10_000)
        found += lines
        assert len(rest) <= LONGEST_LINE_BYTES
    assert sum(map(len, found)) + len(rest) == 200_000
