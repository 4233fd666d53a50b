from __future__ import annotations

import threading
from pathlib import Path

import pytest

from portevoix.cli import findings
from portevoix.cli.doctor import examine
from portevoix.cli.findings import Finding
from portevoix.config import Loaded, Problem, Settings

VOICES = Path(__file__).parents[2] / "fixtures" / "voices"


def loaded(**settings):
    return Loaded(Settings(**settings))


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_interpreter_and_the_packages_are_well():
    assert findings.examine_python().verdict == "ok"
    found = findings.examine_packages()
    assert found.verdict == "ok"
    assert "numpy 2" in found.fact
    assert "sounddevice" not in found.fact


def test_onnxruntime_is_found():
    assert "CPU" in findings.examine_graphics().fact


def test_engines_are_found():
    assert "piper_native" in findings.examine_engines().fact


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_a_container_s_limit(tmp_path, files, expected):
    for name, text in files.items():
        put(tmp_path / "sys/fs/cgroup" / name, text)
    assert findings.cpu_limit(tmp_path) == expected
    assert findings.examine_processor(tmp_path).verdict == ("warn" if expected == 0.5 else "ok")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n", "ok"),
        ("MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n", "warn"),
        ("odd", "ok"),
    ],
)
def test_memory(tmp_path, text, verdict):
    put(tmp_path / "proc/meminfo", text)
    assert findings.examine_memory(tmp_path).verdict == verdict


def test_memory_where_nothing_tells_it(tmp_path):
    assert findings.examine_memory(tmp_path).fact == "not known on this system"


def test_folders_that_can_be_made(tmp_path):
    found = findings.examine_disk(loaded(data_folder=tmp_path / "a/b", cache_folder=tmp_path))
    assert [finding.verdict for finding in found] in (["ok", "ok"], ["warn", "warn"])


def test_a_folder_below_a_file_is_bad(tmp_path):
    put(tmp_path / "file", "")
    found = findings.examine_disk(loaded(data_folder=tmp_path / "file" / "data", cache_folder=tmp_path))
    assert found[0].verdict == "bad"
    assert "configure another folder" in found[0].what_to_do


def test_voices(tmp_path):
    assert "fr_FR-petit-low" in findings.examine_voices(loaded(voice_folders=(VOICES,))).fact
    assert findings.examine_voices(loaded(voice_folders=(tmp_path,))).verdict == "warn"


def test_a_broken_voice_is_told(tmp_path):
    put(tmp_path / "fr_FR-half-low.onnx", "x")
    put(tmp_path / "fr_FR-half-low.onnx.json", "{")
    found = findings.examine_voices(loaded(voice_folders=(tmp_path,)))
    assert found.verdict == "warn"
    assert "fr_FR-half-low" in found.fact


@pytest.mark.parametrize(("severity", "verdict"), [("error", "bad"), ("warning", "warn")])
def test_a_configuration_with_problems(severity, verdict):
    problem = Problem("a.yaml", 3, "cache", "is odd", severity)
    found = findings.examine_configuration(Loaded(Settings(), (problem,), {}, Path("a.yaml")))
    assert found.verdict == verdict
    assert "a.yaml:3" in found.fact


@pytest.mark.parametrize(
    ("environ", "has_route", "expected"),
    [
        ({"https_proxy": "http://user:secret@host"}, False, "through a proxy: https_proxy"),
        ({"HTTP_PROXY": ""}, True, "there is a way to the outside"),
        ({}, False, "none: what is on this machine is enough to speak"),
    ],
)
def test_the_network(environ, has_route, expected):
    assert findings.examine_network(environ, lambda: has_route).fact == expected


def test_looking_for_a_route_answers():
    assert findings.has_route() in (True, False)


async def test_an_examination_that_hangs_costs_its_own_finding_alone():
    never = threading.Event()
    try:
        found = await examine({"stuck": never.wait, "well": lambda: Finding("well", "ok", "fine")}, 0.05)
    finally:
        never.set()
    assert [(one.topic, one.verdict) for one in found] == [("stuck", "warn"), ("well", "ok")]
    assert "no answer within 0.05 s" in found[0].fact


async def test_an_examination_that_breaks_is_a_finding():
    found = await examine({"broken": lambda: 1 / 0})
    assert (found[0].topic, found[0].verdict) == ("broken", "bad")
    assert "ZeroDivisionError" in found[0].fact
