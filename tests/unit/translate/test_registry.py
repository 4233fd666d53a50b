from __future__ import annotations

import logging
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from portevoix.errors import ConfigError
from portevoix.translate.building import build_translator
from portevoix.translate.memory import TranslationMemory
from portevoix.translate.registry import GROUP, installed_translators, read_options
from tests.translating import ScriptedTranslation, surroundings

HERE = "tests.translating"


def points(**targets):
    return [EntryPoint(name, target, GROUP) for name, target in targets.items()]


def test_the_house_brings_two_engines():
    assert list(installed_translators()) == ["ctranslate2", "apertium"]


def test_a_strangers_engine_is_taken_and_what_is_none_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        found = installed_translators(points(
            scripted=f"{HERE}:ScriptedTranslation", other=f"{HERE}:ScriptedTranslation", gone="nowhere:Engine",
            text=f"{HERE}:MODELS", thing=f"{HERE}:ScriptedOptions",
        ))  # fmt: skip
    assert list(found) == ["scripted"]
    told = {record.engine: record.why for record in caplog.records}
    assert set(told) == {"other", "gone", "text", "thing"}
    assert "calls itself" in told["other"]
    assert "cannot be imported" in told["gone"]
    assert told["text"] == "it is not a class"
    assert "lacks" in told["thing"]


def build(wanted):
    return build_translator(wanted, surroundings(), TranslationMemory(10, 1), engines={"scripted": ScriptedTranslation})


def test_keys_become_options():
    guard = build({"scripted": {"loudness": 9, "exact": True, "folder": "models", "priority": 3}}).guards[0]
    assert guard.engine.options.loudness == 9
    assert guard.engine.options.exact
    assert guard.engine.options.folder == Path("models")
    assert guard.priority == 3


def test_an_engine_can_be_switched_off():
    assert build({"scripted": {"enabled": False}}).guards == ()


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"nobody": {}}, "translation.engines.nobody is not installed"),
        ({"scripted": {"volume": 1}}, "volume is not known"),
        ({"scripted": {"loudness": "9"}}, "expected a whole number"),
        ({"scripted": {"loudness": True}}, "expected a whole number"),
        ({"scripted": {"loudness": 10}}, "expected a number from 0 to 9"),
        ({"scripted": {"style": "loud"}}, "expected one of plain, odd"),
        ({"scripted": {"exact": 1}}, "expected true or false"),
        ({"scripted": {"folder": 1}}, "expected a text"),
        ({"scripted": {"priority": "first"}}, "expected a whole number"),
    ],
)
def test_what_cannot_be_used_is_told(wanted, told):
    with pytest.raises(ConfigError) as caught:
        build(wanted)
    assert told in str(caught.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        read_options("scripted", ScriptedTranslation, {"volume": 1, "loudness": 10})
    assert len(caught.value.problems) == 2
