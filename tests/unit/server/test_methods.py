from __future__ import annotations

import pytest

from tests.scripted import kind
from tests.served import connected, make_app


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/audio/speech", "OPTIONS, POST"),
        ("/api/models", "GET, HEAD, OPTIONS, POST"),
        ("/api/models/any", "DELETE, GET, HEAD, OPTIONS"),
        ("/api/config", "GET, HEAD, OPTIONS, PUT"),
        ("/", "GET, HEAD, OPTIONS, POST"),
        ("/v1/text-to-speech/alpha-fr/stream", "OPTIONS, POST"),
    ],
)
async def test_options_tell_every_method_of_a_path(path, methods) -> None:
    async with connected(make_app(kind("alpha"))) as client:
        told = await client.options(path)
        refused = await client.request("TRACE", path)
    assert (told.status_code, told.headers["allow"], told.content) == (204, methods, b"")
    assert (refused.status_code, refused.headers["allow"]) == (405, methods)
    assert refused.json()["error"]["code"] == "method_not_allowed"


async def test_a_path_that_is_not_there_has_no_methods() -> None:
    async with connected(make_app(kind("alpha"))) as client:
        assert (await client.options("/nowhere")).status_code == 404
