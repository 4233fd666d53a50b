"""Stages of Apertium pipelines are killed at random under load: every answer belongs to its question."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from contextlib import suppress

import pytest

from portevoix.translate.engines.apertium import ApertiumOptions, ApertiumTranslation
from portevoix.translate.request import TranslationRequest
from tests.translating import needs_apertium, needs_sed, surroundings, translator_of

REQUESTS, CLIENTS, ANSWERS_PER_KILL = 1000, 20, 16
MODES = {
    "eng-spa": "sed -u 's/cats/gatos/' | sed -u 's/I have/Tengo/' | sed -u 's/q/q/'",
    "es-fr": "sed -u 's/gatos/chats/' | sed -u 's/Tengo/Jai/' | sed -u 's/q/q/'",
}


def text_of(number):
    return f"I have {number} cats."


def kill_one(engine, chance):
    """Kill a stage of a pipeline that is up; return whether there was one."""
    pids = [pid for pipeline in engine._pipelines.values() for pid in pipeline.pids]
    if pids:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(pids), signal.SIGKILL)
    return bool(pids)


async def besiege(engine, expected):
    translator = translator_of(engine)
    chance, numbers = random.Random(7), iter(range(REQUESTS))
    answers, kills = {}, 0

    async def client():
        nonlocal kills
        for number in numbers:
            request = TranslationRequest(text_of(number), "fr", "en", reads_cache=False)
            answers[number] = (await translator.translate(request)).text
            if len(answers) % ANSWERS_PER_KILL == 0:
                kills += kill_one(engine, chance)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    await translator.aclose()
    assert kills > REQUESTS / ANSWERS_PER_KILL / 2
    assert answers == {number: expected(number) for number in range(REQUESTS)}


@needs_sed
@pytest.mark.timeout(300)
async def test_programs_in_apertiums_place(tmp_path):
    for name, stages in MODES.items():
        (tmp_path / f"{name}.mode").write_text(stages)
    engine = ApertiumTranslation(ApertiumOptions(folder=tmp_path), surroundings())
    await besiege(engine, lambda number: f"Jai {number} chats.")


@needs_apertium
@pytest.mark.timeout(600)
async def test_apertium_itself():
    calm = ApertiumTranslation(ApertiumOptions(), surroundings())
    translator = translator_of(calm)
    expected = {number: (await translator.translate(TranslationRequest(text_of(number), "fr", "en"))).text
                for number in range(REQUESTS)}  # fmt: skip
    await translator.aclose()
    assert all(str(number) in text and "chat" in text for number, text in expected.items())
    await besiege(ApertiumTranslation(ApertiumOptions(), surroundings()), expected.__getitem__)
