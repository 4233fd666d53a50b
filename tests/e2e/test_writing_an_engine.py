"""The example of `docs/writing-an-engine.md`, installed as a stranger's package and spoken with."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from tests.e2e.command_line import UNHURRIED
from tests.humming import FILE

PAGE = Path(__file__).parents[2] / "docs" / "writing-an-engine.md"


@pytest.fixture
def stranger(tmp_path: Path) -> dict[str, str]:
    """Install the package beside ours, as pip would, with its model, and return the environment that sees both."""
    page = PAGE.read_text(encoding="utf-8")
    shutil.copy(FILE, tmp_path / FILE.name)
    information = tmp_path / "portevoix_hum-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: portevoix-hum\nVersion: 1\n", encoding="utf-8")
    line = re.search(r'^hum = "(.+)"$', page, re.MULTILINE)
    (information / "entry_points.txt").write_text(f"[portevoix.engines]\nhum = {line[1]}\n", encoding="utf-8")
    model = tmp_path / "models" / "hum"
    model.mkdir(parents=True)
    content = re.search(r"```json\n(.+?)```", page, re.DOTALL)
    (model / "voice.json").write_text(content[1], encoding="utf-8")
    return {
        **os.environ, **UNHURRIED, "PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_DATA_HOME": str(tmp_path / "data"), "PORTEVOIX_MODELS__FOLDER": str(tmp_path / "models"),
    }  # fmt: skip


def portevoix(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portevoix", *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_page_shows_the_file_that_is_tried() -> None:
    assert f"```python\n{FILE.read_text(encoding='utf-8')}```" in PAGE.read_text(encoding="utf-8")


def test_it_is_listed_and_speaks(stranger: dict[str, str], tmp_path: Path) -> None:
    rows = {row["engine"]: row for row in json.loads(portevoix(stranger, "engines", "--json").stdout)}
    assert (rows["hum"]["state"], rows["hum"]["voice"]) == ("ready", "hum")
    done = portevoix(stranger, "say", "Bonjour à tous", "--engine", "hum", "-o", str(tmp_path / "hum.wav"))
    assert "hum" in done.stderr
    with wave.open(str(tmp_path / "hum.wav")) as file:
        assert file.getframerate() == 16_000
        assert 0.5 < file.getnframes() / file.getframerate() < 3
