"""A real browser for tests: headless Chromium, driven by Playwright, whose log is read."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser, Page

VARIABLE = "PORTEVOIX_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ADVICE = f"""There is no Chromium, and the console's tests need one.
Install it (Debian and Ubuntu: `apt-get install chromium`; Fedora: `dnf install chromium`; macOS: `brew install
chromium`), or name the program of a Chromium or Chrome that is here: {VARIABLE}=/path/to/chrome"""

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
LONG_MS = 60_000
"""No limit under test: what a busy machine may take for anything."""


def find_chromium() -> str:
    """Return the program; a test fails with advice where there is none."""
    named = os.environ.get(VARIABLE)
    found = [named] if named else [path for name in NAMES if (path := shutil.which(name))]
    if not found or not os.access(found[0], os.X_OK):
        pytest.fail(ADVICE, pytrace=False)
    return found[0]


@contextmanager
def chromium() -> Generator[Browser, None, None]:
    """Give a browser; not inside a running event loop, which Playwright brings itself."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=LONG_MS)
        yield browser
        browser.close()


@dataclass
class Log:
    """Hold what a page complained of.

    Attributes:
        errors: of its scripts, and what it wrote as error or warning.
        addresses: everything that it asked for.
        pardoned: parts of messages that a test expects.
    """

    errors: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    pardoned: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        return [error for error in self.errors if not any(part in error for part in self.pardoned)]


@contextmanager
def opened(
    browser: Browser, url: str, log: Log | None = None, *, waits: bool = True, **options: Any
) -> Generator[Page, None, None]:
    """Give a page of a server; at its end nothing may stand in the browser's log, and nobody else been asked.

    `waits` until the server has told the page of itself.
    """
    log = log or Log()
    context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(LONG_MS)
    page = context.new_page()
    log.follow(page)
    page.goto(url)
    if waits:
        page.wait_for_selector("#chain > li", state="attached")
    yield page
    context.close()
    assert log.unexpected() == []
    origin = "/".join(url.split("/")[:3])
    assert [one for one in log.addresses if not one.startswith((origin, "data:", f"blob:{origin}"))] == []
