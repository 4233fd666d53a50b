from __future__ import annotations

import pytest
from starlette.requests import Request

from portevoix.server.etags import has_copy, tag_of

TAG = tag_of(b"content")


def asking(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": named})


def test_another_content_has_another_tag() -> None:
    assert tag_of(b"content") == TAG != tag_of(b"contents")
    assert TAG.startswith('"')
    assert TAG.endswith('"')


@pytest.mark.parametrize("known", [TAG, f"W/{TAG}", f'"other", {TAG}', f'W/"other",W/{TAG}', " * "])
def test_a_copy_is_known_by_its_tag(known: str) -> None:
    assert has_copy(asking(if_none_match=known), TAG)


@pytest.mark.parametrize("headers", [{}, {"if_none_match": ""}, {"if_none_match": '"other"'}, {"if_match": TAG}])
def test_whoever_has_another_copy_or_none_is_sent_the_content(headers: dict[str, str]) -> None:
    assert not has_copy(asking(**headers), TAG)
