from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.errors import InvalidParameter, RequestError, UnknownFormat
from portevoix.server.order import MODELS, read_order

ENGINES = ("alpha", "beta")
LEAST = {"model": "tts-1", "input": "Bonjour"}


def order(**fields):
    return read_order({**LEAST, **fields}, ENGINES, "name")


def test_the_least_order():
    least = order()
    assert (least.format_name, least.stream_format, least.is_model_known, least.ignored) == ("mp3", "audio", True, ())
    request = least.request
    assert (request.text, request.voice, request.speed, request.engine) == ("Bonjour", None, 1.0, None)
    assert request.request_id == "name"


def test_every_field_arrives():
    full = order(
        voice={"id": "alpha-fr"}, response_format="pcm", speed=1.5, stream_format="sse", language="fr", engine="beta",
        seed=7, speaker=3,
    )  # fmt: skip
    request = full.request
    assert (full.format_name, full.stream_format) == ("pcm", "sse")
    assert (request.voice, request.speed, request.language) == ("alpha-fr", 1.5, "fr")
    assert (request.engine, request.seed, request.speaker) == ("beta", 7, 3)


@pytest.mark.parametrize("name", ["voice", "speed", "response_format", "stream_format", "language", "engine", "seed",
                                  "speaker", "instructions"])  # fmt: skip
def test_null_is_as_good_as_nothing(name):
    assert order(**{name: None}).request == order().request


@pytest.mark.parametrize("model", MODELS)
def test_the_known_models_are_the_whole_chain(model):
    assert order(model=model).request.engine is None
    assert order(model=model).is_model_known


def test_an_engine_can_be_asked_for_as_a_model():
    assert order(model="beta").request.engine == "beta"
    assert order(model="beta", engine="alpha").request.engine == "alpha"


def test_an_unknown_model_is_told():
    unknown = order(model="kokoro")
    assert not unknown.is_model_known
    assert unknown.request.engine is None


def test_fields_that_change_nothing_are_told():
    assert order(spede=2, user="me", instructions=None).ignored == ("spede", "user")


def test_instructions_reach_the_engines_and_are_told_where_nobody_followed_them():
    told = read_order({**LEAST, "instructions": "softly", "user": "me"}, ENGINES, followers=["beta"])
    assert told.request.instructions == "softly"
    assert (told.ignored_by("alpha"), told.ignored_by("beta")) == (("instructions", "user"), ("user",))
    assert order().ignored_by("alpha") == ()


def test_a_format_may_be_written_with_capitals():
    assert order(response_format="FLAC").format_name == "flac"


@pytest.mark.parametrize(("name", "value"), [
    ("model", None), ("model", 5), ("input", None), ("input", 5), ("input", ["Bonjour"]), ("input", "\ud800"),
    ("voice", 5), ("voice", ""), ("voice", {}), ("voice", {"id": 5}), ("voice", {"id": ""}), ("voice", "\udfff"),
    ("speed", "1"), ("speed", True), ("speed", math.nan), ("speed", math.inf), ("speed", [1]), ("seed", 1.5),
    ("seed", True), ("seed", 2**64), ("speaker", True), ("speaker", 1.5), ("language", 5), ("engine", {}),
    ("instructions", 5), ("stream_format", "both"), ("stream_format", 5), ("response_format", 5),
])  # fmt: skip
def test_a_wrong_value_names_its_field(name, value):
    with pytest.raises(InvalidParameter) as caught:
        order(**{name: value})
    assert caught.value.param == name


def test_an_unknown_format_lists_those_there_are():
    with pytest.raises(UnknownFormat) as caught:
        order(response_format="ogg")
    assert caught.value.param == "response_format"
    assert "opus" in caught.value.hint


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(
    ["model", "input", "voice", "response_format", "speed", "stream_format", "language", "engine", "seed", "speaker"]
)


@given(st.dictionaries(names, anything))
def test_whatever_is_sent_is_an_order_or_a_refusal(fields):
    try:
        read_order({**LEAST, **fields}, ENGINES)
    except RequestError as error:
        assert str(error)


def test_word_times_are_told_when_asked_for():
    assert order(word_times=True).tells_words
    assert not order().tells_words
    with pytest.raises(InvalidParameter, match="word_times"):
        order(word_times="yes")
