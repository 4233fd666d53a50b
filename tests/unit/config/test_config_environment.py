from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.config import Origin, load
from portevoix.config.environment import read_value, variable
from tests.unit.config.configurable_engines import ENGINES

EMPTY = Path("/dev/null")


def under(environ: dict[str, str], path: Path = EMPTY):
    return load(path, {"HOME": "/h", **environ}, ENGINES)


def told(environ: dict[str, str]) -> list[str]:
    return [str(problem) for problem in under(environ).problems]


def test_a_variable_comes_before_the_file(tmp_path):
    path = tmp_path / "tts.yaml"
    path.write_text("cache:\n  max_size_mb: 10\n  ttl_seconds: 60\n")
    loaded = under({"PORTEVOIX_CACHE__MAX_SIZE_MB": "50"}, path)
    assert (loaded.settings.cache.max_size_mb, loaded.settings.cache.ttl_seconds) == (50, 60)
    assert loaded.origins["cache.max_size_mb"] == Origin("environment", "PORTEVOIX_CACHE__MAX_SIZE_MB")
    assert loaded.origins["cache.ttl_seconds"] == Origin("file", str(path), 3)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("cuda:0", "cuda:0"),
        ("0", "0"),
        ("no", "no"),
        ('"quoted"', "quoted"),
        ("a #b", "a #b"),
        ("Name: voice", "Name: voice"),
        ("- dash", "- dash"),
        ("@odd", "@odd"),
        ("*star", "*star"),
        ("[open", "[open"),
        ("2024-01-01", "2024-01-01"),
        ("  spaced  ", "spaced"),
        (r"C:\Program Files\x", r"C:\Program Files\x"),
        (r'"C:\Program Files\x"', r"C:\Program Files\x"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("null", None),
    ],
)
def test_a_text_is_taken_as_it_stands(text, device):
    loaded = under({"PORTEVOIX_BACKENDS__PIPER_NATIVE__DEVICE": text})
    assert loaded.settings.backends["piper_native"].options.device == device
    assert loaded.problems == ()


def test_numbers_switches_lists_and_sections_are_read_as_yaml():
    settings = under({
        "PORTEVOIX_SERVER__PORT": "9000",
        "PORTEVOIX_CACHE__ENABLED": "off",
        "PORTEVOIX_VOICE_FOLDERS": "[a, 'b c']",
        "PORTEVOIX_VOICES__NOVA": "{fr: x, en: y}",
        "PORTEVOIX_VOICES__ALLOY": "z",
        "PORTEVOIX_BACKENDS__PIPER_NATIVE__SPEAKER_ID": "4",
        "PORTEVOIX_CACHE__TTL_SECONDS": "1e3",
    }).settings  # fmt: skip
    assert settings.server.port == 9000
    assert settings.cache.enabled is False
    assert settings.cache.ttl_seconds == 1000
    assert settings.voice_folders == (Path("a"), Path("b c"))
    assert settings.voices == {"nova": {"fr": "x", "en": "y"}, "alloy": "z"}
    assert settings.backends["piper_native"].options.speaker_id == 4


def test_problems_name_the_variable():
    assert told({"PORTEVOIX_SERVER__PORT": "80010", "PORTEVOIX_CACHE": "3"}) == [
        "PORTEVOIX_CACHE: cache: expected a section of keys, found 3",
        "PORTEVOIX_SERVER__PORT: server.port: expected a number from 0 to 65535, found 80010",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PORTEVOIX_CACHE_MAX_SIZE_MB", "PORTEVOIX_CACHE__MAX_SIZE_MB"),
        ("PORTEVOIX_CACHE__MAX_SIZ_MB", "PORTEVOIX_CACHE__MAX_SIZE_MB"),
        ("PORTEVOIX_CONFIGS", "PORTEVOIX_CONFIG"),
        ("PORTEVOIX_BACKENDS__PIPER_NATIVE__DEVIC", "PORTEVOIX_BACKENDS__PIPER_NATIVE__DEVICE"),
    ],
)
def test_an_unknown_variable_warns_with_the_one_that_was_meant(name, meant):
    (problem,) = under({name: "x"}).problems
    assert (problem.path, problem.severity) == (name, "warning")
    assert problem.suggestion == f"Did you mean {meant!r}?"


@pytest.mark.parametrize("name", ["PORTEVOIX_", "PORTEVOIX___", "PORTEVOIX_CACHE__"])
def test_a_name_without_a_key_is_told(name):
    assert [problem.severity for problem in under({name: "x"}).problems] == ["warning"]


def test_other_programs_variables_and_our_own_are_no_keys():
    assert told({"PORTEVOIX_VOICES": "/v", "OTHER_CACHE": "1", "portevoix_cache": "1"}) == []


def test_a_blank_variable_warns_and_leaves_the_default():
    assert told({"PORTEVOIX_SERVER__PORT": ""}) == [
        "PORTEVOIX_SERVER__PORT: warning: server.port: has no value; the default is used. Give it a value or remove it."
    ]


def test_the_variable_of_a_key():
    assert variable("backends.piper_native.device") == "PORTEVOIX_BACKENDS__PIPER_NATIVE__DEVICE"


@given(st.text(max_size=60))
def test_any_text_is_a_value(text):
    node = read_value(text, Origin("environment", "X"))
    assert node.origin == Origin("environment", "X")
