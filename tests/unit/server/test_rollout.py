from __future__ import annotations

import asyncio
import warnings
from contextlib import asynccontextmanager

import httpx
import pytest

from portevoix.app import build
from portevoix.config import load_content
from portevoix.errors import EngineUnavailable
from portevoix.server.application import create_application
from portevoix.server.history import History
from tests.scripted import fails, kind
from tests.served import SILENT
from tests.virtual_time import settle

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the client imports audioop where there is one
    from wyoming.audio import AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.tts import Synthesize

ENVIRON = {"HOME": "/nonexistent", "PORTEVOIX_CACHE__DISK_ENABLED": "false"}
ORDER = {"model": "tts-1", "input": "Bonjour", "response_format": "pcm"}


def engines(alpha=None, beta=None):
    """Two engines; beta comes first as soon as its priority says so."""
    return alpha or kind("alpha", priority=10), beta or kind("beta", priority=20), SILENT


@asynccontextmanager
async def running(*kinds, start: bytes = b"", history: History | None = None):
    known = {one.name: one for one in kinds or engines()}
    app = build(load_content(start, "", ENVIRON, known), engines=known)
    history = history or History(None)
    history.begin(start, "", "f0")
    application = create_application(app, history=history, environ=ENVIRON)
    transport = httpx.ASGITransport(application)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        client.wyoming = application.state.wyoming
        yield client


async def until(is_so) -> None:
    """Wait for what happens by itself."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - a test looks on, and has no event to wait for
            await asyncio.sleep(0.01)


async def put(client: httpx.AsyncClient, text: str, **query):
    return await client.put("/api/config", content=text.encode(), params=query)


async def who_speaks(client: httpx.AsyncClient, text: str = "Bonjour") -> str:
    return (await client.post("/v1/audio/speech", json={**ORDER, "input": text})).headers["x-tts-engine"]


BETA_FIRST = "backends:\n  beta:\n    priority: 1\n"


async def test_a_new_configuration_takes_over_and_the_old_one_comes_back():
    async with running() as client:
        assert await who_speaks(client) == "alpha"
        answer = await put(client, BETA_FIRST, name="new.yaml")
        outcome = answer.json()
        assert (answer.status_code, outcome["applied"]) == (200, True)
        assert outcome["changed"] == ["backends.beta.priority"]
        assert outcome["needs_restart"] == []
        assert {trial["engine"]: trial["result"] for trial in outcome["trials"]} == {
            "alpha": "spoke", "beta": "spoke", "silent_emergency": "not_asked"
        }  # fmt: skip
        assert await who_speaks(client) == "beta"
        status = (await client.get("/api/status")).json()["config"]
        assert (status["id"], status["path"], status["how"], status["can_roll_back"]) == (2, "new.yaml", "apply", True)

        back = await client.post("/api/config/rollback")
        assert (back.status_code, back.json()["config"]["id"]) == (200, 1)
        assert await who_speaks(client) == "alpha"
        shown = (await client.get("/api/config")).json()
        assert shown["hash"] == "f0"
        assert (await client.post("/api/config/rollback")).json()["error"]["code"] == "no_former_config"


async def test_what_stays_the_same_is_not_loaded_again():
    alpha, beta = kind("alpha", load_seconds=0), kind("beta", priority=20)
    async with running(alpha, beta, SILENT) as client:
        outcome = (await put(client, BETA_FIRST)).json()
        shared = {trial["engine"]: trial["is_shared"] for trial in outcome["trials"]}
        assert shared == {"alpha": True, "beta": False, "silent_emergency": True}
        assert (len(alpha.made), len(beta.made)) == (1, 2)
        assert not any(engine.is_closed for engine in alpha.made + beta.made)
        await put(client, "backends:\n  beta:\n    priority: 2\n")
        await settle()
        assert [engine.is_closed for engine in beta.made] == [True, False, False], "two back: gone"
    assert all(engine.is_closed for engine in alpha.made + beta.made)


async def test_a_former_app_that_does_not_close_leaves_the_one_in_force_closed():
    class Stubborn(kind("beta", priority=20)):
        async def aclose(self) -> None:
            await super().aclose()
            if self is self.made[0]:
                raise EngineUnavailable("it does not close")

    alpha = kind("alpha", priority=10)
    async with running(*engines(alpha, Stubborn)) as client:
        assert (await put(client, BETA_FIRST)).json()["applied"]
    assert [engine.is_closed for engine in alpha.made + Stubborn.made] == [True] * 3


async def test_every_error_is_told_and_the_good_one_stays():
    async with running() as client:
        answer = await put(client, "cache:\n  max_size_mb: lots\nadvanced:\n  async_workers: 0\n", name="bad.yaml")
        outcome = answer.json()
        assert answer.status_code == 422
        assert outcome["error"]["code"] == "config_refused"
        assert [problem["line"] for problem in outcome["problems"]] == [2, 4]
        assert outcome["problems"][0]["text"].startswith("bad.yaml:2: cache.max_size_mb: ")
        assert not outcome["applied"]
        assert (await client.get("/api/status")).json()["config"]["id"] == 1


@pytest.mark.parametrize("text", ["[1, 2", "just words", "\x00", "a: " + "[" * 2000])
async def test_what_is_no_configuration_is_refused(text):
    async with running() as client:
        assert (await put(client, text)).status_code == 422


async def test_a_body_that_is_too_large_is_refused():
    async with running() as client:
        assert (await put(client, "# " + "x" * 300_000)).status_code == 413


async def test_an_engine_that_fails_its_trial_condemns_the_configuration():
    broken = kind("beta", priority=20)
    async with running(*engines(beta=broken)) as client:
        assert await who_speaks(client) == "alpha"
        original = broken.__init__

        def init(self, options, surroundings):
            original(self, options, surroundings)
            self.fault = fails()

        broken.__init__ = init  # the next one that is made is broken
        answer = await put(client, BETA_FIRST)
        outcome = answer.json()
        assert answer.status_code == 422
        (beta,) = [trial for trial in outcome["trials"] if trial["engine"] == "beta"]
        assert (beta["result"], beta["condemns"], beta["code"]) == ("failed", True, "engine_failed")
        assert "beta broke" in outcome["error"]["message"]
        assert await who_speaks(client) == "alpha"
        assert broken.made[1].is_closed, "what was tried is not left lying about"
        forced = await put(client, BETA_FIRST, accept_failures="true")
        assert forced.json()["applied"]


async def test_an_engine_that_could_not_speak_before_condemns_nothing():
    absent = kind("beta", load_error=EngineUnavailable("beta is not installed"), priority=20)
    async with running(*engines(beta=absent)) as client:
        assert await who_speaks(client) == "alpha"
        outcome = (await put(client, "cache:\n  ttl_seconds: 10\n")).json()
        assert outcome["applied"]
        (beta,) = [trial for trial in outcome["trials"] if trial["engine"] == "beta"]
        assert (beta["result"], beta["condemns"]) == ("failed", False)


async def test_one_that_nobody_can_be_heard_with_is_refused():
    async with running() as client:
        answer = await put(client, "backends:\n  alpha: {enabled: false}\n  beta: {enabled: false}\n",
                           accept_failures="true")  # fmt: skip
        assert answer.status_code == 422
        assert await who_speaks(client) == "alpha"


async def test_a_dry_run_changes_nothing():
    async with running() as client:
        answer = await put(client, BETA_FIRST, dry_run="true")
        assert answer.status_code == 200
        assert not answer.json()["applied"]
        assert answer.json()["trials"]
        assert await who_speaks(client) == "alpha"
        assert len((await client.get("/api/config/history")).json()["configurations"]) == 1
        assert (await put(client, BETA_FIRST, dry_run="perhaps")).status_code == 400


async def test_what_a_running_server_cannot_change_is_said():
    async with running() as client:
        outcome = (await put(client, "server: {port: 9999, max_queued_requests: 3}\n")).json()
        assert outcome["needs_restart"] == ["server.port"]
        assert (await client.get("/api/status")).json()["queue"]["limits"]["waiting"] == 3


async def test_translations_keep_to_the_new_limits_too():
    async with running() as client:
        order = {"text": "Bonjour à tous", "target_lang": "en"}
        assert (await client.post("/translate", json=order)).json().get("error", {}).get("code") != "text_too_long"
        assert (await put(client, "server: {max_text_length: 5}\n")).json()["applied"]
        assert (await client.post("/translate", json=order)).json()["error"]["code"] == "text_too_long"


class Impatient(History):
    """Let whoever asks leave just when what they asked for is being put in force."""

    def __init__(self) -> None:
        super().__init__(None)
        self.asking: asyncio.Task[httpx.Response] | None = None

    def prepare(self, *facts):
        asyncio.get_running_loop().call_soon(self.asking.cancel)
        return super().prepare(*facts)


async def test_what_is_in_force_is_what_the_history_says_though_who_asked_has_left():
    history = Impatient()
    async with running(history=history) as client:
        history.asking = asyncio.create_task(put(client, BETA_FIRST))
        with pytest.raises(asyncio.CancelledError):
            await history.asking
        assert await who_speaks(client) == "beta"
        assert history.in_force == 2
        assert (await client.post("/api/config/rollback")).json()["config"]["id"] == 1


async def test_a_request_is_spoken_to_its_end_by_the_app_that_it_met():
    alpha = kind("alpha", seconds_per_word=0.02)
    async with running(*engines(alpha=alpha)) as client:
        long = asyncio.create_task(client.post("/v1/audio/speech", json={**ORDER, "input": "mot " * 60}))
        await until(lambda: alpha.made[0].listeners)
        changed = "backends:\n  alpha: {target_latency_ms: 900}\n  beta: {priority: 1}\n"
        assert (await put(client, changed)).json()["applied"]
        assert (await put(client, "backends:\n  alpha: {target_latency_ms: 800}\n")).json()["applied"]
        await settle()
        assert not long.done()
        assert not alpha.made[0].is_closed, "somebody listens to it"
        answer = await long
        assert answer.headers["x-tts-engine"] == "alpha"
        assert len(answer.content) == pytest.approx(60 * 0.15 * 24_000 * 2, rel=0.02)
        await until(lambda: alpha.made[0].is_closed)


async def test_a_wyoming_client_that_stays_hears_the_new_one():
    beta = kind("beta", priority=20, sample_rate=8000)
    wyoming = "wyoming: {enabled: true, port: 0}\n"

    async def rate(client: AsyncTcpClient) -> int:
        await client.write_event(Synthesize("Bonjour").event())
        while not AudioStart.is_type((event := await client.read_event()).type):
            pass
        while not AudioStop.is_type((await client.read_event()).type):
            pass
        return event.data["rate"]

    async with (
        running(*engines(beta=beta), start=wyoming.encode()) as http,
        AsyncTcpClient("127.0.0.1", http.wyoming.port) as client,
    ):
        assert await rate(client) == 16_000
        assert (await put(http, wyoming + BETA_FIRST)).json()["applied"]
        assert await rate(client) == 8000


async def test_two_at_once_are_not_tried():
    slow = kind("beta", priority=20, first_word_seconds=0.3)
    async with running(*engines(beta=slow)) as client:
        first, second = await asyncio.gather(put(client, BETA_FIRST), put(client, BETA_FIRST))
    assert sorted([first.status_code, second.status_code]) == [200, 409]


async def test_the_last_ten_are_kept_and_any_of_them_comes_back():
    async with running() as client:
        for number in range(12):
            await put(client, f"backends:\n  beta: {{priority: {100 + number}}}\n", name=f"{number}.yaml")
        history = (await client.get("/api/config/history")).json()
        assert history["in_force"] == 13
        assert [record["id"] for record in history["configurations"]] == list(range(13, 3, -1))
        assert history["configurations"][0]["who"] == "127.0.0.1"
        answer = await client.post("/api/config/rollback", params={"to": 5})
        assert answer.json()["config"]["path"] == "3.yaml"
        assert (await client.post("/api/config/rollback", params={"to": 1})).status_code == 409
        assert (await client.post("/api/config/rollback", params={"to": "x"})).status_code == 400
        after = await put(client, BETA_FIRST)
        assert after.json()["config"]["after"] == 5, "the way back leads to what was in force"


async def test_sixteen_clients_notice_nothing():
    answers, is_over = [], asyncio.Event()

    async def hammer(client, number):
        count = 0
        while not is_over.is_set():
            count += 1
            answers.append(await client.post("/v1/audio/speech", json={**ORDER, "input": f"mot {number} {count}"}))

    async with running() as client:
        clients = [asyncio.create_task(hammer(client, number)) for number in range(16)]
        for number in range(5):
            assert (await put(client, f"backends:\n  beta: {{priority: {number}}}\n")).json()["applied"]
            assert (await client.post("/api/config/rollback")).json()["applied"]
        is_over.set()
        await asyncio.gather(*clients)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-tts-engine"] for answer in answers} <= {"alpha", "beta"}
    assert len(answers) > 32
    assert all(answer.content for answer in answers)


async def test_it_can_be_read_with_where_each_value_came_from():
    async with running() as client:
        await put(client, "cache:\n  ttl_seconds: 77\n", name="t.yaml")
        settings = {row["key"]: row for row in (await client.get("/api/config")).json()["settings"]}
    assert settings["cache.ttl_seconds"] == {"key": "cache.ttl_seconds", "value": 77.0, "origin": "t.yaml:2"}
    assert settings["cache.disk_enabled"]["origin"] == "PORTEVOIX_CACHE__DISK_ENABLED"
