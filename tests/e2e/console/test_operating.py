"""Seeing from the console who can speak, and what happens on the server, as it happens."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import expect

from portevoix.errors import EngineUnavailable
from tests.browser import LONG_MS, opened
from tests.scripted import fails, kind
from tests.served import SILENT, make_app, served

expect.set_options(timeout=LONG_MS)


def speak(url: str, text: str) -> httpx.Response:
    order = {"model": "tts-1", "input": text, "response_format": "pcm", "voice": "alloy", "language": "en"}
    return httpx.post(f"{url}/v1/audio/speech", json=order, timeout=60)


def level(page, name: str):
    return page.locator("#chain > li").filter(has=page.locator(".name", has_text=re.compile(f"^{name}")))


@pytest.fixture(scope="module")
def server():
    missing = EngineUnavailable("beta has no voice")
    beta = kind("beta", priority=20, load_error=missing, hint="Run `portevoix models get beta`, or write your own.")
    gamma = kind("gamma", priority=30, load_seconds=3600.0)
    with served(make_app(kind("alpha"), beta, kind("delta", priority=40), gamma, SILENT)) as running:
        yield running


def test_each_level_says_how_it_is_and_what_to_do(browser, server):
    with opened(browser, server.url, permissions=["clipboard-read", "clipboard-write"]) as page:
        expect(level(page, "alpha")).to_contain_text("ready")
        expect(level(page, "beta")).to_contain_text("not available")
        expect(level(page, "beta")).to_contain_text("beta has no voice")
        expect(level(page, "beta").locator("code")).to_have_text("portevoix models get beta")
        expect(level(page, "silent_emergency")).to_contain_text("last resort")
        expect(page.locator("#health")).to_have_text("Can speak")
        level(page, "beta").get_by_role("button", name="Copy the command").click()
        expect(level(page, "beta").locator(".command button")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "portevoix models get beta"


def test_an_engine_that_fails_is_seen_to_rest(browser):
    app = make_app(kind("alpha", fault=fails()), kind("beta", priority=20), SILENT)
    with served(app) as running, opened(browser, running.url) as page:
        expect(level(page, "alpha")).to_contain_text("ready")
        for number in range(3):
            assert speak(running.url, f"number {number}.").headers["x-tts-engine"] == "beta"
        expect(level(page, "alpha")).to_contain_text(re.compile(r"resting for \d+ s"))
        first = level(page, "alpha").inner_text()
        page.wait_for_function("(text) => !document.querySelector('#chain').innerText.includes(text)", arg=first)
        page.click('.views a[href="#activity"]')
        expect(page.locator("#requests-rows .why").first).to_contain_text("alpha")
        expect(page.locator("#first-chart .bar-fallback")).to_have_count(3)


def test_requests_of_others_show_at_once(browser, server):
    with opened(browser, f"{server.url}/#activity") as page:
        before = page.locator("#requests-rows tr").count()
        speak(server.url, "Seen by the console.")
        expect(page.locator("#requests-rows tr")).to_have_count(before + 1)
        row = page.locator("#requests-rows tr").first
        expect(row.locator(".who")).to_contain_text("alpha")
        expect(row.locator(".cached")).to_have_text("freshly spoken")
        expect(row.locator(".outcome")).to_have_text("spoken")
        speak(server.url, "Seen by the console.")
        expect(row.locator(".cached")).to_have_text("from the cache")
        expect(page.locator("#first-chart .bar-hit").first).to_be_visible()
        assert re.search(r"median \d", page.get_attribute("#first-chart", "aria-label"))
        assert re.search(r"[1-9]\d* in all, 0 failed", page.get_attribute("#rate-chart", "aria-label"))
        assert page.locator("#rate-chart .bar-done").count() >= 1


def test_a_failure_is_seen_with_its_reason(browser):
    with served(make_app(kind("alpha", fault=fails()))) as running, opened(browser, f"{running.url}/#activity") as page:
        assert speak(running.url, "Nobody says this.").status_code == 503
        row = page.locator("#requests-rows tr").first
        expect(row.locator(".outcome")).to_contain_text("failed")
        expect(row.locator(".outcome")).to_contain_text("no_engine_could_speak")
        expect(page.locator("#rate-chart .bar-failed")).to_have_count(1)


def test_a_server_that_is_gone_is_missed_and_found_again(browser, server, log):
    log.pardoned += ["net::ERR_FAILED"]
    with opened(browser, server.url, log) as page:
        page.route("**/api/events", lambda route: route.abort())
        page.reload()
        expect(page.locator("#health")).to_have_text("The server does not answer")
        page.unroute("**/api/events")
        expect(page.locator("#health")).to_have_text("Can speak")


def test_the_cache_is_emptied(browser, server):
    speak(server.url, "Kept for a while.")
    with opened(browser, f"{server.url}/#settings") as page:
        expect(page.locator("#cache-facts")).to_contain_text(re.compile(r"memory: [1-9]"))
        page.click("#cache-clear")
        expect(page.locator("#cache-news")).to_contain_text("forgotten")
        expect(page.locator("#cache-facts")).to_contain_text("memory: 0")


def test_flags_are_changed_one_by_one(browser, server, log):
    log.pardoned.append("400 (Bad Request)")
    with opened(browser, f"{server.url}/#settings", log) as page:
        switch = page.get_by_role("switch", name="Speak with the first engine alone")
        expect(switch).not_to_be_checked()
        switch.click()
        expect(page.locator("#flags-news")).to_contain_text("is changed")
        assert httpx.get(f"{server.url}/api/flags").json()["enable_legacy_mode"] is True
        with page.expect_response("**/api/flags") as answered:
            switch.press("Space")
        assert answered.value.json()["enable_legacy_mode"] is False
        expect(switch).not_to_be_checked()
        page.get_by_label("Share of requests").fill("50")
        page.get_by_label("Share of requests").press("Tab")
        expect(page.locator("#flags-news")).to_contain_text("Share of requests")
        assert httpx.get(f"{server.url}/api/flags").json()["traffic_percent"] == 50
        page.get_by_label("Share of requests").fill("500")
        page.get_by_label("Share of requests").press("Tab")
        expect(page.locator("#flags-alert")).to_contain_text("traffic_percent")
        expect(page.get_by_label("Share of requests")).to_have_value("50")
        page.get_by_label("Share of requests").fill("100")
        page.get_by_label("Share of requests").press("Tab")
        expect(page.locator("#flags-news")).to_contain_text("Share of requests")
