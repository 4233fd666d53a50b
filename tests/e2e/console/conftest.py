from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("tests.browser")

from tests.browser import Log, chromium  # noqa: E402 - what it asserts is to be shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def swept() -> Generator[None, None, None]:
    """Sweep up what Playwright leaves: the pipes to its driver are open until nobody knows of them any more."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def browser(swept: None) -> Generator[Browser, None, None]:
    # Of a module, not of the session: its event loop must be gone before a test that has one of its own.
    with chromium() as running:
        yield running


@pytest.fixture
def log() -> Log:
    return Log()
