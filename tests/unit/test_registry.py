from __future__ import annotations

import logging
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from portevoix.registry import GROUP, installed_engines, survey

HERE = "tests.unit.config.configurable_engines"


def point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name, target, GROUP)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with entry points, and a module, on the path."""

    def put(distribution: str, entries: str, module: str = "") -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")
        if module:
            (tmp_path / f"{distribution}_module.py").write_text(module)
        monkeypatch.syspath_prepend(tmp_path)

    return put


def test_a_strangers_package_brings_an_engine(install):
    install("stranger", f"quiet = {HERE}:QuietEngine")
    engine = installed_engines()["quiet"]
    assert engine.__name__ == "QuietEngine"


def test_a_strangers_broken_package_costs_its_engine_alone(install, caplog):
    install(
        "broken",
        f"broken = broken_module:Engine\nquiet = {HERE}:QuietEngine",
        "raise RuntimeError('not today')",
    )
    with caplog.at_level(logging.WARNING):
        found = survey()
    assert "quiet" in found.engines
    assert "broken" not in found.engines
    (refused,) = [refused for refused in found.refused if refused.name == "broken"]
    assert refused.why == "it cannot be imported: RuntimeError: not today"
    (record,) = [record for record in caplog.records if getattr(record, "engine", "") == "broken"]
    assert record.message == "engine.refused"


@pytest.mark.parametrize(
    ("name", "target", "why"),
    [
        ("x", "no_such_package.module:Engine", "it cannot be imported: ModuleNotFoundError: "),
        ("x", f"{HERE}:Missing", "it cannot be imported: AttributeError: "),
        ("x", f"{HERE}:ENGINES", "it is not a class"),
        ("x", f"{HERE}:PiperOptions", "it lacks Options, aclose, delivery, is_silent, load, name, priority, "),
        ("other", f"{HERE}:QuietEngine", "it calls itself 'quiet'"),
        ("bare", "tests.unit.strange_engines:BareOptions", "its options url have no default"),
        ("shapeless", "tests.unit.strange_engines:ShapelessOptions", "its Options are not a dataclass"),
    ],
)
def test_what_is_no_engine_is_refused_with_the_reason(name, target, why):
    found = survey([point(name, target)])
    assert dict(found.engines) == {}
    assert found.refused[0].why.startswith(why)


def test_engines_stand_in_the_order_of_the_chain():
    names = ["silent_emergency", "piper_cli", "piper_native"]
    classes = {"silent_emergency": "SilentEmergency", "piper_cli": "PiperCli", "piper_native": "PiperNative"}
    found = survey([point(name, f"{HERE}:{classes[name]}") for name in names])
    assert list(found.engines) == ["piper_native", "piper_cli", "silent_emergency"]


def test_a_name_that_is_taken_stays_with_the_first():
    first, second = point("quiet", f"{HERE}:QuietEngine"), point("quiet", "tests.unit.strange_engines:OtherQuiet")
    found = survey([second, first])
    assert found.engines["quiet"].__module__ == HERE
    assert [refused.why for refused in found.refused] == ["another engine has this name"]


def test_importing_the_registry_imports_no_engine():
    code = (
        "import sys, portevoix.registry;"
        "print([name for name in sys.modules if name.startswith(('portevoix.engines.', 'onnxruntime', 'numpy'))])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], timeout=60, cwd=root / "src", capture_output=True, check=True)
    assert done.stdout.split() == [b"[]"]
