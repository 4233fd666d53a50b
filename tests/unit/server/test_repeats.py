from __future__ import annotations

from dataclasses import replace

import pytest

from portevoix.events import LookedUp, Spoken
from portevoix.server.errors import Stopping
from portevoix.server.guest import Guest, Limits
from portevoix.server.order import Order
from portevoix.server.queue import Queue
from portevoix.server.repeats import KEPT_SECONDS, RENEWING_SECONDS, Repeats
from portevoix.speech import SpeechReport, SpeechRequest
from tests.scripted import fails, kind
from tests.served import SILENT, connected, make_app

ORDER = Order(SpeechRequest("Bonjour.", request_id="first"))
REPORT = SpeechReport("first", "alpha", "alpha-fr", is_cached=True, audio_seconds=0.15)
SPEECH = {"model": "tts-1", "input": "Bonjour.", "voice": "alpha-fr", "response_format": "wav"}


class Fixture:
    def __init__(self, max_bytes: int = 1000) -> None:
        self.now = 0.0
        self.told: list = []
        self.sent: list = []
        self.repeats = Repeats(self.told.append, max_bytes=max_bytes, clock=lambda: self.now)

    def keep(self, order: Order, size: int = 100) -> None:
        self.repeats.keep(order, {"X-TTS-Engine": "alpha"}, b"x" * size, REPORT)

    async def send(self, message) -> None:
        self.sent.append(message)


def named(order: Order, name: str) -> Order:
    return replace(order, request=replace(order.request, request_id=name))


async def test_the_same_order_is_answered_again_for_a_moment() -> None:
    here = Fixture()
    here.keep(ORDER)
    again = named(ORDER, "second")
    repeat = here.repeats.find(again)
    await here.repeats.send(repeat, again, here.send)
    start, body = here.sent
    assert start == {"type": "http.response.start", "status": 200, "headers": [(b"x-tts-engine", b"alpha")]}
    assert body["body"] == b"x" * 100
    looked_up, spoken = here.told
    assert looked_up == LookedUp("alpha", is_hit=True)
    assert isinstance(spoken, Spoken)
    assert (spoken.report.request_id, spoken.report.audio_seconds, spoken.status) == ("second", 0.15, "success")
    here.now = KEPT_SECONDS + RENEWING_SECONDS
    assert here.repeats.find(again) is None


def test_one_has_it_made_anew_and_the_others_do_not_wait() -> None:
    here = Fixture()
    here.keep(ORDER)
    here.now = KEPT_SECONDS
    assert [here.repeats.find(ORDER) is None for _ in range(3)] == [True, False, False]
    here.now = KEPT_SECONDS + RENEWING_SECONDS
    assert [here.repeats.find(ORDER) for _ in range(3)] == [None, None, None]
    here.keep(ORDER)
    assert here.repeats.find(ORDER)


@pytest.mark.parametrize(
    "other",
    [replace(ORDER, format_name="wav"), replace(ORDER, request=replace(ORDER.request, speed=1.5)),
     replace(ORDER, stream_format="sse"), replace(ORDER, request=replace(ORDER.request, text="Bonjour"))],
)  # fmt: skip
def test_another_order_is_another(other) -> None:
    here = Fixture()
    here.keep(ORDER)
    assert here.repeats.find(other) is None


def test_the_oldest_make_room() -> None:
    here = Fixture(max_bytes=250)
    orders = [replace(ORDER, request=SpeechRequest(f"text {number}")) for number in range(3)]
    for order in orders:
        here.keep(order)
    here.keep(orders[2])
    assert [here.repeats.find(order) is not None for order in orders] == [False, True, True]
    here.keep(orders[0], size=251)
    assert [here.repeats.find(order) for order in orders] == [None, None, None]


def test_all_are_forgotten() -> None:
    here = Fixture()
    here.keep(ORDER)
    here.repeats.clear()
    assert here.repeats.find(ORDER) is None


async def test_what_came_from_the_cache_is_given_again_until_the_cache_is_cleared() -> None:
    async with connected(make_app(kind("alpha"))) as client:
        answers = [await client.post("/v1/audio/speech", json=SPEECH) for _ in range(3)]
        assert [answer.headers["x-tts-cache"] for answer in answers] == ["miss", "hit", "hit"]
        assert len({answer.headers["x-request-id"] for answer in answers}) == 3
        assert answers[1].content == answers[2].content
        assert answers[1].headers["content-length"] == answers[2].headers["content-length"]
        status = (await client.get("/api/status")).json()
        assert len(status["requests"]) == 3
        assert [request["cached"] for request in status["requests"]] == [True, True, False]
        await client.delete("/api/cache")
        assert (await client.post("/v1/audio/speech", json=SPEECH)).headers["x-tts-cache"] == "miss"


async def test_what_another_engine_spoke_is_not_given_again() -> None:
    alpha, beta = kind("alpha", fault=fails()), kind("beta", priority=20)
    async with connected(make_app(alpha, beta, SILENT)) as client:
        for _ in range(3):
            answer = await client.post("/v1/audio/speech", json={**SPEECH, "voice": "alloy"})
            assert answer.headers["x-tts-fallback"]
        assert len(alpha.made[0].asked) == 3


def test_a_request_without_a_turn_counts() -> None:
    queue = Queue(1, 1, 1.0)
    with queue.seat(Guest("k1", limits=Limits(requests_per_minute=1))):
        queue.count(5)
        with pytest.raises(Exception, match="a minute"):
            queue.count(5)
    queue.close()
    with pytest.raises(Stopping):
        queue.count(5)
