from __future__ import annotations

import json
import shutil

import pytest

from portevoix.errors import ModelBroken, ModelMissing, ModelUnsupported
from portevoix.translate.model import read_model
from tests.translating import MODEL


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(MODEL, tmp_path / "opus-mt-en-fr")


def test_a_sound_folder(folder):
    model = read_model(folder)
    model.check()
    assert (model.name, model.pairs, model.is_multilingual, model.adds_end) == (
        "opus-mt-en-fr", (("en", "fr"),), False, False,
    )  # fmt: skip
    assert model.licence == "CC-BY-4.0"
    assert len(model.fingerprint) == 64


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("opus-mt-tc-big-en-fr", ("en", "fr")), ("en-de", ("en", "de")), ("opus-mt-eng-spa", ("en", "es"))],
)
def test_the_folders_name_tells_the_languages(folder, name, pairs):
    assert read_model(folder.rename(folder.with_name(name))).pairs == (pairs,)


def test_a_name_without_languages_is_refused(folder):
    with pytest.raises(ModelUnsupported, match="languages"):
        read_model(folder.rename(folder.with_name("my_model")))


@pytest.mark.parametrize("name", ["model.bin", "source.spm", "target.spm", "shared_vocabulary.json"])
def test_a_folder_that_lacks_a_file_says_which(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelMissing) as caught:
        read_model(folder)
    assert name in caught.value.why
    assert "portevoix models get opus-mt-en-fr" in caught.value.hint


def test_weights_that_were_not_converted_are_no_model(folder):
    (folder / "model.bin").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ModelUnsupported, match="converted"):
        read_model(folder)


def test_another_kind_of_model_is_told(folder):
    (folder / "model.bin").rename(folder / "voice.onnx")
    with pytest.raises(ModelUnsupported, match="ONNX"):
        read_model(folder)


def test_empty_weights_are_broken(folder):
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(ModelBroken):
        read_model(folder)


def test_a_flipped_bit_is_found(folder):
    content = bytearray((folder / "model.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.bin").write_bytes(content)
    with pytest.raises(ModelBroken, match="SHA-256"):
        read_model(folder).check()


def test_without_a_checksum_there_is_nothing_to_compare(folder):
    (folder / "model.bin.sha256").unlink()
    model = read_model(folder)
    model.check()
    assert model.fingerprint.startswith(str((folder / "model.bin").stat().st_size))


@pytest.mark.parametrize("content", ["{", "\xff", "[]"])
def test_a_broken_configuration(folder, content):
    (folder / "config.json").write_text(content, encoding="latin-1")
    if content == "[]":
        assert not read_model(folder).adds_end
        return
    with pytest.raises(ModelBroken):
        read_model(folder)


def test_a_model_of_many_languages(folder):
    (folder / "source.spm").rename(folder / "sentencepiece.bpe.model")
    words = ["<s>", "▁a", "eng_Latn", "fra_Latn", "zho_Hans", "zho_Hant", "xxx_Latn"]
    (folder / "shared_vocabulary.json").write_text(json.dumps(words))
    model = read_model(folder)
    assert model.tokens == {"en": "eng_Latn", "fr": "fra_Latn", "zh": "zho_Hans"}
    assert ("en", "zh") in model.pairs
    assert len(model.pairs) == 6
    assert model.licence == "CC-BY-NC-4.0"
    (folder / "shared_vocabulary.json").write_text("{")
    with pytest.raises(ModelBroken):
        read_model(folder)
