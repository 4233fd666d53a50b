from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portevoix.config.keys import all_keys
from portevoix.config.reference import BEGIN, END, reference, with_reference
from portevoix.registry import built_in_engines
from tests.unit.config.configurable_engines import ENGINES

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_committed_page_is_up_to_date():
    page = PAGE.read_text("utf-8")
    assert with_reference(page, built_in_engines()) == page, f"run: python -m portevoix.config.reference {PAGE.name}"


def test_every_key_is_explained():
    assert [key.name for key in all_keys(built_in_engines()) if not key.field.metadata.get("help")] == []


def test_every_key_is_in_the_reference_with_its_type_default_and_bounds():
    text = reference(ENGINES)
    for key in all_keys(ENGINES):
        assert f"| `{key.name.rpartition('.')[2]}` |" in text
    assert "| `rate` | whole number | `0` | pace (-10 to 10) |" in text
    assert "| `volume` | whole number in percent | `100` | loudness (0 to 100) |" in text
    assert "| `speaker_id` | whole number or text | none | who speaks (at least 0) |" in text
    assert "| `log_level` | `CRITICAL` or `ERROR` | `CRITICAL` | severity |" in text
    assert "the last resort. Priority 40, target 5 ms." in text


def test_what_stands_around_the_marks_stays():
    page = with_reference(f"before\n{BEGIN}\nstale words\n{END}\nafter\n", {})
    assert page.startswith("before\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "stale words" not in page
    assert with_reference(page, {}) == page


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="lacks the marks"):
        with_reference("nothing", {})


def test_the_command_brings_a_page_up_to_date(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}", "utf-8")
    command = [sys.executable, "-m", "portevoix.config.reference", str(page)]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert "### `circuit_breaker`" in page.read_text("utf-8")
