from __future__ import annotations

import asyncio
from contextlib import aclosing

from portevoix.events import BreakerMoved, LookedUp, Spoken
from portevoix.server.news import KEPT_REQUESTS, MAX_BEHIND, News, follow
from portevoix.speech import SpeechReport
from tests.virtual_time import settle, virtual


def spoken(name: str = "r1", **facts) -> Spoken:
    report = SpeechReport(name, "alpha", "alpha-fr", first_audio_seconds=0.0123, audio_seconds=1.5, **facts)
    return Spoken(report, "success", 0.25)


def news() -> News:
    return News(wall_clock=lambda: 1000.0)


def test_a_request_is_kept_in_words_for_people():
    one = news()
    one(spoken(why_degraded="beta rests"))
    assert one.requests == [{
        "time": 1000.0, "request_id": "r1", "engine": "alpha", "voice": "alpha-fr", "cached": False,
        "first_audio_ms": 12.3, "total_ms": 250.0, "audio_seconds": 1.5, "fallback": "beta rests",
        "status": "success", "code": None,
    }]  # fmt: skip


def test_the_last_requests_are_kept_the_latest_first():
    one = news()
    for number in range(KEPT_REQUESTS + 5):
        one(spoken(str(number)))
    names = [request["request_id"] for request in one.requests]
    assert names[0] == str(KEPT_REQUESTS + 4)
    assert len(names) == KEPT_REQUESTS


@virtual
async def test_listeners_are_told_at_once():
    one = news()
    with one.listening() as line:
        one(spoken("a"))
        one(BreakerMoved("alpha", "open", 30.0))
        one(LookedUp("alpha", is_hit=True))
        items = await line.take(1)
    assert [(item.number, item.kind) for item in items] == [(1, "request"), (2, "breaker")]
    assert items[1].content == {"engine": "alpha", "state": "open", "rest_seconds": 30.0}
    assert one.listeners == 0


@virtual
async def test_who_comes_back_is_told_what_it_missed():
    one = news()
    for name in "abc":
        one(spoken(name))
    with one.listening(after=1) as line:
        assert [item.content["request_id"] for item in await line.take(1)] == ["b", "c"]
        assert await line.take(1) == []


@virtual
async def test_a_slow_listener_loses_the_oldest_and_is_told_how_many():
    one = news()
    with one.listening() as line:
        for number in range(MAX_BEHIND + 3):
            one(spoken(str(number)))
        first, *rest = await line.take(1)
    assert (first.kind, first.content) == ("missed", {"count": 3})
    assert len(rest) == MAX_BEHIND
    assert rest[0].content["request_id"] == "3"


@virtual
async def test_a_survey_is_told_whole_and_then_what_changes():
    one, seen = news(), []
    state = {("engine", "alpha"): {"state": "loading"}, ("queue", ""): {"running": 0}}

    async def listen() -> None:
        async with aclosing(follow(one, lambda: state, None, 0.5)) as items:
            async for item in items:
                seen.append((item.kind, item.content))

    listening = asyncio.create_task(listen())
    await settle()
    assert seen == [("engine", {"state": "loading"}), ("queue", {"running": 0})]
    seen.clear()
    await asyncio.sleep(2)
    assert seen == []
    state["engine", "alpha"] = {"state": "ready"}
    one(spoken("a"))
    await asyncio.sleep(0.6)
    assert {kind for kind, _ in seen} == {"request", "engine"}
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert one.listeners == 0
