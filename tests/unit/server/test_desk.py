from __future__ import annotations

import httpx
import pytest

from portevoix.engine import Phase
from portevoix.server.application import create_application
from tests.scripted import fails, kind
from tests.served import SILENT, connected, make_app

ORDER = {"model": "tts-1", "input": "Bonjour", "response_format": "wav"}


async def test_alive():
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_ready_when_somebody_can_be_heard():
    async with connected(
        make_app(kind("alpha", phase=Phase.UNAVAILABLE, why="no model", hint="Fetch it."), kind("beta"))
    ) as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 200
    content = answer.json()
    assert content["status"] == "ready"
    alpha, beta = content["engines"]
    assert (alpha["state"], alpha["why"], alpha["hint"], alpha["can_speak"]) == (
        "unavailable",
        "no model",
        "Fetch it.",
        False,
    )
    assert (beta["state"], beta["breaker"]["state"], beta["can_speak"]) == ("ready", "closed", True)


@pytest.mark.parametrize("phase", [Phase.UNAVAILABLE, Phase.LOADING, Phase.IDLE])
async def test_silence_alone_is_not_ready(phase):
    async with connected(make_app(kind("alpha", phase=phase), SILENT)) as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not_ready"
    assert answer.json()["engines"][1]["can_speak"] is True


async def test_an_open_breaker_is_not_ready():
    app = make_app(kind("alpha", fault=fails()), SILENT, circuit_breaker={"failure_threshold": 1})
    async with connected(app) as client:
        await client.post("/v1/audio/speech", json=ORDER)
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    engine = answer.json()["engines"][0]
    assert engine["breaker"]["state"] == "open"
    assert engine["breaker"]["rest_seconds"] > 0
    assert "alpha broke" in engine["why"]


async def test_metrics_have_the_promised_names():
    async with connected(make_app(kind("alpha"))) as client:
        await client.post("/v1/audio/speech", json=ORDER)
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'tts_requests_total{backend="alpha",status="success"} 1.0' in answer.text
    assert 'tts_duration_seconds_count{backend="alpha"} 1.0' in answer.text


async def test_status_has_everything():
    async with connected(make_app(kind("alpha"), SILENT)) as client:
        await client.post("/v1/audio/speech", json=ORDER)
        status = (await client.get("/api/status")).json()
        engines = (await client.get("/api/engines")).json()
    assert set(status) == {
        "version", "uptime_seconds", "ready", "engines", "cache", "queue", "flags", "config", "downloads", "memory",
        "disks", "requests",
    }  # fmt: skip
    assert status["queue"] == {
        "running": 0, "waiting": 0, "refused": 0, "clients": [],
        "limits": {"running": 16, "waiting": 64, "wait_seconds": 30.0},
    }  # fmt: skip
    assert status["memory"]["server_bytes"] > 1_000_000
    assert [(disk["use"], disk["free_bytes"] > 0) for disk in status["disks"]] == [("data", True), ("cache", True)]
    (request,) = status["requests"]
    assert (request["engine"], request["cached"], request["status"]) == ("alpha", False, "success")
    assert request["audio_seconds"] > 0
    assert "Bonjour" not in str(status["requests"])
    assert status["cache"]["memory"]
    assert status["engines"] == engines["engines"]


async def test_flags_are_changed_together_or_not_at_all():
    async with connected(make_app(kind("alpha"))) as client:
        before = (await client.get("/api/flags")).json()
        changed = await client.patch("/api/flags", json={"traffic_percent": 25, "enable_legacy_mode": True})
        assert changed.json() == {**before, "traffic_percent": 25, "enable_legacy_mode": True}
        for wrong in ({"traffic_percent": 101}, {"enable_legacy_mode": 1}, {"nonsense": True, "traffic_percent": 50}):
            answer = await client.patch("/api/flags", json=wrong)
            assert answer.status_code == 400
            assert answer.json()["error"]["param"] in wrong
        assert (await client.get("/api/flags")).json() == changed.json()


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/api/flags"), ("DELETE", "/api/cache")])
async def test_only_this_machine_may_change_anything(method, path):
    app = make_app(kind("alpha"), server={"allow_anyone": True})
    far = httpx.ASGITransport(create_application(app), client=("192.0.2.7", 4000))
    async with httpx.AsyncClient(transport=far, base_url="http://127.0.0.1") as client:
        answer = await client.request(method, path, json={"traffic_percent": 0})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "not_allowed"
        assert (await client.get(path)).status_code == 200
    assert app.flags.flags.traffic_percent == 100


async def test_the_cache_can_be_emptied():
    async with connected(make_app(kind("alpha"))) as client:
        for cache in ("miss", "hit"):
            assert (await client.post("/v1/audio/speech", json=ORDER)).headers["x-tts-cache"] == cache
        assert (await client.delete("/api/cache")).json()["memory"]["entries"] == 0
        assert (await client.post("/v1/audio/speech", json=ORDER)).headers["x-tts-cache"] == "miss"


async def test_without_a_cache_there_is_none_to_empty():
    async with connected(make_app(kind("alpha"), cache={"enabled": False})) as client:
        assert (await client.delete("/api/cache")).json() == {"enabled": False}
        assert (await client.get("/api/status")).json()["cache"] is None


GETS = ["/", "/health/live", "/health/ready", "/metrics", "/v1/models", "/models", "/v1/audio/models", "/audio/models",
        "/v1/audio/voices", "/audio/voices",
        "/api/status", "/api/engines", "/api/voices", "/api/flags", "/api/cache"]  # fmt: skip


@pytest.mark.parametrize("path", GETS)
async def test_head_where_get_is(path):
    async with connected(make_app(kind("alpha"))) as client:
        got, head = await client.get(path), await client.head(path)
    assert got.status_code == head.status_code == 200
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/nowhere", 404, "not_found"), ("POST", "/v1/audio/nothing", 404, "not_found"),
    ("GET", "/v1/audio/speech", 405, "method_not_allowed"), ("PUT", "/api/flags", 405, "method_not_allowed"),
    ("DELETE", "/", 405, "method_not_allowed"),
])  # fmt: skip
async def test_what_nothing_answers_has_the_shape_of_an_error(method, path, status, code):
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert ("allow" in answer.headers) == (status == 405)


async def test_open_web_ui_finds_the_models():
    async with connected(make_app(kind("alpha"))) as client:
        models = (await client.get("/v1/audio/models")).json()["models"]
        assert models == (await client.get("/v1/models")).json()["data"]
    assert [one["id"] for one in models] == ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "portevoix", "alpha"]


async def test_no_other_site_is_invited():
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get("/api/status", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
