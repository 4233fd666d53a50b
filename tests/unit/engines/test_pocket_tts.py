"""Which voices Pocket TTS has, by what lies on the disk; nothing heavy is loaded."""

from __future__ import annotations

import pytest

from portevoix.engine import Surroundings
from portevoix.engines.pocket_tts import PocketTts, files_of
from portevoix.errors import CannotClone, CannotSay
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.speech import Reference, Utterance
from tests.housed_contract import write_recording


def put(root, word, voices, *, is_published=True, clones=False):
    folder = root / f"pocket-tts-{word}"
    inside = folder / "languages" / word if is_published else folder
    (inside / "embeddings").mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json", *(f"embeddings/{voice}.safetensors" for voice in voices)):
        (inside / name).write_bytes(b"x")
    if clones:
        cloning = root / f"pocket-tts-{word}-cloning" / "languages" / word
        cloning.mkdir(parents=True)
        (cloning / "model.safetensors").write_bytes(b"y")


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "models").mkdir()
    around = Surroundings(cache_folder=tmp_path / "cache", models_folder=tmp_path / "models")
    return PocketTts(PocketTts.Options(), around)


def test_without_models_it_knows_a_voice_for_each_language_and_how_to_get_it(engine):
    voices = engine.voices()
    assert {voice.language for voice in voices} == {"fr", "en", "de", "it", "pt", "es", "nl"}
    assert not any(voice.is_installed for voice in voices)
    assert voices[0].hint == "Fetch it: portevoix models get pocket-tts-french"


@pytest.mark.parametrize("is_published", [True, False])
def test_voices_are_found_in_both_layouts(engine, is_published):
    put(engine.folder, "french", ["estelle", "alba"], is_published=is_published)
    here = [voice for voice in engine.voices() if voice.is_installed]
    assert [(voice.name, voice.languages) for voice in here] == [("estelle", ("fr",)), ("alba", ("fr",))]
    assert files_of(engine.folder, "fr").signs.is_file()


def test_each_language_has_its_own_voice_first(engine):
    put(engine.folder, "french", ["alba", "estelle", "zoe"])
    put(engine.folder, "english", ["alba", "estelle", "zoe"])
    level = Level(engine, LevelSettings())
    chosen = {language: level.voice_for(language).name for language in ("fr", "fr-FR", "en", "en-US")}
    assert chosen == {"fr": "estelle", "fr-FR": "estelle", "en": "alba", "en-US": "alba"}


def test_what_arrives_meanwhile_is_noticed(engine):
    assert not any(voice.is_installed for voice in engine.voices())
    put(engine.folder, "german", ["juergen"])
    assert [voice.name for voice in engine.voices() if voice.is_installed] == ["juergen"]


async def test_cloning_needs_the_weights_that_clone(engine, tmp_path):
    put(engine.folder, "french", ["estelle"])
    assert not engine.voices()[0].can_clone
    reference = Reference(str(write_recording(tmp_path / "who.wav")), "ab" * 32)
    with pytest.raises(CannotClone) as error:
        await anext(engine.stream(Utterance("Bonjour.", engine.voices()[0], "fr", reference=reference)))
    assert "pocket-tts-french-cloning" in error.value.hint


def test_the_weights_that_clone_are_used_where_they_are(engine):
    put(engine.folder, "french", ["estelle"], clones=True)
    assert engine.voices()[0].can_clone
    assert "cloning" in str(files_of(engine.folder, "fr").weights)
    assert "cloning" not in str(files_of(engine.folder, "fr").signs)
    assert [folder.name for folder in engine.folders()] == ["pocket-tts-french"]


async def test_another_language_is_refused_before_anything_is_loaded(engine):
    put(engine.folder, "french", ["estelle"])
    with pytest.raises(CannotSay):
        await anext(engine.stream(Utterance("你好", engine.voices()[0], "zh")))


def test_a_model_of_ones_own_may_be_anywhere(tmp_path):
    put(tmp_path, "english", [], is_published=False)
    folder = (tmp_path / "pocket-tts-english").rename(tmp_path / "mine")
    engine = PocketTts(PocketTts.Options(model_path=str(folder), language="en"), Surroundings(models_folder=tmp_path))
    (voice, *absent) = engine.voices()
    assert (voice.name, voice.language, voice.is_installed) == ("pocket-tts-english", "en", True)
    assert not any(one.is_installed for one in absent)
    assert files_of(folder, "en").weights == folder / "model.safetensors"
