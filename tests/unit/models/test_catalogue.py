from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from portevoix.models.catalogue import SEE_CARD, is_safe_name, load_catalogue
from portevoix.models.faults import ModelUnknown
from portevoix.models.piper_voices import KNOWN
from portevoix.registry import installed_engines
from portevoix.rooms.families import HousedFamily
from portevoix.rooms.housed import Housed

CATALOGUE = load_catalogue()


def listed(name: str, *paths: str) -> dict:
    files = {path: {"size_bytes": 7, "md5_digest": "0" * 32} for path in paths}
    return {name: {"num_speakers": 2, "files": files}}


def with_list(tmp_path: Path, content: object):
    path = tmp_path / "voices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return CATALOGUE.with_list(path)


VOICES = [model for model in CATALOGUE.models.values() if not model.is_folder]
FOLDERS = [model for model in CATALOGUE.models.values() if model.is_folder]


@pytest.mark.parametrize("model", VOICES, ids=lambda model: model.name)
def test_every_voice_can_be_fetched_checked_and_has_a_licence(model) -> None:
    assert [file.name for file in model.files] == [f"{model.name}.onnx.json", f"{model.name}.onnx"]
    assert all(file.size_bytes > 1000 for file in model.files)
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) or re.fullmatch(r"[0-9a-f]{32}", file.md5)
               for file in model.files)  # fmt: skip
    assert model.licence not in ("", SEE_CARD)
    assert re.fullmatch(r"[0-9a-f]{40}", model.revision)


@pytest.mark.parametrize("model", FOLDERS, ids=lambda model: model.name)
def test_every_folder_says_what_it_is(model) -> None:
    assert model.kind in ("speech", "part", "translation")
    assert model.files
    assert all(is_safe_name(part) for file in model.files for part in file.path.split("/"))
    assert model.licence
    assert model.about_bytes > 1e8 or model.name.startswith("pocket-tts-")
    assert bool(model.engines) == (model.kind == "speech")
    assert bool(model.languages) == (model.kind != "part")
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
    assert all(name in CATALOGUE.models for name in model.requires)


@pytest.mark.parametrize("engine", [one for one in installed_engines().values() if issubclass(one, Housed)],
                         ids=lambda engine: engine.name)  # fmt: skip
def test_what_an_engine_asks_for_can_be_fetched_under_the_licence_it_names(engine: type[Housed]) -> None:
    for name in {engine.model, *getattr(engine, "known", ())}:
        model = CATALOGUE.models[name]
        assert engine.name in model.engines
        assert model.licence == engine.licence
        assert model.asks_consent is engine.asks_consent
        assert {file.path for file in model.files} >= set(engine.files)
        if not issubclass(engine, HousedFamily):
            assert set(model.languages) == set(engine.languages)
            assert model.can_clone is engine.can_clone


def test_what_is_not_for_commerce_is_marked() -> None:
    unfree = {model.name for model in CATALOGUE.models.values() if not model.allows_commerce}
    assert {"xtts_v2", "higgs_audio_v2", "mms-tts-fra", "nllb-200-distilled-600M", "en_US-ryan-medium"} <= unfree
    assert not any("NC" in model.licence for model in CATALOGUE.models.values() if model.allows_commerce)
    assert [model.name for model in CATALOGUE.models.values() if model.asks_consent] == ["xtts_v2"]


@pytest.mark.parametrize("name", ["mms-tts-uzb-script_latin", "mms-tts-xho", "opus-mt-sv-fi"])
def test_a_member_of_a_family_need_not_be_listed(name: str) -> None:
    assert name not in CATALOGUE.models
    model = CATALOGUE.find(name)
    assert (model.name, model.repository.rpartition("/")[2]) == (name, name)


@pytest.mark.parametrize("name", ["mms-tts-../x", "mms-tts-", "mms-tts-FR", "opus-mt-en-fr/..", "opus-mt-en", "..",
                                  "C:\\x", "\\\\host\\share", "", "mms-tts-fra\n"])  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ModelUnknown):
        CATALOGUE.find(name)


@pytest.mark.parametrize(("language", "speaks"), [("fr", True), ("fr-FR", True), ("FR_fr", True), ("fr-CA", False),
                                                  ("en", False)])  # fmt: skip
def test_languages_with_and_without_region(language: str, speaks: bool) -> None:
    assert CATALOGUE.find("fr_FR-siwis-medium").speaks(language) is speaks


@pytest.mark.parametrize("name", KNOWN)
def test_every_voice_that_is_known_by_name_is_published_or_has_a_substitute(name: str) -> None:
    assert (name in CATALOGUE.models) != (name in CATALOGUE.unpublished)


def test_a_name_that_is_not_there_gets_its_nearest() -> None:
    with pytest.raises(ModelUnknown) as caught:
        CATALOGUE.find("fr_FR-siwis-mdium")
    assert "fr_FR-siwis-medium" in caught.value.hint
    with pytest.raises(ModelUnknown) as caught:
        CATALOGUE.find("fr_FR-mls_1840-medium")
    assert "fr_FR-mls_1840-low" in caught.value.hint


def test_the_preferred_voice_of_a_language() -> None:
    assert CATALOGUE.first_of("fr").name == "fr_FR-siwis-medium"
    assert CATALOGUE.first_of("en-GB").name == "en_US-ljspeech-medium"
    assert CATALOGUE.first_of("xx") is None


def test_the_full_list_adds_to_what_is_known(tmp_path: Path) -> None:
    folder = "de/de_DE/eva/low"
    content = listed("de_DE-eva-low", f"{folder}/de_DE-eva-low.onnx", f"{folder}/de_DE-eva-low.onnx.json",
                     f"{folder}/MODEL_CARD")  # fmt: skip
    own = CATALOGUE.models["fr_FR-siwis-medium"]
    whole = with_list(tmp_path, {**content, own.name: {"files": {}}})
    model = whole.find("de_DE-eva-low")
    assert [file.name for file in model.files] == ["de_DE-eva-low.onnx.json", "de_DE-eva-low.onnx"]
    assert (model.languages, model.quality, model.speakers, model.licence) == (("de-DE",), "low", 2, SEE_CARD)
    assert whole.find(own.name) == own


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("../../x", ("a/../../x.onnx", "a/../../x.onnx.json")),
        ("x", ("../x.onnx", "../x.onnx.json")),
        ("x", ("a/x.onnx", "a/y.onnx.json")),
        (".x", ("a/.x.onnx", "a/.x.onnx.json")),
        ("x", ("a/x.onnx",)),
    ],
)
def test_names_that_lead_elsewhere_are_left_out(name: str, paths: tuple[str, ...], tmp_path: Path) -> None:
    assert with_list(tmp_path, listed(name, *paths)) == CATALOGUE


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"x": 1}', '{"x": {}}'])
def test_a_list_that_cannot_be_read_is_passed_over(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert with_list(tmp_path, text) == CATALOGUE
    assert [record.message for record in caplog.records] == ["catalogue.list_unreadable"]


def test_without_a_list_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert CATALOGUE.with_list(tmp_path / "none.json") is CATALOGUE
    assert not caplog.records
