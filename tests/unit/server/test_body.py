from __future__ import annotations

import gzip
import zlib

import pytest
from starlette.requests import Request

from portevoix.server.body import read_object
from portevoix.server.errors import BodyTooLarge, UnreadableBody, WrongContentType

JSON = {"content-type": "application/json"}


def request(*pieces: bytes, headers: dict[str, str] = JSON) -> tuple[Request, list[bytes]]:
    """Return a request whose body comes in pieces, and the pieces that have not been read."""
    left = list(pieces)

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": lines}, receive), left


async def read(*pieces: bytes, headers: dict[str, str] = JSON, max_bytes: int = 1000):
    return await read_object(request(*pieces, headers=headers)[0], max_bytes)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"])
async def test_reads_an_object(kind):
    assert await read(b'{"a": ', b'"\xc3\xa9"}', headers={"content-type": kind}) == {"a": "é"}


async def test_a_mark_before_the_text_is_no_part_of_it():
    assert await read(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(("coding", "compress"), [
    ("gzip", gzip.compress), ("X-GZip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes),
])  # fmt: skip
async def test_a_compressed_body_is_inflated(coding, compress):
    body = compress(b'{"a": 1}')
    assert await read(body[:5], body[5:], headers={**JSON, "content-encoding": coding}) == {"a": 1}


@pytest.mark.parametrize(("coding", "body", "error", "why"), [
    ("br", b"{}", WrongContentType, "br"),
    ("gzip, gzip", b"{}", WrongContentType, "gzip"),
    ("gzip", b'{"a": 1}', UnreadableBody, "not gzip"),
    ("gzip", gzip.compress(b'{"a": 1}')[:-9], UnreadableBody, "its end is missing"),
    ("gzip", b"", UnreadableBody, "its end is missing"),
    ("gzip", gzip.compress(b" " * 1001), BodyTooLarge, "1000"),
    ("gzip", gzip.compress(b" " * 500_000), BodyTooLarge, "1000"),
])  # fmt: skip
async def test_a_compressed_body_is_refused(coding, body, error, why):
    with pytest.raises(error, match=why):
        await read(body, headers={**JSON, "content-encoding": coding})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_refuses_what_does_not_say_it_is_json(kind):
    with pytest.raises(WrongContentType, match=kind or "does not say"):
        await read(b"{}", headers={"content-type": kind})


@pytest.mark.parametrize(("body", "why"), [
    (b"", "empty"), (b" \n", "empty"), (b"{", "not JSON"), (b"{'a': 1}", "not JSON"), (b'{"a": NaN}', "NaN"),
    (b'{"a": [Infinity]}', "Infinity"), (b'{"a": -Infinity}', "Infinity"), (b"[1]", "a list"), (b'"text"', "a text"),
    (b"1", "a number"), (b"1.5", "a number"), (b"null", "null"), (b"true", "true or false"),
    (b'{"a": "\xff"}', "UTF-8"),
    (b"\xff\xfe{\x00}\x00", "UTF-8"), (b'{"a": "\x00"}', "not JSON"), (b'{"a": 1} x', "not JSON"),
    (b'{"a": ' + b"1" * 5000 + b"}", "not JSON"), (b'{"a":' + b"[" * 100_000, "nested"),
])  # fmt: skip
async def test_refuses_what_is_no_object(body, why):
    with pytest.raises(UnreadableBody, match=why):
        await read(body, max_bytes=1_000_000)


async def test_refuses_a_length_that_is_too_much_without_reading():
    asked, left = request(b"x" * 10, headers={**JSON, "content-length": "1001"})
    with pytest.raises(BodyTooLarge):
        await read_object(asked, 1000)
    assert left == [b"x" * 10]


async def test_stops_reading_where_it_is_too_much():
    asked, left = request(*[b"x" * 400] * 9)
    with pytest.raises(BodyTooLarge, match="1000 bytes"):
        await read_object(asked, 1000)
    assert len(left) == 6


async def test_takes_exactly_as_much_as_is_allowed():
    body = b'{"a": "' + b"x" * 991 + b'"}'
    assert len(body) == 1000
    assert await read(body)
