"""One suite over every translation engine that is installed and can be used here."""

from __future__ import annotations

import asyncio

import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineUnavailable
from portevoix.translate.registry import installed_translators
from tests.translating import surroundings

ENGINES = list(installed_translators())
SENTENCES = ["Hello.", "The dog sleeps.", "Good night."]


@pytest.fixture
async def engine(request):
    """Give an engine that is loaded; one that cannot be used here is skipped, and says why."""
    kind = installed_translators()[request.param]
    made = kind(kind.Options(), surroundings())
    try:
        await made.load()
    except EngineUnavailable as error:
        pytest.skip(f"{request.param}: {error}. {error.hint}")
    yield made
    await made.aclose()


def from_english(engine):
    return next(one for one in engine.directions() if one.source == "en")


def test_there_are_engines():
    assert {"ctranslate2", "apertium"} <= set(ENGINES)


@pytest.mark.parametrize("name", ENGINES)
async def test_building_one_does_no_work(name):
    kind = installed_translators()[name]
    engine = kind(kind.Options(), surroundings())
    assert engine.state().phase in (Phase.IDLE, Phase.READY)
    assert engine.directions() == ()
    await engine.aclose()


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
async def test_it_says_what_it_can_do(engine):
    assert engine.state().phase is Phase.READY
    assert engine.directions() is engine.directions()
    assert all(one.source != one.target and one.model for one in engine.directions())
    await engine.load()
    await engine.survey()
    assert engine.directions()


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
async def test_each_sentence_has_its_translation_in_its_place(engine):
    towards = from_english(engine)
    together = await engine.translate(SENTENCES, towards)
    assert together == [(await engine.translate([sentence], towards))[0] for sentence in SENTENCES]
    assert all(text.strip() for text in together)
    assert len(set(together)) == len(SENTENCES)
    assert await engine.translate([], towards) == []


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
async def test_leaving_leaves_an_engine_that_works(engine):
    towards = from_english(engine)
    expected = await engine.translate(SENTENCES, towards)
    for steps in (0, 1, 3, 10):
        work = asyncio.create_task(engine.translate(SENTENCES * 5, towards))
        for _ in range(steps):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert await engine.translate(SENTENCES, towards) == expected


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
async def test_many_at_once_get_their_own(engine):
    towards = from_english(engine)
    expected = dict(zip(SENTENCES, await engine.translate(SENTENCES, towards), strict=True))
    answers = await asyncio.gather(*(engine.translate([sentence], towards) for sentence in SENTENCES * 10))
    assert [answer[0] for answer in answers] == [expected[sentence] for sentence in SENTENCES * 10]
