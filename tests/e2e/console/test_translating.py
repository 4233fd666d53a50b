"""Translating from the console, in a real browser, with a scripted translation engine."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

from playwright.sync_api import expect

from portevoix.engine import EngineState, Phase
from portevoix.errors import EngineFailed
from portevoix.translate.direction import Direction
from portevoix.translate.guard import Guard
from portevoix.translate.memory import TranslationMemory
from portevoix.translate.translator import Translator
from tests.browser import LONG_MS, opened
from tests.scripted import fails, kind
from tests.served import SILENT, make_app, served

expect.set_options(timeout=LONG_MS)


class Reversing:
    """Translates by writing each word backwards, so that nobody takes it for the text."""

    name = "reversing"
    summary = "writes backwards"
    priority = 10
    is_rule_based = True
    sentence_seconds = 10.0
    phase = Phase.READY
    fails = False

    def state(self) -> EngineState:
        return EngineState(self.phase, "" if self.phase is Phase.READY else "there is no model",
                           "Fetch one: `portevoix models get opus-mt-en-fr`.")  # fmt: skip

    def directions(self) -> tuple[Direction, ...]:
        if self.phase is not Phase.READY:
            return ()
        return (Direction("en", "fr", "back", fingerprint="1"), Direction("fr", "en", "back", fingerprint="1"))

    async def load(self) -> None: ...

    async def survey(self) -> None: ...

    async def translate(self, sentences, direction):
        if self.fails:
            raise EngineFailed("reversing broke", "the script says so")
        return [" ".join(word[::-1] for word in sentence.split()) for sentence in sentences]

    async def aclose(self) -> None: ...


def translating(engine: Reversing):
    app = make_app(kind("alpha", seconds_per_word=0.05), SILENT, max_text_length=0)
    return replace(app, translator=Translator([Guard(engine, TranslationMemory(10_000, 60.0))]))


def test_a_text_is_translated_and_spoken_in_the_other_language(browser):
    with served(translating(Reversing())) as running, opened(browser, f"{running.url}/#translate") as page:
        expect(page.locator("#target option")).to_have_text(["English", "French"])
        page.select_option("#source", "en")
        page.fill("#source-text", "one two three")
        with page.expect_request("**/translate") as asked:
            page.click("#translate-play")
        assert asked.value.post_data_json.items() >= {"text": "one two three", "target_lang": "fr"}.items()
        page.wait_for_function("() => performance.getEntriesByName('speech.over').length > 0")
        expect(page.locator("#translated .said")).to_have_text(["eno", "owt", "eerht"])
        expect(page.locator("#translate-note")).to_contain_text("Translated by reversing")
        expect(page.locator("#translate-note")).to_contain_text("Made by rules")
        assert page.get_attribute("#translated", "lang") == "fr"
        page.click("#swap")
        assert (page.input_value("#source"), page.input_value("#target")) == ("fr", "en")
        assert page.input_value("#source-text") == "eno owt eerht"
        page.click("#translate-only")
        expect(page.locator("#translated")).to_have_text("one two three")


class Gated(Reversing):
    """Translates the last sentence when it is allowed to."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    async def translate(self, sentences, direction):
        if any("last" in sentence for sentence in sentences):
            await asyncio.to_thread(self.gate.wait, 60)
        return await super().translate(sentences, direction)


def test_speech_begins_while_later_sentences_are_being_translated(browser):
    engine = Gated()
    with served(translating(engine)) as running, opened(browser, f"{running.url}/#translate") as page:
        page.wait_for_function("() => !document.querySelector('#translate-play').disabled")
        page.select_option("#source", "en")
        page.fill("#source-text", "The first one is here. A second one comes. And a third. Then the last one.")
        page.click("#translate-play")
        page.wait_for_function("() => performance.getEntriesByName('speech.played').length > 0")
        expect(page.locator("#translated")).to_contain_text("tsrif")
        expect(page.locator("#translated")).not_to_contain_text("tsal")
        expect(page.locator("#translate-play")).to_have_text("Stop")
        engine.gate.set()
        page.wait_for_function("() => performance.getEntriesByName('speech.over').length > 0")
        expect(page.locator("#translated .word")).to_have_count(16)
        expect(page.locator("#translated .said")).to_have_count(16)
        expect(page.locator("#translate-note")).to_contain_text("Translated by reversing")


def test_who_stops_listening_still_reads_the_whole_translation(browser):
    with served(translating(Reversing())) as running, opened(browser, f"{running.url}/#translate") as page:
        page.wait_for_function("() => !document.querySelector('#translate-play').disabled")
        page.select_option("#source", "en")
        page.fill("#source-text", " ".join(f"This is sentence number{number}." for number in range(200)))
        page.click("#translate-play")
        page.wait_for_function("() => performance.getEntriesByName('speech.played').length > 0")
        page.click("#translate-play")
        expect(page.locator("#translate-play")).to_have_text("Translate and speak")
        expect(page.locator("#translated .word")).to_have_count(800)
        expect(page.locator("#translate-note")).to_contain_text("Translated by reversing")


def test_a_translation_that_cannot_be_spoken_is_read(browser, log):
    log.pardoned.append("503 (Service Unavailable)")
    app = replace(make_app(kind("alpha", fault=fails())), translator=translating(Reversing()).translator)
    with served(app) as running, opened(browser, f"{running.url}/#translate", log) as page:
        page.wait_for_function("() => !document.querySelector('#translate-play').disabled")
        page.select_option("#source", "en")
        page.fill("#source-text", "one two three")
        page.click("#translate-play")
        expect(page.locator("#translate-alert")).to_contain_text("alpha")
        expect(page.locator("#translated")).to_have_text("eno owt eerht")


def test_speaking_and_translating_end_each_other(browser):
    with served(translating(Reversing())) as running, opened(browser, f"{running.url}/#translate") as page:
        page.wait_for_function("() => !document.querySelector('#translate-play').disabled")
        page.fill("#source-text", " ".join(f"word{number}" for number in range(300)))
        page.click("#translate-play")
        expect(page.locator("#translate-play")).to_have_text("Stop")
        page.wait_for_function("() => performance.getEntriesByName('speech.played').length > 0")
        page.click('.views a[href="#speak"]')
        page.fill("#text", "Short.")
        page.click("#play")
        expect(page.locator("#receipt")).to_contain_text("Length")
        expect(page.locator("#translate-play")).to_have_text("Translate and speak")


def test_a_translation_that_fails_is_told_and_nothing_is_spoken(browser, log):
    log.pardoned.append("503 (Service Unavailable)")
    engine = Reversing()
    engine.fails = True
    with served(translating(engine)) as running, opened(browser, f"{running.url}/#translate", log) as page:
        page.wait_for_function("() => !document.querySelector('#translate-play').disabled")
        page.click("#translate-play")
        expect(page.locator("#translate-alert")).to_contain_text("reversing broke")
        assert not any("audio/speech" in address for address in log.addresses)


def test_without_a_translation_engine_it_says_what_to_fetch(browser):
    engine = Reversing()
    engine.phase = Phase.UNAVAILABLE
    with served(translating(engine)) as running, opened(browser, f"{running.url}/#translate") as page:
        expect(page.locator("#translate-note")).to_contain_text("Nothing can be translated yet")
        expect(page.locator("#translate-needs code")).to_have_text("portevoix models get opus-mt-en-fr")
        expect(page.locator("#translate-play")).to_be_disabled()
