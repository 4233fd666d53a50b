from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest

from portevoix.errors import CannotSay, EngineFailed, EngineUnavailable, InvalidParameter, ModelBroken, ModelMissing
from portevoix.rooms.housed import Housed, HousedOptions
from portevoix.rooms.narration import (
    CHUNK_SECONDS,
    Narration,
    Setting,
    limit_seconds,
    narration_of,
    pieces_of,
    real_device,
)
from portevoix.speech import Utterance, Voice

RATE = 1000
VOICE = Voice("v", "scripted", "fr", languages=("fr",))


class Scripted:
    """Yield what a script says; remembers what it was asked."""

    sample_rate = RATE

    def __init__(self, *pieces):
        self.pieces, self.asked, self.is_closed = pieces, [], False

    def voices(self):
        return ()

    def narrate(self, passage, is_cancelled):
        self.asked.append(passage)
        for piece in self.pieces:
            if is_cancelled():
                return
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self):
        self.is_closed = True


class Engine(Housed):
    name = "scripted"
    runs_on_torch = False
    most_characters = {"": 40, "fr": 30}  # noqa: RUF012


class Quick(Engine):
    changes_speed = True


def second(level=0.5):
    return np.full(RATE, level, np.float32)


def said(narrator, text="Bonjour.", *, engine=Engine, is_cancelled=lambda: False, **facts):
    utterance = Utterance(text, VOICE, facts.pop("language", "fr"), **facts)
    return list(Narration(narrator, engine).speak(utterance, is_cancelled))


def test_long_audio_leaves_in_short_chunks():
    chunks = said(Scripted(second()))
    assert [len(chunk.samples) for chunk in chunks] == [500, 500]
    assert all(chunk.seconds <= CHUNK_SECONDS for chunk in chunks)


def test_long_text_is_cut_where_it_hurts_least_with_a_pause_between():
    narrator = Scripted(second())
    chunks = said(narrator, "Une phrase. Une deuxième phrase, qui est plus longue.")
    asked = [passage.text for passage in narrator.asked]
    assert asked == ["Une phrase.", "Une deuxième phrase,", "qui est plus longue."]
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(3.3)
    assert any(not chunk.samples.any() for chunk in chunks)


def test_each_language_has_its_length():
    narrator = Scripted(second())
    said(narrator, "x" * 35, language="en-GB")
    said(narrator, "x" * 35)
    assert [len(passage.text) for passage in narrator.asked] == [35, 30, 5]
    assert narrator.asked[0].language == "en"


@pytest.mark.parametrize("text", ["", " ", "!!!", "😀", "\0\x07", "—…"])
def test_a_text_without_anything_to_say_is_told(text):
    with pytest.raises(CannotSay):
        said(Scripted(second()), text)


def test_control_characters_are_spaces():
    assert pieces_of("a\0b\ud800\r\n c", 100) == ["a b c"]


def test_nothing_of_a_long_text_is_lost():
    text = "Voici, une phrase. " * 500
    pieces = pieces_of(text, 60)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert max(map(len, pieces)) <= 60


def test_generation_that_runs_away_is_stopped():
    narrator = Scripted(*[second()] * 100)
    with pytest.raises(EngineFailed, match="ran away"):
        said(narrator, "Oui.")
    assert narrator.asked[0].limit_seconds == limit_seconds("Oui.") < 10


def test_speech_is_bounded_generously():
    assert limit_seconds("Bonjour à tous, ceci est un essai.") > 8
    assert limit_seconds("Bonjour", 0.25) > limit_seconds("Bonjour")


def test_it_is_stretched_when_the_engine_cannot_change_its_pace():
    fast = said(Scripted(second()), speed=2.0)
    assert sum(chunk.seconds for chunk in fast) == pytest.approx(0.5)
    own = Scripted(second())
    assert sum(chunk.seconds for chunk in said(own, speed=2.0, engine=Quick)) == pytest.approx(1.0)
    assert own.asked[0].speed == 2.0


def test_samples_are_clipped_and_single_precision():
    (chunk,) = said(Scripted(np.full((1, 100), 3.0)))
    assert chunk.samples.dtype == np.float32
    assert chunk.samples.shape == (100,)
    assert chunk.samples.max() == 1.0


def test_samples_that_are_no_numbers_are_a_failure():
    with pytest.raises(EngineFailed, match="no audio"):
        said(Scripted(np.array([0.0, np.nan])))


def test_what_a_package_raises_is_the_engine_s_failure_in_one_line():
    with pytest.raises(EngineFailed, match="ValueError: two lines") as raised:
        said(Scripted(ValueError("two\nlines" + "x" * 1000)))
    assert len(raised.value.why) <= 300


def test_what_the_house_raises_stays_what_it_is():
    with pytest.raises(InvalidParameter):
        said(Scripted(InvalidParameter("no such speaker")))


def test_nothing_is_said_once_nobody_listens():
    cancelled = []
    narrator = Scripted(second(), second(), second())
    utterance = Utterance("Une phrase. Une deuxième phrase, qui est plus longue.", VOICE, "fr")
    with closing(Narration(narrator, Engine).speak(utterance, lambda: bool(cancelled))) as chunks:
        next(chunks)
        cancelled.append(True)
        assert len(list(chunks)) <= 1
    assert len(narrator.asked) == 1


def test_the_first_word_is_not_heard_and_its_failure_is_not_told():
    for first in (second(), CannotSay("no such sounds"), ValueError("once")):
        narrator = Scripted(first)
        Narration(narrator, Engine).warm_up(VOICE)
        assert [passage.text for passage in narrator.asked] == ["Bonjour."]


def opened(error, tmp_path):
    class Broken(Engine):
        @staticmethod
        def Narrator(setting):
            raise error

    return narration_of(Broken, Setting(tmp_path / "model", "", tmp_path, HousedOptions(), VOICE))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ImportError("no module named x"), EngineUnavailable),
        (MemoryError("none left"), EngineUnavailable),
        (KeyError("weights"), ModelBroken),
        (OSError("cut"), ModelBroken),
        (ModelMissing("not here"), ModelMissing),
    ],
)
def test_a_model_that_cannot_be_loaded_is_told_by_kind(error, kind, tmp_path):
    with pytest.raises(kind) as raised:
        opened(error, tmp_path)
    assert type(raised.value) is kind


def test_a_device_that_is_not_there_is_told():
    assert real_device("cpu") == "cpu"
    with pytest.raises(EngineUnavailable, match="CUDA"):
        real_device("cuda:7")


def test_close_closes_the_narrator():
    narrator = Scripted()
    Narration(narrator, Engine).close()
    assert narrator.is_closed


def test_equal_seeds_draw_equal_numbers():
    drawn = []

    class Noisy(Scripted):
        def narrate(self, passage, is_cancelled):
            drawn.append(np.random.rand())  # noqa: NPY002 - as foreign packages do
            yield second()

    for seed in (1, 1, 2):
        said(Noisy(), seed=seed)
    assert drawn[0] == drawn[1] != drawn[2]


def test_parameters_are_complete():
    parameters = {"Parameters": lambda **given: SimpleNamespace(**{"warmth": 1.0, **given})}
    kind = type("WithParameters", (Engine,), parameters)
    narrator = Scripted(second())
    said(narrator, engine=kind)
    said(narrator, engine=kind, parameters=(("warmth", 2.0),))
    assert [passage.parameters.warmth for passage in narrator.asked] == [1.0, 2.0]
