from __future__ import annotations

import httpx
import pytest

from portevoix.server.application import create_application
from portevoix.server.paths import plain_path
from tests.scripted import kind
from tests.served import connected, make_app


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/v1/audio/speech", "/v1/audio/speech"),
        ("/v1/audio/speech/", "/v1/audio/speech"),
        ("/v1//audio/speech", "/v1/audio/speech"),
        ("//v1/audio//speech//", "/v1/audio/speech"),
        ("/v1/v1/audio/speech", "/v1/audio/speech"),
        ("/v1/v1", "/v1"),
        ("/v1/v2/voices", "/v2/voices"),
        ("/v1/v1voice", "/v1/v1voice"),
        ("/v1/models/v1", "/v1/models/v1"),
        ("http://localhost:8001/v1/models", "/v1/models"),
        ("HTTP://localhost", "/"),
        ("/http://localhost/v1", "/http:/localhost/v1"),
    ],
)
def test_the_path_that_is_meant(sent, meant) -> None:
    assert plain_path(sent) == plain_path(plain_path(sent)) == meant


@pytest.mark.parametrize("path", ["/v1/audio/speech/", "/v1//audio/speech", "/v1/v1/audio/speech", "/audio/speech/"])
async def test_a_text_is_spoken_whatever_the_base_url_ended_in(path) -> None:
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.post(f"http://localhost{path}", json={"model": "tts-1", "input": "mot"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["//api/config", "/api//config", "/api/config/", "/v1//api/config"])
async def test_the_gate_sees_the_path_that_is_answered(path) -> None:
    far = httpx.ASGITransport(
        create_application(make_app(kind("alpha"), server={"allow_anyone": True})), client=("192.0.2.7", 4000)
    )
    async with httpx.AsyncClient(transport=far, base_url="http://127.0.0.1") as client:
        assert (await client.get(f"http://127.0.0.1{path}")).status_code in (403, 404)
        assert (await client.get("http://127.0.0.1//health//live/")).status_code == 200
