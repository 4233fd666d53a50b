"""The console on a machine of its own: models, voices of people, configuration and keys, all real."""

from __future__ import annotations

import json
import re
import threading

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import LONG_MS, opened
from tests.console_machine import CONFIG, FILES, MODEL, running_machine
from tests.hub import answers, hub

TRANSLATION = "opus-mt-en-fr"
WEIGHTS = dict.fromkeys(("config.json", "source.spm", "target.spm", "vocab.json", "pytorch_model.bin"), b"{}")

expect.set_options(timeout=LONG_MS)


@pytest.fixture(scope="module")
def one():
    with hub(dict(FILES)) as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory, one):
    with running_machine(tmp_path_factory.mktemp("machine"), one.url) as running:
        yield running


def row(page, name: str):
    return page.locator("#models li").filter(has=page.locator(".name", has_text=re.compile(f"^{name}$")))


def test_a_model_is_fetched_with_its_progress_used_and_deleted(browser, machine, one):
    one.goes_on, one.holds_after = threading.Event(), 200_000
    with opened(browser, f"{machine.url}/#voices") as page:
        page.fill("#models-filter", "petit")
        expect(page.locator("#models li")).to_have_count(1)
        row(page, MODEL).get_by_role("button", name=f"Fetch {MODEL}").click()
        expect(row(page, MODEL).locator("progress")).to_be_visible()
        expect(row(page, MODEL).locator(".progress")).to_contain_text(re.compile(r"fetching \d+ %"))
        one.goes_on.set()
        expect(row(page, MODEL)).to_contain_text("here")
        expect(page.locator("#models-news")).to_have_text(f"{MODEL} is here")
        page.click('.views a[href="#speak"]')
        expect(page.locator(f"#voice option[value='{MODEL}']")).to_be_enabled()
        page.select_option("#voice", MODEL)
        page.fill("#text", "Bonjour à tous.")
        page.click("#play")
        expect(page.locator("#receipt")).to_contain_text("piper_native")
        page.click('.views a[href="#voices"]')
        page.on("dialog", lambda dialog: dialog.accept())
        row(page, MODEL).get_by_role("button", name=f"Delete {MODEL}").click()
        expect(row(page, MODEL).get_by_role("button", name=f"Fetch {MODEL}")).to_be_visible()


def test_a_download_is_stopped(browser, machine, one):
    one.goes_on, one.holds_after = threading.Event(), 100_000
    with opened(browser, f"{machine.url}/#voices") as page:
        row(page, MODEL).get_by_role("button", name="Fetch").click()
        row(page, MODEL).get_by_role("button", name=f"Stop fetching {MODEL}").click()
        expect(page.locator("#models-news")).to_have_text(f"Fetching {MODEL} was stopped")
        expect(row(page, MODEL).get_by_role("button", name=f"Fetch {MODEL}")).to_be_visible()
    one.goes_on.set()


def test_a_download_that_fails_says_why(browser, machine, one):
    one.goes_on, one.faults, one.stays = None, [answers(403, "GatedRepo")], True
    with opened(browser, f"{machine.url}/#voices") as page:
        row(page, MODEL).get_by_role("button", name="Fetch").click()
        expect(row(page, MODEL).locator(".failed")).to_contain_text("terms")
    one.faults, one.stays = [], False


def test_what_a_translation_model_still_needs_is_told_and_may_be_tried_again(browser, machine, one):
    voices, of_voices = one.files, one.repository
    one.files, one.repository = dict(WEIGHTS), f"Helsinki-NLP/{TRANSLATION}"
    with opened(browser, f"{machine.url}/#voices") as page:
        page.fill("#models-filter", TRANSLATION)
        for _ in range(2):
            row(page, TRANSLATION).get_by_role("button", name=f"Fetch {TRANSLATION}").click()
            expect(row(page, TRANSLATION).locator(".failed")).to_contain_text("portevoix engines install neural")
            expect(row(page, TRANSLATION).get_by_role("button", name=f"Delete {TRANSLATION}")).to_be_visible()
    one.files, one.repository = voices, of_voices


def test_a_voice_is_kept_from_the_microphone_with_consent_and_deleted(browser, machine, log):
    log.pardoned.append("Failed to load resource")
    with opened(browser, f"{machine.url}/#voices", log) as page:
        page.fill("#clone-name", "Fantine")
        page.click("#record")
        expect(page.locator("#record")).to_have_text("End the recording")
        page.wait_for_function("() => parseFloat(document.querySelector('#recorded').textContent) >= 4")
        page.click("#record")
        expect(page.locator("#sample")).to_be_visible()
        page.click("#clone-add")
        assert page.evaluate("document.activeElement.id") == "clone-consent", "without consent nothing is sent"
        page.check("#clone-consent")
        page.click("#clone-add")
        expect(page.locator("#clone-news")).to_contain_text("Fantine is there")
        kept = httpx.get(f"{machine.url}/v1/audio/voices/Fantine").json()
        assert kept["consent"] == "The person who speaks agrees that this voice is made from the recording."
        expect(page.locator("#clones > li")).to_contain_text("Fantine")
        assert page.locator("#voice option", has_text="Fantine").count() == 1
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Delete the voice Fantine").click()
        expect(page.locator("#clones > li")).to_have_count(0)


def test_a_file_that_is_no_recording_is_refused_in_words(browser, machine, log, tmp_path):
    log.pardoned.append("Failed to load resource")
    (tmp_path / "noise.wav").write_bytes(b"RIFF, but not really")
    with opened(browser, f"{machine.url}/#voices", log) as page:
        page.fill("#clone-name", "Nobody")
        page.set_input_files("#clone-file", tmp_path / "noise.wav")
        page.check("#clone-consent")
        page.click("#clone-add")
        expect(page.locator("#clone-alert")).not_to_be_empty()
        expect(page.locator("#clone-add")).to_be_enabled()


def test_a_configuration_is_tried_applied_and_taken_back(browser, machine, log):
    log.pardoned.append("422 (Unprocessable")
    with opened(browser, f"{machine.url}/#settings", log) as page:
        expect(page.locator("#config-text")).to_have_value(re.compile("piper_cli:\n    enabled: false"))
        expect(page.locator("#config-history > li")).to_have_count(1)
        page.fill("#config-text", "cache:\n  max_size_mb: lots\n")
        page.click("#config-apply")
        expect(page.locator("#config-outcome .bad")).to_contain_text("console.yaml:2: cache.max_size_mb")
        page.fill("#config-text", CONFIG + "cache: {max_size_mb: 7}\n")
        page.click("#config-try")
        expect(page.locator("#config-news")).to_contain_text("nothing has changed")
        expect(page.locator("#config-outcome")).to_contain_text("sapi_french spoke after")
        expect(page.locator("#config-outcome")).to_contain_text("cache.max_size_mb")
        page.click("#config-apply")
        expect(page.locator("#config-news")).to_have_text("In force since now.")
        expect(page.locator("#config-history > li")).to_have_count(2)
        expect(page.locator("#config-history > li").first).to_contain_text("running")
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Go back to the configuration").click()
        expect(page.locator("#config-news")).to_contain_text("in force again")
        expect(page.locator("#config-history > li").last).to_contain_text("running")
        expect(page.locator("#config-text")).not_to_have_value(re.compile("max_size_mb: 7"))


def test_a_key_lets_people_in(browser, tmp_path, one, log):
    log.pardoned.append("401 (Unauthorized)")
    with running_machine(tmp_path, one.url) as guarded:
        made = guarded.shell.run("keys", "create", "me", "--scope", "admin", "--json")
        secret = json.loads(made.stdout)["secret"]
        with opened(browser, f"{guarded.url}/#settings", log, waits=False) as page:
            expect(page.locator("#health")).to_have_text("The server wants a key")
            expect(page.locator("#config-alert")).to_contain_text("a key is needed")
            page.fill("#key", secret)
            page.click("#key-form button[type=submit]")
            expect(page.locator("#health")).to_have_text("Can speak")
            expect(page.locator("#config-text")).not_to_have_value("")
            expect(page.locator("#config-alert")).to_be_empty()
            page.reload()
            expect(page.locator("#health")).to_have_text("Can speak")
            assert secret not in page.evaluate("JSON.stringify(localStorage)")
            page.click("#key-forget")
            expect(page.locator("#health")).to_have_text("The server wants a key")
