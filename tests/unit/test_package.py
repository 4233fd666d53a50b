from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import portevoix

PAGES = [Path("README.md"), Path("CONTRIBUTING.md"), *sorted(Path("docs").glob("*.md"))]


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'numpy', 'onnxruntime', 'av', 'starlette', 'asyncio', 'piper'}"
    code = f"import sys, portevoix; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_everything_it_promises_is_there() -> None:
    for name in portevoix.__all__:
        assert getattr(portevoix, name).__module__.startswith("portevoix.")
    assert set(portevoix.__all__) <= set(dir(portevoix))
    with pytest.raises(AttributeError):
        portevoix.nothing_of_the_kind  # noqa: B018


def test_the_version_is_said_once() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == portevoix.__version__
    assert project["license"] == "GPL-3.0-or-later"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / link).exists() for link in links)


def test_modules_stay_short() -> None:
    long = {
        str(path): count for path in Path("src").rglob("*.py") if (count := len(path.read_text().splitlines())) > 400
    }
    assert long == {}


def test_no_file_names_a_machine() -> None:
    tracked = subprocess.check_output(["git", "ls-files"], text=True).splitlines()
    pattern = re.compile(r"(?<![\w.])/(?:root|home/\w+|work)/")
    texts = [
        Path(name) for name in tracked if name.endswith((".py", ".md", ".yaml", ".toml", ".txt", ".json", ".html"))
    ]
    assert [str(path) for path in texts if path.exists() and pattern.search(path.read_text(encoding="utf-8"))] == []
