from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from portevoix.errors import ModelBroken, ModelMissing
from portevoix.models.piper_voices import KNOWN, VoiceShelf, voice_name
from tests.hand_clock import HandClock

VOICES = Path("tests/fixtures/voices")
CONFIG = json.loads((VOICES / "fr_FR-petit-low.onnx.json").read_text(encoding="utf-8"))


def put(folder: Path, name: str, config: object = CONFIG, model: bytes = b"onnx") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(model)
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / f"{name}.onnx.json").write_text(text, encoding="utf-8")
    return folder / f"{name}.onnx"


def test_finds_the_fixture_voices() -> None:
    voices = {voice.name: voice for voice in VoiceShelf((VOICES,)).voices("piper_native") if voice.is_installed}
    assert set(voices) == {"fr_FR-petit-low", "en_US-small-low", "en_US-duo-low"}
    assert voices["fr_FR-petit-low"].language == "fr-FR"
    assert voices["fr_FR-petit-low"].sample_rate == CONFIG["audio"]["sample_rate"]
    assert len(voices["en_US-duo-low"].speakers) == 2


def test_known_voices_are_named_with_what_to_do(tmp_path: Path) -> None:
    voices = VoiceShelf((tmp_path,)).voices("piper_native")
    assert [voice.name for voice in voices] == list(KNOWN)
    assert not any(voice.is_installed for voice in voices)
    assert str(tmp_path) in voices[0].hint
    assert "fr_FR-siwis-medium.onnx.json" in voices[0].hint


def test_the_preferred_voice_of_a_language_comes_first(tmp_path: Path) -> None:
    for name in ("fr_FR-autre-high", "fr_FR-upmc-medium", "fr_FR-siwis-medium", "fr_FR-autre-low"):
        put(tmp_path, name)
    names = [voice.name for voice in VoiceShelf((tmp_path,)).files()]
    assert names == ["fr_FR-siwis-medium", "fr_FR-upmc-medium", "fr_FR-autre-high", "fr_FR-autre-low"]


def test_a_given_model_comes_before_all(tmp_path: Path) -> None:
    put(tmp_path, "fr_FR-siwis-medium")
    own = put(tmp_path / "own", "my-voice")
    assert VoiceShelf((tmp_path,), own).voices("x")[0].name == "my-voice"


def test_a_folder_that_cannot_be_looked_into_has_no_voices(tmp_path: Path) -> None:
    put(tmp_path / "voices", "fr_FR-x-low")
    folders = (tmp_path / ("x" * 5000), tmp_path / "voices")
    assert [voice.name for voice in VoiceShelf(folders).files()] == ["fr_FR-x-low"]


def test_the_first_folder_wins(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a", "fr_FR-x-low"), put(tmp_path / "b", "fr_FR-x-low")
    assert VoiceShelf((first.parent, second.parent)).file("fr_FR-x-low").model == first


@pytest.mark.parametrize("name", ["en_US-jon", "en_US-onnx", "x.onnx.y"])
def test_suffixes_are_removed_as_suffixes(name: str) -> None:
    assert voice_name(Path(f"{name}.onnx")) == name


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", "cannot be read"),
        ("[" * 200_000, "cannot be read"),
        ('{"audio": {"sample_rate": Infinity}}', "is not a Piper voice's configuration"),
        ("[]", "is not a Piper voice's configuration"),
        ({"audio": {}}, "is not a Piper voice's configuration"),
        ({"audio": {"sample_rate": "fast"}}, "is not a Piper voice's configuration"),
    ],
)
def test_a_broken_configuration_is_told(tmp_path: Path, config: object, words: str) -> None:
    put(tmp_path, "fr_FR-x-low", config)
    with pytest.raises(ModelBroken, match=words):
        VoiceShelf((tmp_path,)).file("fr_FR-x-low")


def test_a_missing_configuration_is_told(tmp_path: Path) -> None:
    (tmp_path / "fr_FR-x-low.onnx").write_bytes(b"onnx")
    with pytest.raises(ModelMissing, match="fr_FR-x-low.onnx.json is missing"):
        VoiceShelf((tmp_path,)).file("fr_FR-x-low")


def test_an_empty_model_is_told(tmp_path: Path) -> None:
    put(tmp_path, "fr_FR-x-low", model=b"")
    with pytest.raises(ModelBroken, match="is empty"):
        VoiceShelf((tmp_path,)).file("fr_FR-x-low")


def test_a_given_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="there is no file"):
        VoiceShelf((), tmp_path / "gone.onnx").file("gone")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "C:\\x", "\\\\host\\share", ""])
def test_names_are_looked_up_and_never_opened_as_paths(tmp_path: Path, name: str) -> None:
    put(tmp_path, "secret")
    with pytest.raises(ModelMissing):
        VoiceShelf((tmp_path / "voices",)).file(name)


def test_a_voice_that_is_put_there_is_found(tmp_path: Path) -> None:
    clock = HandClock()
    shelf = VoiceShelf((tmp_path,), clock=clock)
    assert shelf.files() == ()
    put(tmp_path, "fr_FR-x-low")
    clock.seconds += 1
    assert [file.name for file in shelf.files()] == ["fr_FR-x-low"]


def test_mended_files_are_read_again(tmp_path: Path) -> None:
    clock = HandClock()
    shelf = VoiceShelf((tmp_path,), clock=clock)
    put(tmp_path, "fr_FR-x-low", "{")
    assert shelf.files()[0].error is not None
    put(tmp_path, "fr_FR-x-low")
    clock.seconds += 1
    assert shelf.files()[0].error is None


def test_a_replaced_model_has_another_fingerprint(tmp_path: Path) -> None:
    for name in ("fr_FR-petit-low.onnx", "fr_FR-petit-low.onnx.json"):
        shutil.copy2(VOICES / name, tmp_path)
    before = VoiceShelf((tmp_path,)).file("fr_FR-petit-low").fingerprint
    put(tmp_path, "fr_FR-petit-low")
    assert VoiceShelf((tmp_path,)).file("fr_FR-petit-low").fingerprint != before
