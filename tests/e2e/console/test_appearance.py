"""How the console looks and reads: languages, light and dark, widths, and what a screen reader is told."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import LONG_MS, opened
from tests.scripted import kind
from tests.served import SILENT, make_app, served

VIEWS = ("speak", "translate", "voices", "activity", "settings")
LEAST_CONTRAST, LEAST_CONTRAST_LARGE = 4.5, 3.0
"""WCAG 2.2, 1.4.3, level AA."""

FOCUSABLE = ("button", "link", "textbox", "searchbox", "combobox", "slider", "checkbox", "switch", "spinbutton")

CONTRASTS = """() => {
  const parse = (colour) => {
    const parts = colour.match(/[\\d.]+/g).map(Number);
    const scale = colour.startsWith("color(") ? 255 : 1;
    return { rgb: parts.slice(0, 3).map((one) => one * scale), alpha: parts[3] ?? 1 };
  };
  const over = (top, below) => top.rgb.map((one, index) => one * top.alpha + below[index] * (1 - top.alpha));
  const ground = (element) => {
    if (!element) return [255, 255, 255];
    const own = parse(getComputedStyle(element).backgroundColor);
    return own.alpha === 1 ? own.rgb : over(own, ground(element.parentElement));
  };
  const light = (rgb) => {
    const linear = (one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.map((one) => linear(one / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const elements = new Set(document.querySelectorAll("input:not([type=checkbox], [type=range]), select, textarea"));
  while (walker.nextNode()) if (walker.currentNode.textContent.trim()) elements.add(walker.currentNode.parentElement);
  for (const element of elements) {
    const style = getComputedStyle(element);
    const isSeen = element.checkVisibility({ visibilityProperty: true }) && element.getBoundingClientRect().width > 2;
    if (!isSeen || element.closest(":disabled, [aria-hidden=true].reader, .heard, svg")) continue;
    const below = ground(element);
    const lights = [light(over(parse(style.color), below)), light(below)].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const ratio = (lights[0] + 0.05) / (lights[1] + 0.05);
    found.push({ text: element.textContent.trim().slice(0, 40) || element.id, ratio, isLarge });
  }
  return found;
}"""

expect.set_options(timeout=LONG_MS)


@pytest.fixture(scope="module")
def server():
    alpha = kind("alpha")
    beta = kind("beta", priority=20, load_error=OSError("beta is not there"), hint="Run `portevoix models get beta`.")
    with served(make_app(alpha, beta, SILENT)) as running:
        yield running


def each_view(page):
    for view in VIEWS:
        page.click(f'.views a[href="#{view}"]')
        expect(page.locator(f"#view-{view}")).to_be_visible()
        assert page.locator(".view:visible").count() == 1
        if view == "settings":
            expect(page.locator("#flag-traffic_percent")).to_be_visible()
        yield view


@pytest.mark.parametrize(
    ("locale", "tongue", "play"), [("fr-CA", "fr", "Parler"), ("en-GB", "en", "Speak"), ("de-DE", "en", "Speak")]
)
def test_it_speaks_the_browsers_language_where_it_can(browser, server, locale, tongue, play):
    with opened(browser, f"{server.url}/", locale=locale) as page:
        assert page.evaluate("document.documentElement.lang") == tongue
        expect(page.locator("#play")).to_have_text(play)
        empty = page.locator("[data-say]").evaluate_all(
            "(all) => all.filter((one) => !one.textContent.trim()).map((one) => one.dataset.say)"
        )
        assert empty == []


def test_the_language_is_switched_at_once_and_remembered(browser, server):
    with opened(browser, f"{server.url}/") as page:
        assert "Good morning" in page.input_value("#text")
        page.click("#language-switch")
        for view, heading in zip(each_view(page), ("Parler", "Traduire", "Voix", "Activité", "Réglages"), strict=True):
            expect(page.locator(f"#view-{view} h2")).to_have_text(heading)
        expect(page.locator(".views a[aria-current]")).to_have_text("Réglages")
        assert page.title() == "Réglages · Portevoix"
        expect(page.locator("#chain")).to_contain_text("dernier recours")
        page.reload()
        expect(page.locator("#play")).to_have_text("Parler")
        assert "Bonjour" in page.input_value("#text")


def test_light_and_dark_follow_the_machine_until_they_are_chosen(browser, server):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, f"{server.url}/", color_scheme="dark") as page:
        dark = page.evaluate(ground)
        page.emulate_media(color_scheme="light")
        assert page.evaluate(ground) != dark
        page.click("#theme-switch")
        assert page.evaluate(ground) == dark
        assert page.get_attribute("#theme-switch", "aria-label") == "Switch to light"
        page.reload()
        assert page.evaluate(ground) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser, server, scheme):
    with opened(browser, f"{server.url}/", color_scheme=scheme, reduced_motion="reduce") as page:
        page.click("#play")
        expect(page.locator("#receipt")).to_be_visible()
        pale = [
            (view, one)
            for view in each_view(page)
            for one in page.evaluate(CONTRASTS)
            if one["ratio"] < (LEAST_CONTRAST_LARGE if one["isLarge"] else LEAST_CONTRAST)
        ]
        assert pale == []


@pytest.mark.parametrize("width", [320, 390, 820, 1440])
def test_nothing_is_wider_than_the_window(browser, server, width):
    with opened(browser, f"{server.url}/", viewport={"width": width, "height": 844}, locale="fr-FR") as page:
        page.click("#play")
        expect(page.locator("#receipt")).to_be_visible()
        for view in each_view(page):
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_a_finger_hits_what_it_means(browser, server):
    with opened(browser, f"{server.url}/", viewport={"width": 390, "height": 844}, has_touch=True) as page:
        for view in each_view(page):
            boxes = page.locator("button:visible, select:visible, input:visible, nav a:visible").evaluate_all(
                "(all) => all.map((one) => [one.id || one.textContent, one.getBoundingClientRect().height, one.type])"
            )
            # WCAG 2.2, 2.5.8: 24 px, and a check box is hit by its label as well.
            assert [box for box in boxes if box[1] < 24 and box[2] != "checkbox"] == [], view


def test_everything_that_can_be_used_has_a_name(browser, server):
    with opened(browser, f"{server.url}/") as page:
        session = page.context.new_cdp_session(page)
        for view in each_view(page):
            nodes = session.send("Accessibility.getFullAXTree")["nodes"]
            seen = [node for node in nodes if not node["ignored"] and node["role"]["value"] in FOCUSABLE]
            assert len(seen) > 9
            assert [node for node in seen if not node["name"]["value"].strip()] == [], view
            landmarks = {node["role"]["value"] for node in nodes if not node["ignored"]}
            assert {"banner", "navigation", "main", "contentinfo"} <= landmarks


def test_headings_are_in_order(browser, server):
    with opened(browser, f"{server.url}/") as page:
        for view in each_view(page):
            levels = page.locator("h1, h2, h3, h4").evaluate_all(
                "(all) => all.filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"
            )
            assert levels[:2] == [1, 2]
            assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False)), view


def test_the_focus_goes_where_a_link_leads(browser, server):
    with opened(browser, f"{server.url}/") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        expect(page.locator(".skip")).to_be_in_viewport()
        page.focus('.views a[href="#voices"]')
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.activeElement.id === 'voices-title'")
        assert page.evaluate("document.activeElement.id") == "voices-title"


def test_nothing_moves_for_those_who_do_not_want_it(browser, server):
    with opened(browser, f"{server.url}/", reduced_motion="reduce") as page:
        page.hover("#play")
        assert page.evaluate("document.getAnimations().length") == 0


def test_what_is_announced_is_announced(browser, server):
    with opened(browser, f"{server.url}/") as page:
        for name in ("health", "news", "models-news", "clone-news", "flags-news", "config-news", "translate-note"):
            assert page.get_attribute(f"#{name}", "role") == "status"
        alerts = page.locator("[role=alert]").evaluate_all("(all) => all.map((one) => one.id)")
        assert all(re.search("-alert$", name) for name in alerts)
        assert len(alerts) >= 6
