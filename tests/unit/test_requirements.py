"""The pinned packages: names and versions only, and what the package itself asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").rglob("*.txt"))
LINE = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*")


def lines_of(path):
    return [line for line in path.read_text().splitlines() if line.strip()]


def pins(path):
    pinned = [line.split("==") for line in lines_of(path) if "==" in line]
    return {canonicalize_name(name): version for name, version in pinned}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_requirements_file_holds_names_and_versions_alone(path):
    for line in lines_of(path):
        assert LINE.fullmatch(line) or line == "-r core.txt", line


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_names_are_in_order_and_stand_once(path):
    names = [line.split("==")[0].lower() for line in lines_of(path) if "==" in line]
    assert names == sorted(set(names))


def test_what_is_pinned_is_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = pins(ROOT / "requirements" / "core.txt")
    for text in project["dependencies"]:
        wanted = Requirement(text)
        version = pinned.get(canonicalize_name(wanted.name))
        assert version, f"{wanted.name} is not pinned"
        assert wanted.specifier.contains(version), text


def test_the_pins_of_development_leave_those_of_the_core_alone():
    core, dev = (pins(ROOT / "requirements" / name) for name in ("core.txt", "dev.txt"))
    assert not core.keys() & dev.keys()
