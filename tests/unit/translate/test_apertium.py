from __future__ import annotations

import asyncio
import os
import signal

import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineUnavailable
from portevoix.translate.engines.apertium import ApertiumOptions, ApertiumTranslation
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.request import TranslationRequest
from tests.translating import needs_apertium, needs_sed, surroundings, translator_of

MODES = {
    "eng-spa": "sed -u 's/cat/gato/g' | sed -u 's/the/el/g'",
    "es-fr": "sed -u 's/gato/chat/g' | sed -u 's/el /le /g'",
    "spa-ita": "cat $1",  # knows no -z
    "spa-por": "no-such-program | sed -u p",
    "ita-spa": "sed -u 's/.*//'",
}
pytestmark = needs_sed


@pytest.fixture
def folder(tmp_path):
    for name, stages in MODES.items():
        (tmp_path / f"{name}.mode").write_text(stages)
    return tmp_path


@pytest.fixture
async def engine(folder):
    made = ApertiumTranslation(ApertiumOptions(folder=folder), surroundings())
    await made.load()
    yield made
    await made.aclose()


def direction(engine, model):
    return next(one for one in engine.directions() if one.model == model)


async def test_modes_are_directions_and_nothing_is_started(engine):
    assert {(one.source, one.target) for one in engine.directions()} == {
        ("en", "es"), ("es", "fr"), ("es", "it"), ("es", "pt"), ("it", "es"),
    }  # fmt: skip
    assert engine.state().phase is Phase.READY
    assert not engine._pipelines


async def test_sentences_go_through_a_pipeline_that_stays(engine):
    towards = direction(engine, "eng-spa")
    assert await engine.translate(["the cat", "the dog"], towards) == ["el gato", "el dog"]
    pids = engine._pipelines["eng-spa"].pids
    assert await engine.translate(["the cat"], towards) == ["el gato"]
    assert engine._pipelines["eng-spa"].pids == pids


async def test_a_pivot_goes_by_way_of_two(engine):
    done = await translator_of(engine).translate(TranslationRequest("the cat", "fr", "en"))
    assert (done.text, done.chain, done.model) == ("le chat", ("en", "es", "fr"), "eng-spa+es-fr")
    assert done.is_pivoted
    assert done.is_rule_based


@pytest.mark.parametrize("model", ["spa-ita", "spa-por"])
async def test_a_broken_mode_is_found_by_starting_it(engine, model):
    with pytest.raises(EngineUnavailable):
        await engine.translate(["hola"], direction(engine, model))
    assert model not in [one.model for one in engine.directions()]
    assert model in engine.state().why
    assert engine.state().phase is Phase.READY


async def test_the_survey_finds_all_broken_modes_and_leaves_nothing_running(engine):
    await engine.survey()
    assert {one.model for one in engine.directions()} == {"eng-spa", "es-fr"}
    assert not engine._pipelines


async def test_a_mode_that_swallows_a_sentence_cannot_translate_it(folder):
    (folder / "ita-spa.mode").write_text("sed -u 's/ciao//'")
    engine = ApertiumTranslation(ApertiumOptions(folder=folder), surroundings())
    await engine.load()
    with pytest.raises(CannotTranslate):
        await engine.translate(["ciao"], direction(engine, "ita-spa"))
    assert await engine.translate(["casa"], direction(engine, "ita-spa")) == ["casa"]
    await engine.aclose()


async def test_a_killed_pipeline_takes_another_life_and_the_sentence_is_asked_again(engine):
    towards = direction(engine, "eng-spa")
    await engine.translate(["the cat"], towards)
    for victim in (0, 1):
        os.kill(engine._pipelines["eng-spa"].pids[victim], signal.SIGKILL)
        assert await engine.translate(["the cat"], towards) == ["el gato"]


async def test_only_so_many_pipelines_are_kept(folder):
    for name in ("fra-spa", "fra-cat", "cat-fra"):
        (folder / f"{name}.mode").write_text("sed -u s,q,q,")
    engine = ApertiumTranslation(ApertiumOptions(folder=folder, pipelines=2), surroundings())
    await engine.load()
    models = ["eng-spa", "es-fr", "fra-spa", "fra-cat", "cat-fra"]
    await asyncio.gather(*(engine.translate(["x"], direction(engine, model)) for model in models[:2]))
    for model in models:
        await engine.translate(["x"], direction(engine, model))
    assert list(engine._pipelines) == ["fra-cat", "cat-fra"]
    await engine.aclose()


async def test_without_modes_it_says_what_to_install(tmp_path):
    engine = ApertiumTranslation(ApertiumOptions(folder=tmp_path), surroundings())
    with pytest.raises(EngineUnavailable) as caught:
        await engine.load()
    assert "apt install apertium" in caught.value.hint
    assert engine.state().phase is Phase.UNAVAILABLE


async def test_without_the_program_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("APERTIUM_DATADIR", raising=False)
    engine = ApertiumTranslation(ApertiumOptions(), surroundings())
    with pytest.raises(EngineUnavailable, match="not installed"):
        await engine.load()


@needs_apertium
@pytest.mark.parametrize(
    ("source", "target", "text", "translation", "chain"),
    [
        ("en", "es", "The house is white.", "La casa es blanca.", "en es"),
        ("es", "fr", "La casa es blanca.", "La maison est blanche.", "es fr"),
        ("fr", "es", "La maison est blanche.", "La casa es blanca.", "fr es"),
        ("en", "fr", "The house is white.", "La maison est blanche.", "en es fr"),
        ("fr", "en", "La maison est blanche.", "The house is white.", "fr es en"),
    ],
)
async def test_the_real_pairs(source, target, text, translation, chain):
    translator = translator_of(ApertiumTranslation(ApertiumOptions(), surroundings()))
    done = await translator.translate(TranslationRequest(text, target))
    assert (done.text, done.source, done.chain) == (translation, source, tuple(chain.split()))
    assert done.is_rule_based
    assert done.is_pivoted == (len(done.chain) > 2)
    await translator.aclose()


@needs_apertium
async def test_real_pipelines_keep_what_is_no_language():
    translator = translator_of(ApertiumTranslation(ApertiumOptions(), surroundings()))
    lines = ["Write to bob@example.com or http://a.example/b_c?d=e 😀", "[John] has **3** dogs {x} <b>here</b>\0."]
    text = f"# The house\n\n- {lines[0]}\n- {lines[1]}\n"
    done = await translator.translate(TranslationRequest(text, "es", "en"))
    kept = ("# ", "\n\n- ", "bob@example.com", "http://a.example/b_c?d=e", "😀\n", "[John]", "**3**", "{x}", "<b>")
    assert [part for part in kept if part not in done.text] == []
    assert "\0" not in done.text
    assert "casa" in done.text
    await translator.aclose()


@needs_apertium
async def test_every_real_mode_is_started_once():
    engine = ApertiumTranslation(ApertiumOptions(), surroundings())
    await engine.load()
    await engine.survey()
    assert {("en", "es"), ("es", "fr"), ("fr", "es"), ("es", "en")} <= {
        (one.source, one.target) for one in engine.directions()
    }
    await engine.aclose()


async def test_a_mark_that_the_rules_left_alone_comes_back_to_its_word(folder):
    (folder / "eng-spa.mode").write_text("sed -u 's/[.?]/ &/g'")
    made = ApertiumTranslation(ApertiumOptions(folder=folder), surroundings())
    await made.load()
    try:
        assert await made.translate(["the cat.", "a cat?"], direction(made, "eng-spa")) == ["the cat.", "a cat?"]
    finally:
        await made.aclose()
