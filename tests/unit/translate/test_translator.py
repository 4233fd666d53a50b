from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import asdict

import pytest

from portevoix.errors import EmptyText, EngineDied, EngineNotFound, EngineUnavailable, InvalidParameter, TextTooLong
from portevoix.translate.detection import LanguageDetector
from portevoix.translate.faults import LanguageUnknown, NoTranslator, NotTranslated, SameLanguage, TranslationFailed
from portevoix.translate.request import TranslationRequest
from portevoix.translate.script import SENTENCE_END, script
from tests.translating import ScriptedTranslation, directions, failure, translator_of

TEN = " ".join(f"This is the sentence with number {word}." for word in
               ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"])  # fmt: skip


def ask(text, target="fr", source="en", **options):
    return TranslationRequest(text, target, source, **options)


async def test_a_whole_text_with_everything_about_it():
    translator = translator_of(ScriptedTranslation())
    done = await translator.translate(ask("# My cat\n\n- It sleeps **now**.\n- 42\n", request_id="r"))
    assert done.text == "# fr yM tac\n\n- fr tI speels **now**.\n- 42\n"
    assert (done.engine, done.model, done.chain, done.licence) == ("scripted", "m-en-fr", ("en", "fr"), "MIT")
    assert (done.source, done.target, done.is_detected, done.request_id) == ("en", "fr", False, "r")
    assert [pair.source for pair in done.pairs] == ["My cat", "It sleeps **now**."]
    assert 0 < done.first_seconds <= done.seconds
    json.dumps(asdict(done))


async def test_the_language_is_found_out():
    done = await translator_of(ScriptedTranslation()).translate(ask("The train leaves at noon.", source="auto"))
    assert (done.source, done.is_detected, done.confidence > 0.5) == ("en", True, True)


async def test_batches_begin_small_and_grow():
    engine = ScriptedTranslation()
    await translator_of(engine).translate(ask(TEN))
    assert [len(sentences) for sentences, _ in engine.asked] == [1, 1, 2, 4, 2]


async def test_the_next_batch_is_made_while_one_is_used_and_no_more():
    engine = ScriptedTranslation()
    rendering = await translator_of(engine).open(ask(TEN))
    pairs = rendering.__aiter__()
    await anext(pairs)
    for _ in range(20):
        await asyncio.sleep(0)
    assert [len(sentences) for sentences, _ in engine.asked] == [1, 1]
    assert rendering.report.text.count("fr") == 1
    await pairs.aclose()


async def test_closing_ends_a_survey_before_the_engines():
    ends = []

    class Surveyed(ScriptedTranslation):
        async def survey(self):
            try:
                await asyncio.Event().wait()
            finally:
                ends.append("survey")

        async def aclose(self):
            ends.append("engine")

    translator = translator_of(Surveyed())
    await translator.load()
    survey = translator.begin_survey()
    assert translator.begin_survey() is survey
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await translator.aclose()
    assert survey.cancelled()
    assert ends == ["survey", "engine"]


async def test_leaving_stops_the_work():
    begun = asyncio.Event()

    async def wait(sentences):
        if "two" in sentences[0]:
            begun.set()
            await asyncio.Event().wait()

    engine = ScriptedTranslation(before=wait)
    pairs = (await translator_of(engine).open(ask(TEN))).__aiter__()
    await anext(pairs)
    await begun.wait()
    await pairs.aclose()
    assert engine.cancelled == 1


async def test_the_next_engine_goes_on_and_the_answer_says_so():
    first = ScriptedTranslation(faults=[None, failure("out of paper")])
    second = ScriptedTranslation(name="second", priority=20, is_rule_based=True)
    done = await translator_of(second, first).translate(ask(TEN))
    assert [pair.engine for pair in done.pairs] == ["scripted"] + ["second"] * 9
    assert (done.engine, done.is_degraded, done.is_rule_based) == ("scripted+second", True, True)
    assert "out of paper" in done.why_degraded
    assert [(one.engine, one.outcome) for one in done.attempts][:3] == [
        ("scripted", "translated"), ("scripted", "failed"), ("second", "translated"),
    ]  # fmt: skip
    assert len(first.asked) == 2


async def test_an_engine_whose_process_died_is_asked_once_more():
    engine = ScriptedTranslation(faults=[failure(kind=EngineDied)])
    done = await translator_of(engine).translate(ask("the cat"))
    assert not done.is_degraded
    engine = ScriptedTranslation(faults=[failure(kind=EngineDied)] * 2)
    with pytest.raises(TranslationFailed):
        await translator_of(engine).translate(ask("the cat"))


async def test_another_way_is_taken_when_a_part_of_an_engine_is_found_broken():
    engine = ScriptedTranslation(pairs=("en-es", "es-fr", "en-ca", "ca-fr"))

    async def break_down(_):
        if any(one.model == "m-es-fr" for one in engine.known) and engine.asked[-1][1].model == "m-es-fr":
            engine.known = directions("en-es", "en-ca", "ca-fr")
            raise EngineUnavailable("the mode is broken")

    engine.before = break_down
    done = await translator_of(engine).translate(ask("the cat"))
    assert done.chain == ("en", "ca", "fr")
    assert done.is_pivoted
    assert not done.is_degraded


async def test_when_all_fail_each_reason_is_told_and_nothing_is_given():
    first = ScriptedTranslation(faults=[failure("no ink")])
    second = ScriptedTranslation(name="second", faults=[failure("no paper")])
    with pytest.raises(TranslationFailed) as caught:
        await translator_of(first, second).translate(ask("the cat"))
    assert "scripted: scripted broke: no ink; second: scripted broke: no paper" in caught.value.why
    assert caught.value.hint == "Mend it."


async def test_an_engine_that_rests_is_skipped():
    first = ScriptedTranslation(faults=[failure()] * 3)
    translator = translator_of(first, ScriptedTranslation(name="second", priority=20))
    for number in range(4):
        done = await translator.translate(ask(f"the cat {number}"))
    assert done.attempts[0].outcome == "skipped"
    assert len(first.asked) == 3
    await translator.aclose()


async def test_one_engine_or_one_model_can_be_asked_for():
    translator = translator_of(ScriptedTranslation(), ScriptedTranslation(name="second", priority=20))
    assert (await translator.translate(ask("the cat", engine="second"))).engine == "second"
    assert (await translator.translate(ask("the cat", model="m-en-fr"))).model == "m-en-fr"
    with pytest.raises(NotTranslated):
        await translator.translate(ask("the cat", model="other"))
    with pytest.raises(EngineNotFound):
        await translator.translate(ask("the cat", engine="third"))


async def test_the_second_time_it_is_known():
    engine = ScriptedTranslation()
    translator = translator_of(engine)
    first, second = [await translator.translate(ask(TEN)) for _ in range(2)]
    assert (first.is_cached, second.is_cached) == (False, True)
    assert first.text == second.text
    assert sum(len(sentences) for sentences, _ in engine.asked) == 10


async def test_mixed_languages_go_each_from_its_own():
    engine = ScriptedTranslation(pairs=("en-fr", "es-fr"))
    text = "The train leaves at noon today. El tren sale al mediodía de la estación. Le train part à midi de la gare."
    done = await translator_of(engine).translate(ask(text, source=None))
    assert [pair.source_language for pair in done.pairs] == ["en", "es", "fr"]
    assert done.text.endswith("Le train part à midi de la gare.")
    assert len(done.warnings) == 2


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        (ask(""), EmptyText),
        (ask(" \n\0"), EmptyText),
        (ask("Hello", "en", "en"), SameLanguage),
        (ask("Hello", "en-GB", "en-US"), SameLanguage),
        (ask("Hello", "klingon"), LanguageUnknown),
        (ask("Hello", "fr", "klingon"), LanguageUnknown),
        (ask("Hello", "ja"), NotTranslated),
        (ask("Hallo", "fr", "de"), NotTranslated),
        (ask("x" * 1001), TextTooLong),
        (ask(None), InvalidParameter),
    ],
)
async def test_bad_requests_have_their_own_answers(request_, kind):
    engine = ScriptedTranslation()
    with pytest.raises(kind) as caught:
        await translator_of(engine, max_text_length=1000).translate(request_)
    assert type(caught.value) is kind
    assert engine.asked == []


async def test_a_pair_that_nobody_knows_is_refused_with_what_there_is():
    with pytest.raises(NotTranslated) as caught:
        await translator_of(ScriptedTranslation(pairs=("en-fr", "en-es"))).translate(ask("Hello", "de"))
    assert "from English there is es, fr" in caught.value.why
    assert "opus-mt-en-de" in caught.value.hint


async def test_without_any_engine_the_answer_says_what_to_install():
    for engines in ([], [ScriptedTranslation(why_unavailable="it is not installed")]):
        with pytest.raises(NoTranslator) as caught:
            await translator_of(*engines).translate(ask("Hello"))
        assert "apt install apertium" in caught.value.hint
        assert "portevoix models get" in caught.value.hint
    assert "scripted: it is not installed" in caught.value.why


@pytest.mark.parametrize("text", ["😀", "42", "https://a.example", "😀 42\n[NAME]"])
async def test_what_has_no_words_comes_back_as_it_is_even_without_an_engine(text):
    done = await translator_of().translate(ask(text, source=None))
    assert done.text == text
    assert done.engine == "none"
    assert done.warnings


async def test_a_hundred_thousand_characters():
    engine = ScriptedTranslation()
    text = "The train leaves. " * 5556
    done = await translator_of(engine).translate(ask(text[:100_000]))
    assert len(done.pairs) > 5500
    assert sum(len(sentences) for sentences, _ in engine.asked) <= 3


async def test_a_long_text_is_looked_through_on_another_thread():
    class Watched(LanguageDetector):
        threads = set()  # noqa: RUF012 - one for the test

        def guess(self, text, among):
            self.threads.add(threading.current_thread())
            return super().guess(text, among)

    translator = translator_of(ScriptedTranslation(), detector=Watched())
    await translator.translate(ask("The train leaves at noon. " * 200))
    assert Watched.threads
    assert threading.main_thread() not in Watched.threads


async def test_nul_and_control_characters_never_reach_an_engine():
    engine = ScriptedTranslation()
    await translator_of(engine).translate(ask("the\0 cat\x1b sleeps"))
    assert engine.asked[0][0] == ["the cat sleeps"]


async def test_a_script_has_the_translation_alone_sentence_by_sentence():
    rendering = await translator_of(ScriptedTranslation()).open(ask("- The cat.\n- A dog.\n42"))
    words = [piece async for piece in script(rendering)]
    assert words == [f"- fr ehT cat.{SENTENCE_END}", f"\n- fr A dog.{SENTENCE_END}", "\n42"]


async def test_engines_are_loaded_when_the_first_request_comes():
    engine = ScriptedTranslation()
    translator = translator_of(engine)
    await translator.translate(ask("the cat"))
    assert engine.state().phase.value == "ready"
    await translator.aclose()
    assert engine.is_closed


async def test_what_came_since_is_used_at_once():
    class Late(ScriptedTranslation):
        comes = False

        async def load(self) -> None:
            if self.comes:
                self.why_unavailable, self.known = "", directions("en-fr")
            await super().load()

    absent, poor = Late(why_unavailable="there is no model"), Late(pairs=["en-es"])
    for engine in (absent, poor):
        translator = translator_of(engine)
        with pytest.raises((NoTranslator, NotTranslated)):
            await translator.translate(TranslationRequest("The cat.", "fr", "en"))
        engine.comes = True
        assert (await translator.translate(TranslationRequest("The cat.", "fr", "en"))).chain == ("en", "fr")
