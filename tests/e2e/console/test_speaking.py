"""Speaking from the console, in a real browser against a real server."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import LONG_MS, opened
from tests.scripted import fails, kind
from tests.served import SILENT, make_app, served

TEXT = "One two three. Four five six."
ENDLESS = " ".join(f"word{number}" for number in range(5000))  # no two pieces alike, else the cache would end it
MAGIC = {"mp3": (b"\xff\xf3", b"\xff\xfb", b"ID3"), "wav": (b"RIFF",), "opus": (b"OggS",), "flac": (b"fLaC",),
         "aac": (b"\xff\xf1", b"\xff\xf9")}  # fmt: skip

expect.set_options(timeout=LONG_MS)


@pytest.fixture(scope="module")
def server():
    """One that takes its time, so that nothing is over before it is looked at."""
    alpha = kind("alpha", seconds_per_word=0.05)
    beta = kind("beta", priority=20, languages=("fr-FR", "de-DE"))
    with served(make_app(alpha, beta, SILENT, max_text_length=0)) as running:
        yield running


@pytest.fixture
def page(browser, server, log):
    with opened(browser, f"{server.url}/", log) as shown:
        yield shown


def marks(page) -> dict[str, float]:
    """Return when what happened last, in milliseconds of the page."""
    return page.evaluate(
        """() => Object.fromEntries(performance.getEntriesByType("mark").map((one) => [one.name, one.startTime]))"""
    )


def until_marked(page, name: str) -> None:
    page.wait_for_function("(name) => performance.getEntriesByName(name).length > 0", arg=f"speech.{name}")


def until_idle(server) -> None:
    """Ask the server again and again until it speaks for nobody."""
    with httpx.Client(timeout=60) as client:
        for _ in range(20_000):
            if client.get(f"{server.url}/api/status").json()["queue"]["running"] == 0:
                return
    raise AssertionError("the server goes on speaking")


def test_sound_begins_before_the_answer_has_ended(page, server):
    page.fill("#text", ENDLESS)
    page.click("#play")
    until_marked(page, "played")
    assert "speech.received" not in marks(page)
    assert server.queue.running == 1
    page.keyboard.press("Escape")
    until_idle(server)
    expect(page.locator("#play")).to_have_text("Speak")


def test_a_text_is_spoken_to_its_end_and_its_words_light_up(page):
    page.fill("#text", TEXT)
    page.evaluate("""() => {
      window.lit = [];
      new MutationObserver(() => {
        const now = document.querySelector(".word.now")?.textContent;
        if (now && now !== window.lit.at(-1)) window.lit.push(now);
      }).observe(document.querySelector("#reader"), { subtree: true, attributes: true });
    }""")
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Stop")
    until_marked(page, "over")
    times = marks(page)
    assert times["speech.asked"] < times["speech.played"] < times["speech.over"]
    expect(page.locator("#reader .word.said")).to_have_text(["One", "two", "three", "Four", "five", "six"])
    expect(page.locator("#reader .word.now")).to_have_count(0)
    assert set(page.evaluate("window.lit")) <= {"One", "two", "three", "Four", "five", "six"}
    assert len(page.evaluate("window.lit")) >= 3
    expect(page.locator("#play")).to_have_text("Speak")
    expect(page.locator("#receipt")).to_contain_text("alpha-en")
    expect(page.locator("#news")).to_contain_text("Spoken")


def test_words_are_found_again_around_what_is_not_spoken(page):
    page.fill("#text", "**Bold** words, 😀 emoji and [a link](https://example.com) stay.")
    page.click("#play")
    until_marked(page, "over")
    said = page.locator("#reader .word.said").all_text_contents()
    assert said == ["Bold", "words", "emoji", "and", "a", "link", "stay"]


@pytest.mark.parametrize("text", ["So. I am it.", "So I_am it."], ids=["one letter", "several words said as one"])
def test_every_word_lights_up(page, text):
    page.fill("#text", text)
    page.click("#play")
    until_marked(page, "over")
    assert page.locator("#reader .word.said").all_text_contents() == ["So", "I", "am", "it"]


def test_the_wave_is_drawn_and_fills_with_what_was_heard(page, log):
    log.pardoned.append("willReadFrequently")
    coloured = """() => {
      const canvas = document.querySelector("#wave");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) count += data[i + 3] > 200 && data[i] > 150 && data[i + 1] < 100;
      return count;
    }"""
    assert page.evaluate(coloured) == 0
    page.fill("#text", TEXT)
    page.click("#play")
    until_marked(page, "over")
    assert page.evaluate(coloured) > 200


def test_every_choice_reaches_the_server(page):
    page.wait_for_function("() => document.querySelectorAll('#voice option').length > 3")
    page.select_option("#language", "fr")
    expect(page.locator("#voice option")).to_have_text(["Best available", "alpha-fr", "beta-fr"])
    page.select_option("#voice", label="beta-fr")
    page.locator("#speed").fill("1.5")
    expect(page.locator("#pace")).to_have_text("1.50 ×")
    page.fill("#text", "Bonjour.")
    with page.expect_request("**/v1/audio/speech") as asked:
        page.click("#play")
    order = asked.value.post_data_json
    assert (order["input"], order["language"], order["voice"], order["speed"]) == ("Bonjour.", "fr", "beta-fr", 1.5)
    assert (order["response_format"], order["stream_format"]) == ("pcm", "sse")
    expect(page.locator("#receipt")).to_contain_text("beta-fr")


@pytest.mark.parametrize("name", MAGIC)
def test_a_clip_can_be_kept_in_each_format(page, name):
    page.fill("#text", "Kept.")
    page.select_option("#format", name)
    with page.expect_download() as kept:
        page.click("#download")
    assert kept.value.suggested_filename == f"portevoix.{'ogg' if name == 'opus' else name}"
    assert kept.value.path().read_bytes().startswith(MAGIC[name])


def test_the_keyboard_alone_is_enough(page, server):
    page.fill("#text", ENDLESS)
    page.evaluate("document.activeElement.blur()")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "play":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    until_marked(page, "played")
    page.keyboard.press("Escape")
    until_idle(server)
    page.focus("#text")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#play")).to_have_text("Stop")
    page.click("#play")
    expect(page.locator("#play")).to_have_text("Speak")
    until_idle(server)


def test_speaking_again_ends_what_is_being_spoken(page, server):
    page.fill("#text", ENDLESS)
    page.click("#play")
    until_marked(page, "played")
    page.fill("#text", "Enough.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#play")).to_have_text("Speak")
    until_idle(server)


def test_an_empty_text_is_not_sent(page, log):
    page.fill("#text", "")
    page.click("#play")
    assert page.evaluate("document.activeElement.id") == "text"
    assert not any("audio/speech" in address for address in log.addresses)


def test_a_refusal_is_told_in_the_servers_words(page, log):
    log.pardoned.append("400 (Bad Request)")
    page.fill("#text", "…!")
    page.click("#play")
    expect(page.locator("#speak-alert")).to_contain_text("nothing to say")
    expect(page.locator("#play")).to_have_text("Speak")


def test_another_engine_and_why_are_told(browser):
    alpha = kind("alpha", fault=fails())
    with (
        served(make_app(alpha, kind("beta", priority=20), SILENT)) as running,
        opened(browser, f"{running.url}/") as page,
    ):
        page.click("#play")
        expect(page.locator("#receipt")).to_contain_text("beta")
        expect(page.locator("#receipt .wide")).to_contain_text("alpha failed: alpha broke")


def test_a_speech_that_breaks_off_is_heard_as_far_as_it_came_and_told(browser, log):
    log.pardoned.append("ERR_INCOMPLETE_CHUNKED_ENCODING")
    alpha = kind("alpha", fault=fails(after_words=4), seconds_per_word=0.2)  # slow: what came at once could be lost
    with served(make_app(alpha)) as running, opened(browser, f"{running.url}/", log) as page:
        page.click("#play")
        expect(page.locator("#speak-alert")).to_contain_text("cut short")
        assert marks(page)["speech.played"] < marks(page)["speech.over"]
        assert page.locator("#reader .word.said").count() >= 1
