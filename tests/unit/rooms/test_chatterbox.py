"""What stands in the place of Chatterbox's progress bar, and what is refused before a model is loaded."""

from __future__ import annotations

import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.chatterbox import Chatterbox
from portevoix.engines.chatterbox_multilingual import CHINESE, LANGUAGES, ChatterboxMultilingual
from portevoix.engines.chatterbox_turbo import ChatterboxTurbo
from portevoix.errors import CannotClone, CannotSay, EngineFailed
from portevoix.rooms.chatterbox import OWN_VOICE, Watch, _Stopped
from portevoix.speech import Reference, Utterance
from tests.housed_contract import write_recording


def folder_of(kind, tmp_path, *more):
    folder = tmp_path / "models" / kind.model
    folder.mkdir(parents=True)
    for name in (*kind.files, *more):
        (folder / name).write_bytes(b"x")
    return kind(kind.Options(), Surroundings(cache_folder=tmp_path / "cache", models_folder=tmp_path / "models"))


def test_a_watch_passes_the_steps_on():
    watch = Watch("chatterbox")
    steps = iter(watch(range(3), desc="Sampling"))
    assert [next(steps), next(steps), next(steps)] == [0, 1, 2]


@pytest.mark.parametrize(("most", "passed"), [(2, 2), (1000, 5)])
def test_a_generation_without_an_end_has_run_away(most, passed):
    watch, seen = Watch("chatterbox"), []
    watch.begin(lambda: False, most)
    with pytest.raises(EngineFailed, match="ran away"):
        for step in watch(range(5)):
            seen.append(step)  # noqa: PERF402 - what was seen before the end
    assert len(seen) == passed


def test_nobody_listening_ends_it_at_the_next_step():
    watch, seen = Watch("chatterbox"), []
    watch.begin(lambda: len(seen) >= 2, 1000)
    with pytest.raises(_Stopped):
        for step in watch(range(9)):
            seen.append(step)  # noqa: PERF402 - what was seen before the end
    assert seen == [0, 1]
    with pytest.raises(_Stopped):
        watch.look("module", "input")


@pytest.mark.parametrize("kind", [Chatterbox, ChatterboxMultilingual, ChatterboxTurbo])
async def test_without_a_voice_of_its_own_it_asks_for_a_recording(kind, tmp_path):
    engine = folder_of(kind, tmp_path, "tokenizer.json")
    assert engine.model_fault() is None
    with pytest.raises(CannotSay, match=OWN_VOICE) as error:
        await anext(engine.stream(Utterance("Hello.", engine.voices()[0], "en")))
    assert "recording" in error.value.hint
    assert engine.state().phase is not Phase.READY


async def test_turbo_wants_more_than_five_seconds(tmp_path):
    engine = folder_of(ChatterboxTurbo, tmp_path, "tokenizer.json")
    path = write_recording(tmp_path / "short.wav", seconds=4.0)
    reference = Reference(str(path), "ab" * 32)
    with pytest.raises(CannotClone, match=r"4\.0 s long") as error:
        await anext(engine.stream(Utterance("Hello.", engine.voices()[0], "en", reference=reference)))
    assert error.value.hint


def test_turbo_takes_either_layout_of_its_tokeniser(tmp_path):
    engine = folder_of(ChatterboxTurbo, tmp_path)
    assert "tokenizer.json" in str(engine.model_fault())
    (engine.folder / "vocab.json").write_text("{}")
    assert engine.model_fault() is None


def test_chinese_is_spoken_where_its_table_is(tmp_path):
    engine = folder_of(ChatterboxMultilingual, tmp_path)
    assert engine.voices()[0].languages == LANGUAGES[:-1]
    assert len(LANGUAGES) == 23
    (engine.folder / CHINESE).write_text("[]")
    assert engine.voices()[0].languages == LANGUAGES


@pytest.mark.parametrize("kind", [Chatterbox, ChatterboxMultilingual, ChatterboxTurbo])
def test_watermark_and_licence_are_told(kind):
    assert "watermarked" in kind.summary
    assert kind.licence == "MIT"
