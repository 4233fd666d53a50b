from __future__ import annotations

import logging

import pytest

from portevoix.server.journal import ErrorAnswers
from tests.scripted import crashes, kind
from tests.served import connected, make_app

ORDER = {"model": "tts-1", "input": "Un secret bien garde", "response_format": "wav"}


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, "portevoix")
    return lambda event: [record for record in caplog.records if record.message == event]


@pytest.mark.parametrize("given", ["abc-1", "A.b:c_d", "x" * 64])
async def test_a_sane_name_is_kept(given):
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get("/health/live", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "é".encode(), b"a\tb", "<script>"])
async def test_any_other_name_is_replaced(given):
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get(
            "/health/live", headers=[(b"X-Request-Id", given if isinstance(given, bytes) else given.encode())]
        )
    assert len(answer.headers["x-request-id"]) == 16


async def test_each_answer_is_told_once_without_its_text(log, caplog):
    async with connected(make_app(kind("alpha"))) as client:
        await client.post("/v1/audio/speech", json=ORDER, headers={"X-Request-Id": "mine"})
    (record,) = log("http.answered")
    assert (record.request_id, record.method, record.path, record.status) == ("mine", "POST", "/v1/audio/speech", 200)
    assert record.bytes > 1000
    assert record.total_ms >= record.first_byte_ms > 0
    assert "secret" not in caplog.text
    assert not any("secret" in str(vars(one)) for one in caplog.records)
    (spoken,) = log("speech.ended")
    assert spoken.request_id == "mine"


async def test_machines_that_ask_all_the_time_are_told_quietly(log):
    async with connected(make_app(kind("alpha"))) as client:
        await client.get("/health/live")
        await client.get("/metrics")
        await client.get("/api/status")
    assert [record.levelname for record in log("http.answered")] == ["DEBUG", "DEBUG", "INFO"]


async def test_a_refusal_carries_its_code(log):
    async with connected(make_app(kind("alpha"))) as client:
        await client.post("/v1/audio/speech", json={**ORDER, "voice": "nobody"})
    (record,) = log("http.answered")
    assert (record.status, record.code) == (404, "voice_not_found")


async def test_answers_are_counted_by_status_and_code():
    app = make_app(kind("alpha"))
    async with connected(app) as client:
        await client.post("/v1/audio/speech", json={**ORDER, "voice": "nobody"})
        await client.post("/v1/audio/speech", json=ORDER)
        await client.get("/health/live")
    read = app.metrics.registry.get_sample_value
    assert read("tts_http_first_audio_seconds_count") == 1
    assert read("tts_http_responses_total", {"status": "404", "code": "voice_not_found"}) == 1
    assert read("tts_http_responses_total", {"status": "200", "code": ""}) == 2


async def test_a_mistake_of_ours_is_a_500_with_its_traceback_in_the_log(log):
    async with connected(make_app(kind("alpha", fault=crashes()))) as client:
        answer = await client.post("/v1/audio/speech", json=ORDER)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "script" not in answer.text
    (record,) = log("request.crashed")
    assert record.exc_info[0] is TypeError


async def test_an_answer_under_way_is_left_unfinished(log):
    async def breaks(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("inside")

    sent = []

    async def send(message):
        sent.append(message)

    await ErrorAnswers(breaks)({"type": "http", "state": {"request_id": "x"}}, None, send)
    assert [message.get("more_body") for message in sent] == [None, True]
    assert log("request.crashed")
