from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing

import httpx
import pytest

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, ThreadBridge
from portevoix.speech import Utterance, Voice
from tests.scripted import ScriptedEngine, burst
from tests.served import make_app, served

PATIENCE_SECONDS = 60
VOICE = Voice("deaf-fr", "deaf", "fr-FR", 16_000)


class Deaf:
    """Compute without hearing or seeing anything else, until it is let go."""

    def __init__(self) -> None:
        self.at_work, self.may_go_on = threading.Event(), threading.Event()
        self.was_let_go: bool | None = None

    def voices(self) -> tuple[Voice, ...]:
        return (VOICE,)

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        self.at_work.set()
        self.was_let_go = self.may_go_on.wait(PATIENCE_SECONDS)
        yield AudioChunk(burst("mot", 16_000), 16_000)

    def close(self) -> None:
        self.may_go_on.set()


@pytest.mark.timeout(300)
def test_a_server_says_that_it_lives_while_an_engine_computes() -> None:
    deaf = Deaf()

    class Blocking(ScriptedEngine):
        name = "deaf"
        delivery = Delivery.FRAMES
        target_latency_ms = PATIENCE_SECONDS * 1000.0

        def __init__(self, options, surroundings) -> None:
            super().__init__("deaf", voices=[VOICE], delivery=Delivery.FRAMES)
            self.bridge = ThreadBridge(deaf, "deaf")

        def stream(self, utterance: Utterance):
            return self.bridge.stream(utterance)

    order = {"model": "tts-1", "input": "Bonjour", "voice": "deaf-fr", "response_format": "wav"}
    with served(make_app(Blocking)) as server:
        answers: list[int] = []
        url = f"{server.url}/v1/audio/speech"
        asking = threading.Thread(target=lambda: answers.append(httpx.post(url, json=order, timeout=120).status_code))
        asking.start()
        assert deaf.at_work.wait(PATIENCE_SECONDS)
        for _ in range(5):
            alive = httpx.get(f"{server.url}/health/live", timeout=PATIENCE_SECONDS).json()
            assert alive == {"status": "alive"}
        deaf.may_go_on.set()
        asking.join(PATIENCE_SECONDS)
    assert answers == [200]
    assert deaf.was_let_go, "it was waited for with the event loop standing still"


class Babbler(Deaf):
    """Go on for as long as somebody listens."""

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        while not is_cancelled():
            yield AudioChunk(burst("mot", 16_000), 16_000)


async def test_nothing_is_computed_for_who_left_and_the_next_is_served() -> None:
    bridge = ThreadBridge(Babbler(), "babbler")
    for _ in range(3):
        async with aclosing(bridge.stream(Utterance("Bonjour", VOICE, "fr"))) as chunks:
            assert len((await anext(chunks)).samples)
    await bridge.aclose()
