"""What is said of a model that is on its way, with a double of the hub."""

from __future__ import annotations

import threading
from contextlib import aclosing

import pytest

from portevoix.errors import ChainExhausted, EngineUnavailable
from portevoix.server.arrivals import Arrivals
from tests.hub import hub
from tests.served import connected
from tests.translator import app_in, model_kind

FILES = {"config.json": b"{}", "vocab.json": b"{}", "tokenizer_config.json": b"{}", "model.safetensors": b"w" * 200_000}
ORDER = {"model": "tts-1", "input": "Hello", "response_format": "wav"}


async def test_who_asks_while_nobody_else_can_speak_is_told_how_far_the_model_is(tmp_path) -> None:
    goes_on = threading.Event()
    with hub(dict(FILES), repository="kakao-enterprise/vits-ljs", goes_on=goes_on, holds_after=100_000) as one:
        app = app_in(tmp_path, model_kind("vits", "vits-ljs"), url=one.url)
        async with connected(app) as client:
            missing = await client.post("/v1/audio/speech", json={**ORDER, "engine": "vits"})
            assert (missing.status_code, missing.json()["error"]["code"]) == (503, "no_engine_could_speak")
            await client.post("/api/models", json={"name": "vits-ljs"})
            async with aclosing(app.library.downloads.watch()) as changes:
                async for progress in changes:
                    if progress.phase == "fetching" and progress.done_bytes:
                        break
            for path, order in (
                ("/v1/audio/speech", ORDER | {"engine": "vits"}),
                ("/v1/text-to-speech/vits", {"text": "Hello", "model_id": "vits"}),
            ):
                refused = await client.post(path, json=order)
                error = refused.json().get("error") or refused.json()["detail"]
                assert (refused.status_code, error["code"]) == (503, "model_arriving")
                assert "vits-ljs is being fetched" in error["message"]
                assert "%" in error["message"]
                assert 1 <= int(refused.headers["retry-after"]) <= 600
            heard = await client.post("/v1/audio/speech", json=ORDER)
            assert heard.status_code == 200
            goes_on.set()


async def test_any_other_reason_is_told_as_it_is(tmp_path) -> None:
    app = app_in(tmp_path, model_kind("vits"))
    reasons = ChainExhausted((("vits", EngineUnavailable("broken")),))

    async def exhausted(*_) -> None:
        raise reasons

    with pytest.raises(ChainExhausted) as raised:
        await Arrivals(exhausted, app.library)({"type": "http"}, None, None)
    assert raised.value is reasons
    await app.aclose()
