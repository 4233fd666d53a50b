from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import portevoix
from portevoix.errors import PortevoixError

PAGE = Path("docs/troubleshooting.md").read_text(encoding="utf-8")


def kinds(root: type[PortevoixError]) -> set[type[PortevoixError]]:
    return {root}.union(*(kinds(kind) for kind in root.__subclasses__()))


def codes() -> set[str]:
    for module in pkgutil.walk_packages(portevoix.__path__, "portevoix."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {kind.code for kind in kinds(PortevoixError) if kind.__module__.startswith("portevoix.")}


def test_every_code_has_its_entry_and_every_entry_its_code() -> None:
    assert set(re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE)) == codes()


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    ours = [kind for kind in kinds(PortevoixError) if kind.__module__.startswith("portevoix.")]
    assert len({kind.code for kind in ours}) == len(ours)
