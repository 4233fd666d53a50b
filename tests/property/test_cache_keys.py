from __future__ import annotations

import math
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portevoix.cache.keys import sentence_key
from portevoix.errors import InvalidParameter

PLAIN = {
    "engine": "piper_native", "voice": "fr_FR-siwis-medium", "fingerprint": "f0", "language": "fr", "text": "Bonjour.",
    "speed": 1.0, "speaker": None, "seed": 0, "options": {}, "reference": "", "parameters": {},
}  # fmt: skip


def key(**changes):
    return sentence_key(**{**PLAIN, **changes})


def options(**values):
    return {"options": values}


texts = st.text(st.characters(), max_size=8)  # lone surrogates too
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
requests = st.fixed_dictionaries(
    {}, optional={
        "engine": texts, "voice": texts, "fingerprint": texts, "language": texts, "text": texts,
        "speaker": st.none() | texts | st.integers(), "seed": st.integers(), "speed": st.floats(0.25, 4),
        "options": st.dictionaries(texts, values, max_size=3), "reference": texts,
        "parameters": st.dictionaries(texts, values, max_size=3),
    },
)  # fmt: skip


def spelled(value):
    """Return a value with its types, so that Python's own equality of 1, 1.0 and True does not blur them."""
    if isinstance(value, dict):
        return "dict", frozenset((name, spelled(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(spelled(inner) for inner in value)
    return type(value).__name__, value


@given(requests, requests)
@example(options(voice="a1"), options(voicea="1"))
@example(options(a="b", c="d"), options(a="bc", d=""))
@example(options(a=1), options(a="1"))
@example(options(a=1), options(a=1.0))
@example(options(a=1), options(a=True))
@example(options(a=0), options(a=False))
@example(options(a=""), options(a=None))
@example(options(a=None), {})
@example(options(a=[]), options(a={}))
@example(options(a=["b", "c"]), options(a=["bc"]))
@example(options(a=["b", ["c"]]), options(a=["b", "c"]))
@example(options(a=b"x"), options(a="x"))
@example(options(a="/x"), options(a=PurePosixPath("/x")))
@example({"speaker": 1}, {"speaker": "1"})
@example({"speaker": ""}, {"speaker": None})
@example({"speaker": 1}, {"speaker": True})
@example({"engine": "ab", "voice": "c"}, {"engine": "a", "voice": "bc"})
@example({"voice": "ab", "fingerprint": "c"}, {"voice": "a", "fingerprint": "bc"})
@example({"engine": "a", "voice": "sb"}, {"engine": "as", "voice": "b"})
@example(options(a=["b", "sc"]), options(a=["bs", "c"]))
@example({"language": "fr", "text": "aBonjour"}, {"language": "fra", "text": "Bonjour"})
@example({"voice": "", "fingerprint": "x"}, {"voice": "x", "fingerprint": ""})
@example({"voice": "a", "language": "b"}, {"voice": "b", "language": "a"})
@example({"voice": "a4:sbc"}, {"voice": "a"})
@example({"text": "été"}, {"text": "e\u0301te\u0301"})
@example({"text": "\U0001f600"}, {"text": "\ud83d\ude00"})
@example({"text": "Bonjour"}, {"text": "Bonjour "})
@example({"text": "Bonjour"}, {"text": "bonjour"})
@example({"text": "a\0b"}, {"text": "ab"})
@example({"seed": 0}, {"seed": 1})
@example({"seed": 1, "speaker": None}, {"seed": 0, "speaker": 1})
@example({"speed": 1.0}, {"speed": math.nextafter(1.0, 2.0)})
@example({"fingerprint": "f0"}, {"fingerprint": "f1"})
@example({"reference": "a"}, {"reference": "b"})
@example({"parameters": {"a": 1}}, {"options": {"a": 1}})
@example({"parameters": {"steps": 4}}, {"parameters": {"steps": 4.0}})
def test_one_key_means_one_request(one, other):
    is_same = spelled({**PLAIN, **one}) == spelled({**PLAIN, **other})
    assert (key(**one) == key(**other)) is is_same


@given(st.dictionaries(texts, values, max_size=4))
def test_the_order_of_options_does_not_matter(options):
    backwards = dict(reversed(options.items()))
    assert key(options=options) == key(options=backwards)


def test_the_type_of_the_speed_does_not_matter():
    assert key(speed=1) == key(speed=1.0)


def test_lists_and_tuples_are_the_same():
    assert key(**options(a=(1, 2))) == key(**options(a=[1, 2]))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(number):
    with pytest.raises(InvalidParameter, match="finite"):
        key(speed=number)
    with pytest.raises(InvalidParameter, match="finite"):
        key(**options(a=[number]))


def test_what_has_no_spelling_is_refused():
    with pytest.raises(TypeError, match="object"):
        key(**options(a=object()))


def test_a_key_is_a_sha256_that_stays():
    assert key() == "5207302770d8ac47fd49e4b5f792646a7c60ecbcfac76794f2bf5b06ea12c43a"
