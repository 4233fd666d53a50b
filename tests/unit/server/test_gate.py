from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from portevoix.app import build
from portevoix.config.loading import Loaded
from portevoix.server.application import create_application, key_ring
from portevoix.server.gate import RULES, scope_for
from portevoix.server.guest import Limits
from tests.scripted import kind
from tests.served import SILENT, configured

ORDER = {"model": "tts-1", "input": "Bonjour", "response_format": "pcm"}
FAR = ("192.0.2.7", 4000)


@asynccontextmanager
async def running(folder, client=("127.0.0.1", 1), **settings):
    engines = {one.name: one for one in (kind("alpha"), SILENT)}
    loaded = configured(engines, **settings)
    loaded = Loaded(replace(loaded.settings, data_folder=folder))
    app = build(loaded, engines=engines)
    transport = httpx.ASGITransport(create_application(app), client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        http.ring = key_ring(app.settings)
        yield http
    await app.aclose()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(("method", "path", "scope"), [
    ("GET", "/", "open"), ("HEAD", "/", "open"), ("POST", "/", "speak"), ("GET", "/console/main.js", "open"),
    ("GET", "/health/live", "open"), ("GET", "/health/ready", "open"), ("GET", "/metrics", "metrics"),
    ("GET", "/api/status", ""), ("GET", "/api/events", ""), ("GET", "/v1/models", ""),
    ("POST", "/v1/audio/speech", "speak"), ("POST", "/audio/speech", "speak"), ("POST", "/synthesize", "speak"),
    ("POST", "/v1/text-to-speech/x/stream", "speak"), ("GET", "/v1/text-to-speech/x/stream-input", "speak"),
    ("POST", "/translate", "speak"), ("GET", "/translate/languages", ""), ("GET", "/translate/speech/x", "open"),
    ("POST", "/v1/audio/voices", "voices"), ("DELETE", "/audio/voices/x", "voices"),
    ("POST", "/v1/audio/voice_consents", "voices"), ("GET", "/v1/audio/voices", ""),
    ("POST", "/v1/voices/add", "voices"),
    ("PATCH", "/api/flags", "admin"), ("DELETE", "/api/cache", "admin"), ("POST", "/api/models", "admin"),
    ("GET", "/api/config", "admin"), ("GET", "/api/config/history", "admin"), ("PUT", "/api/config", "admin"),
    ("POST", "/api/config/rollback", "admin"), ("POST", "/something/new", "admin"), ("GET", "/something/new", ""),
    ("POST", "/console/x", "admin"), ("DELETE", "/", "admin"),
])  # fmt: skip
def test_what_each_path_needs(method, path, scope):
    assert scope_for(method, path) == scope


def test_whatever_has_no_rule_needs_a_key():
    assert [rule.scope for rule in RULES if rule.path == "*"] == ["", "admin"]


async def test_without_keys_this_machine_may_do_everything(tmp_path):
    async with running(tmp_path) as client:
        assert (await client.post("/v1/audio/speech", json=ORDER, headers=bearer("sk-anything"))).status_code == 200
        assert (await client.patch("/api/flags", json={"traffic_percent": 50})).status_code == 200
        assert (await client.get("/api/config")).status_code == 200


async def test_with_a_key_everybody_needs_one(tmp_path):
    async with running(tmp_path) as client:
        _, secret = client.ring.create("a", ["speak"])
        for headers, status, code in [
            ({}, 401, "key_missing"), (bearer("sk-wrong"), 401, "key_unknown"),
            ({"xi-api-key": "x"}, 401, "key_unknown"),
            ({"Authorization": "Basic abc"}, 401, "key_missing"), ({"Authorization": "Bearer "}, 401, "key_missing"),
        ]:  # fmt: skip
            answer = await client.post("/v1/audio/speech", json=ORDER, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        for headers in (bearer(secret), {"xi-api-key": secret}, {"Authorization": secret}):
            assert (await client.post("/v1/audio/speech", json=ORDER, headers=headers)).status_code == 200
        assert (await client.get("/api/status", headers=bearer(secret))).status_code == 200
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/")).status_code == 200


async def test_a_balancer_is_told_no_more_than_it_needs(tmp_path):
    async with running(tmp_path) as client:
        assert (await client.get("/health/ready")).json()["engines"]
        _, secret = client.ring.create("a", ["speak"])
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        assert (await client.get("/health/ready", headers=bearer("x"))).json() == {"status": "ready"}
        assert (await client.get("/health/ready", headers=bearer(secret))).json()["engines"]


async def test_a_key_is_good_for_its_scope_alone(tmp_path):
    async with running(tmp_path) as client:
        _, speak = client.ring.create("a", ["speak"])
        _, admin = client.ring.create("b", ["admin"])
        refused = await client.patch("/api/flags", json={"traffic_percent": 50}, headers=bearer(speak))
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing")
        assert speak not in refused.text
        assert (await client.get("/api/config", headers=bearer(speak))).status_code == 403
        allowed = await client.patch("/api/flags", json={"traffic_percent": 50}, headers=bearer(admin))
        assert allowed.json()["traffic_percent"] == 50
        assert (await client.post("/v1/audio/speech", json=ORDER, headers=bearer(admin))).status_code == 200


async def test_a_key_for_the_metrics_reads_them_and_nothing_else(tmp_path):
    async with running(tmp_path, FAR) as client:
        _, secret = client.ring.create("prometheus", ["metrics"])
        _, speak = client.ring.create("a", ["speak"])
        assert (await client.get("/metrics")).status_code == 401
        for one in (secret, speak):
            page = await client.get("/metrics", headers=bearer(one))
            assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/plain")
        for path in ("/api/status", "/v1/models", "/api/config"):
            refused = await client.get(path, headers=bearer(secret))
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing"), path
            assert "it has metrics, not" in refused.json()["error"]["message"]
            assert "scope ." not in refused.json()["error"]["message"]
        assert (await client.post("/v1/audio/speech", json=ORDER, headers=bearer(secret))).status_code == 403
        assert "engines" not in (await client.get("/health/ready", headers=bearer(secret))).json()


async def test_an_administrator_may_be_elsewhere(tmp_path):
    async with running(tmp_path, FAR) as client:
        _, admin = client.ring.create("b", ["admin"])
        assert (await client.delete("/api/cache", headers=bearer(admin))).status_code == 200


async def test_revoked_between_two_requests(tmp_path):
    async with running(tmp_path) as client:
        key, secret = client.ring.create("a", ["speak"])
        client.ring.create("b", ["speak"])
        assert (await client.get("/api/status", headers=bearer(secret))).status_code == 200
        client.ring.revoke(key.id)
        assert (await client.get("/api/status", headers=bearer(secret))).status_code == 401


async def test_who_is_elsewhere_is_refused_without_keys_unless_anyone_may(tmp_path):
    async with running(tmp_path, FAR) as client:
        answer = await client.post("/v1/audio/speech", json=ORDER)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "key_missing")
    async with running(tmp_path, FAR, server={"allow_anyone": True}) as client:
        assert (await client.post("/v1/audio/speech", json=ORDER)).status_code == 200
        for method, path in (("PATCH", "/api/flags"), ("GET", "/api/config"), ("POST", "/v1/audio/voices")):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")


async def test_a_damaged_file_of_keys_lets_nobody_in(tmp_path):
    async with running(tmp_path) as client:
        (tmp_path / "keys.json").write_text("{")
        answer = await client.post("/v1/audio/speech", json=ORDER)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "keys_not_readable")
        assert (await client.get("/health/live")).status_code == 200


async def test_limits_of_a_key(tmp_path):
    async with running(tmp_path) as client:
        _, secret = client.ring.create("a", ["speak"], Limits(requests_per_minute=2))
        statuses = [(await client.post("/v1/audio/speech", json=ORDER, headers=bearer(secret))) for _ in range(3)]
        assert [answer.status_code for answer in statuses] == [200, 200, 429]
        assert 1 <= int(statuses[2].headers["retry-after"]) <= 60


async def test_limits_of_text(tmp_path):
    async with running(tmp_path) as client:
        _, secret = client.ring.create("a", ["speak"], Limits(characters_per_minute=10))
        answers = [(await client.post(path, json=body, headers=bearer(secret))) for path, body in [
            ("/v1/audio/speech", ORDER), ("/v1/text-to-speech/alpha-en", {"text": "Good morning"}),
            ("/synthesize", {"text": "Bonjour"}), ("/v1/audio/speech", ORDER),
        ]]  # fmt: skip
        assert [answer.status_code for answer in answers] == [200, 429, 429, 429]


async def test_a_priority_that_is_not_known(tmp_path):
    async with running(tmp_path) as client:
        assert (await client.post("/v1/audio/speech", json=ORDER, headers={"X-Priority": "Batch"})).status_code == 200
        answer = await client.post("/v1/audio/speech", json=ORDER, headers={"X-Priority": "urgent"})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "priority")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9", "http://[", "http://[::1"])
async def test_a_page_of_another_site_changes_nothing(tmp_path, origin):
    async with running(tmp_path) as client:
        answer = await client.post("/api/config/rollback", headers={"Origin": origin})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "host_not_allowed")
        own = await client.post("/api/config/rollback", headers={"Origin": "http://127.0.0.1"})
        assert own.json()["error"]["code"] == "no_former_config"


async def test_a_site_that_is_allowed_is_invited(tmp_path):
    site = "https://app.example"
    async with running(tmp_path, server={"allowed_origins": (site,)}) as client:
        asked = await client.options("/v1/audio/speech", headers={
            "Origin": site, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type",
            "Access-Control-Request-Private-Network": "true",
        })  # fmt: skip
        assert asked.headers["access-control-allow-origin"] == site
        assert (asked.status_code, asked.headers["access-control-allow-private-network"]) == (200, "true")
        answer = await client.post("/v1/audio/speech", json=ORDER, headers={"Origin": site})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == site
        assert "X-TTS-Engine" in answer.headers["access-control-expose-headers"]
        other = await client.get("/api/status", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_a_deadline(tmp_path):
    async with running(tmp_path) as client:
        answer = await client.post("/v1/audio/speech", json=ORDER, headers={"X-Deadline-Ms": "30000"})
        assert answer.status_code == 200
        for wrong in ("soon", "0", "-5", "1.5", "9" * 20):
            answer = await client.post("/v1/audio/speech", json=ORDER, headers={"X-Deadline-Ms": wrong})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_parameter")
