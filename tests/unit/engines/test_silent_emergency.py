"""Silence, and the alarm, against a real web server."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.silent_emergency import (
    ALERTS_AT_ONCE,
    SAMPLE_RATE,
    SilentEmergency,
    SilentEmergencyOptions,
    deliver,
)
from portevoix.errors import EngineFailed, InvalidParameter, NotAllowed
from portevoix.speech import Utterance
from portevoix.text.speakable import estimate_seconds

SECRET = "Rendez-vous à minuit derrière la gare, dit-elle."


class ScriptedHook:
    """Answer each request with the next status, and keep what was sent; None drops the connection."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.requests = []
        self.connections = 0
        self.left = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/alarm?a=b"
        return self

    async def __aexit__(self, *_):
        self.gate.set()
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            assert not error.partial
            self.left.set()
            writer.close()
            return
        length = int(
            next(line.split(b":")[1] for line in head.splitlines() if line.lower().startswith(b"content-length"))
        )
        self.requests.append((head.decode(), json.loads(await reader.readexactly(length))))
        status = self.statuses.pop(0) if self.statuses else 204
        await self.gate.wait()
        if status is not None:
            writer.write(f"HTTP/1.1 {status} x\r\nLocation: {self.url}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


class Pauses(list):
    async def __call__(self, seconds):
        self.append(seconds)


async def fall_silent(engine, text=SECRET, **changes):
    utterance = Utterance(text, engine.voices()[0], "fr", request_id="r-1", **changes)
    return [chunk async for chunk in engine.stream(utterance)]


def engine_with(url, rest=asyncio.sleep, **changes):
    options = SilentEmergencyOptions(alert_webhook=url, allow_private_webhook=True, **changes)
    return SilentEmergency(options, Surroundings(), rest=rest)


async def test_it_is_silent_as_long_as_the_text_would_have_taken():
    engine = SilentEmergency(SilentEmergencyOptions(), Surroundings())
    assert engine.state().phase is Phase.READY
    await engine.load()
    chunks = await fall_silent(engine, speed=2.0)
    whole = np.concatenate([chunk.samples for chunk in chunks])
    assert not whole.any()
    assert whole.dtype == np.float32
    assert len(whole) == pytest.approx(estimate_seconds(SECRET, 2.0) * SAMPLE_RATE, abs=1)
    assert max(chunk.seconds for chunk in chunks) <= 0.5
    assert engine.processes() == ()
    await engine.aclose()


async def test_even_an_unspeakable_text_gives_some_silence():
    assert await fall_silent(SilentEmergency(SilentEmergencyOptions(), Surroundings()), "?!")


@pytest.mark.parametrize(("level", "number"), [("CRITICAL", 50), ("warning", 30)])
async def test_it_says_so_in_the_log_without_the_text(caplog, level, number):
    with caplog.at_level(logging.DEBUG):
        await fall_silent(SilentEmergency(SilentEmergencyOptions(log_level=level), Surroundings()))
    (record,) = [record for record in caplog.records if record.message == "speech.silenced"]
    assert record.levelno == number
    assert (record.request_id, record.characters) == ("r-1", len(SECRET))
    assert all(SECRET not in str(vars(record)) for record in caplog.records)


async def test_the_webhook_is_told_without_the_text():
    async with ScriptedHook() as hook:
        engine = engine_with(hook.url)
        await fall_silent(engine)
        await engine.aclose()
    ((head, alert),) = hook.requests
    assert head.startswith("POST /alarm?a=b ")
    assert f"host: {hook.url.split('/')[2]}" in head.lower()
    assert (alert["event"], alert["request_id"], alert["characters"]) == ("speech.silenced", "r-1", len(SECRET))
    assert SECRET not in json.dumps(alert, ensure_ascii=False)


async def test_the_answer_does_not_wait_for_the_webhook():
    async with ScriptedHook() as hook:
        hook.gate.clear()
        engine = engine_with(hook.url)
        assert await fall_silent(engine)
        hook.gate.set()
        await engine.aclose()
    assert len(hook.requests) == 1


@pytest.mark.parametrize(("statuses", "asked", "pauses"), [
    ((204,), 1, []), ((500, 503, 200), 3, [1.0, 4.0]), ((None, 429, 500, 200), 3, [1.0, 4.0]),
    ((404, 200), 1, []), ((302, 200), 1, []),
])  # fmt: skip
async def test_attempts_are_bounded_and_redirects_not_followed(statuses, asked, pauses):
    rest = Pauses()
    async with ScriptedHook(*statuses) as hook:
        is_delivered = await deliver(hook.url, {"event": "x"}, allows_private=True, rest=rest)
    assert len(hook.requests) == asked
    assert rest == pauses
    assert is_delivered == (statuses[asked - 1] in (200, 204))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0", "[::ffff:10.0.0.1]"]
)
async def test_addresses_inside_are_refused_unless_meant(host):
    with pytest.raises(NotAllowed, match="inside this network"):
        await deliver(f"http://{host}:1/", {}, allows_private=False)


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "file:///etc/passwd", "nonsense", "http://", "http://a:99999/", "http://[/"]
)
async def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(InvalidParameter, match="webhook"):
        await deliver(url, {}, allows_private=True)


@pytest.mark.parametrize(("url", "event"), [
    ("http://127.0.0.1:1/", "alert.refused"), ("ftp://x/", "alert.refused"),
    ("http://no-such-host.invalid/", "alert.lost"),
])  # fmt: skip
async def test_an_alert_that_cannot_be_delivered_is_logged(caplog, url, event):
    engine = SilentEmergency(SilentEmergencyOptions(alert_webhook=url), Surroundings(), rest=Pauses())
    with caplog.at_level(logging.INFO):
        assert await fall_silent(engine)
        await engine.aclose()
    assert event in [record.message for record in caplog.records]


async def test_alerts_on_their_way_are_bounded():
    async with ScriptedHook() as hook:
        hook.gate.clear()
        engine = engine_with(hook.url)
        for _ in range(ALERTS_AT_ONCE + 5):
            await fall_silent(engine)
        hook.gate.set()
        await engine.aclose()
    assert len(hook.requests) == ALERTS_AT_ONCE


async def test_closing_drops_an_alert_that_never_arrives():
    async with ScriptedHook() as hook:
        hook.gate.clear()
        engine = engine_with(hook.url)
        await fall_silent(engine)
        await engine.aclose()
        hook.gate.set()


def test_importing_it_loads_no_web_client():
    script = "import sys, portevoix.engines.silent_emergency; print('httpx' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"]


async def test_a_trial_raises_no_alarm(caplog):
    async with ScriptedHook() as hook:
        engine = engine_with(hook.url)
        engine.mute()
        assert await fall_silent(engine)
        await engine.aclose()
    assert (hook.connections, caplog.records) == (0, [])


async def test_looking_whether_the_webhook_answers_sends_nothing():
    async with ScriptedHook() as hook:
        assert await engine_with(hook.url).try_alarm(rings=False) == "127.0.0.1 answers; nothing was sent"
        await asyncio.wait_for(hook.left.wait(), 60)
    assert (hook.connections, hook.requests) == (1, [])


async def test_a_test_alarm_says_that_it_is_one():
    async with ScriptedHook(204) as hook:
        assert await engine_with(hook.url).try_alarm(rings=True) == "127.0.0.1 took a test alarm"
    ((_, alert),) = hook.requests
    assert (alert["event"], alert["is_test"], alert["engine"]) == ("alert.tested", True, "silent_emergency")


async def test_an_alarm_that_would_not_arrive_is_told():
    async with ScriptedHook(404) as hook:
        with pytest.raises(EngineFailed, match="not accepted"):
            await engine_with(hook.url).try_alarm(rings=True)
    with pytest.raises(EngineFailed, match="does not answer"):
        await engine_with(hook.url).try_alarm(rings=False)
    with pytest.raises(InvalidParameter):
        await engine_with("nothing").try_alarm(rings=False)
    inside = SilentEmergencyOptions(alert_webhook="http://127.0.0.1:9/")
    with pytest.raises(NotAllowed):
        await SilentEmergency(inside, Surroundings()).try_alarm(rings=False)
    assert await SilentEmergency(SilentEmergencyOptions(), Surroundings()).try_alarm(rings=True) == ""
