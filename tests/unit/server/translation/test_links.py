from __future__ import annotations

import pytest

from portevoix.server.errors import LinkExpired
from portevoix.server.translation.links import Links


def test_a_clip_is_found_until_its_time_is_over():
    now = [0.0]
    links = Links(60.0, 1000, clock=lambda: now[0])
    token = links.add(b"audio", "audio/wav")
    now[0] = 59.0
    assert (links.find(token).content, links.find(token).media_type) == (b"audio", "audio/wav")
    now[0] = 60.0
    with pytest.raises(LinkExpired):
        links.find(token)


def test_the_oldest_make_room():
    links = Links(60.0, 10)
    first, second = links.add(b"12345", "a/b"), links.add(b"12345", "a/b")
    assert links.find(first)
    third = links.add(b"1", "a/b")
    with pytest.raises(LinkExpired):
        links.find(first)
    assert links.find(second)
    assert links.find(third)
    assert links.add(b"x" * 11, "a/b") is None


def test_nobody_guesses_a_name():
    links = Links(60.0, 1000)
    names = {links.add(b"1", "a/b") for _ in range(100)}
    assert len(names) == 100
    assert min(map(len, names)) >= 32
    with pytest.raises(LinkExpired):
        links.find("")
