from __future__ import annotations

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.kokoro import NETWORK, VOICES, Kokoro, voice_names
from portevoix.errors import ModelBroken


@pytest.fixture
def engine(tmp_path):
    folder = tmp_path / "models" / "kokoro"
    folder.mkdir(parents=True)
    (folder / NETWORK).write_bytes(b"x")
    with (folder / VOICES).open("wb") as file:
        np.savez(file, **{name: np.zeros(1) for name in ("am_adam", "af_heart", "ff_siwis", "jf_alpha", "zf_xiaobei")})
    return Kokoro(Kokoro.Options(), Surroundings(cache_folder=tmp_path / "cache", models_folder=tmp_path / "models"))


def test_voices_are_read_from_the_archive_and_their_names_tell_the_language(engine):
    found = {voice.name: (voice.language, voice.languages) for voice in engine.voices()}
    assert found == {
        "af_heart": ("en-US", ("en",)), "ff_siwis": ("fr-FR", ("fr",)), "am_adam": ("en-US", ("en",)),
    }  # fmt: skip
    assert [voice.name for voice in engine.voices()][-1] == "am_adam"
    assert not any(voice.can_clone for voice in engine.voices())


def test_without_a_model_it_knows_the_best_voices_and_how_to_get_them(tmp_path):
    engine = Kokoro(Kokoro.Options(), Surroundings(models_folder=tmp_path))
    assert "ff_siwis" in {voice.name for voice in engine.voices()}
    assert not any(voice.is_installed for voice in engine.voices())
    assert engine.state().phase is Phase.UNAVAILABLE


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_archive_of_voices_is_known(engine, content):
    (engine.folder / VOICES).write_bytes(content)
    assert voice_names(engine.folder / VOICES) == []
    with pytest.raises(ModelBroken):
        engine.check()
