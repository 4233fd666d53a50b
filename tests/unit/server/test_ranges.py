from __future__ import annotations

import pytest
from starlette.requests import Request

from portevoix.server.ranges import ranged_answer

CLIP = bytes(range(100))


def answer(method: str = "GET", content: bytes = CLIP, **headers: str):
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": method, "headers": lines})
    return ranged_answer(request, content, "audio/wav", {"Cache-Control": "no-store"})


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=90-", 90, 99), ("bytes=-5", 95, 99), ("bytes=-500", 0, 99), ("bytes=50-5000", 50, 99),
     ("bytes=99-99", 99, 99)],
)  # fmt: skip
def test_a_part_is_sent(asked, first, last) -> None:
    part = answer(range=asked)
    assert (part.status_code, part.body) == (206, CLIP[first : last + 1])
    assert part.headers["content-range"] == f"bytes {first}-{last}/100"
    assert part.headers["content-length"] == str(last + 1 - first)
    assert part.headers["content-type"] == "audio/wav"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "items=0-1", "bytes=5-2", "bytes=-", "bytes=a-b", "bytes=" + "9" * 30 + "-", ""]
)
def test_what_cannot_be_read_is_the_whole(asked) -> None:
    whole = answer(range=asked)
    assert (whole.status_code, whole.body) == (200, CLIP)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_part_after_the_end_is_refused(asked) -> None:
    refused = answer(range=asked)
    assert refused.status_code == 416
    assert refused.headers["content-range"] == "bytes */100"
    assert b"range_not_there" in refused.body


def test_a_head_tells_the_whole_length() -> None:
    assert answer("HEAD", range="bytes=0-9").headers["content-length"] == "100"


def test_a_part_of_another_clip_is_not_glued_to_this_one() -> None:
    tag = answer().headers["etag"]
    other = answer(content=CLIP[::-1]).headers["etag"]
    assert tag != other
    assert answer(range="bytes=0-9", if_range=tag).status_code == 206
    assert answer(range="bytes=0-9", if_range=other).status_code == 200
    assert answer(range="bytes=0-9", if_range="Wed, 21 Oct 2015 07:28:00 GMT").status_code == 200


def test_what_the_client_has_is_not_sent_again() -> None:
    tag = answer().headers["etag"]
    assert [answer(if_none_match=known).status_code for known in (tag, f'"x", W/{tag}', "*", '"x"')] == [
        304, 304, 304, 200,
    ]  # fmt: skip
