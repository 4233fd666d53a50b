from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.config.conversion import convert, found
from portevoix.config.document import parse, read_document
from portevoix.config.ledger import Ledger
from portevoix.config.problem import Mismatch, Origin

HOME = Path("/h")


def read(text: str, hint: Any, **metadata: Any) -> Any:
    node, problems = parse(text, Origin("file", "f"))
    assert node is not None
    assert not problems
    ledger = Ledger(HOME, [])
    value = convert(node, hint, metadata, "key", ledger)
    assert not ledger.problems
    return value


def refusal(text: str, hint: Any, **metadata: Any) -> str:
    with pytest.raises(Mismatch) as caught:
        read(text, hint, **metadata)
    return " ".join(filter(None, (str(caught.value), caught.value.suggestion)))


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("true", bool, True),
        ("3", int, 3),
        ("3", float, 3.0),
        ("1e3", float, 1000.0),
        ("-.5", float, -0.5),
        ("a b", str, "a b"),
        ("'3'", str, "3"),
        ("''", str, ""),
        ("a/b", Path, Path("a/b")),
        ("~/b", Path, Path("/h/b")),
        ("'~'", Path, Path("/h")),
        ("~", Path | None, None),
        ("''", Path | None, None),
        ("''", str | None, ""),
        ("null", int | None, None),
        ("3", int | str, 3),
        ("three", str | int, "three"),
        ("[1, 2]", tuple[int, ...], (1, 2)),
        ("[]", tuple[str, ...], ()),
        ("{a: 1}", Mapping[str, int], {"a": 1}),
        ("{a: x}", str | Mapping[str, str], {"a": "x"}),
        ("x", str | Mapping[str, str], "x"),
        ("json", Literal["human", "json"], "json"),
        ("JSON", Literal["human", "json"], "json"),
        ("{a: [1, x]}", Any, {"a": [1, "x"]}),
    ],
)
def test_values_that_fit(text, hint, value):
    converted = read(text, hint)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("'true'", bool, "expected true or false, found 'true' Remove the quotes."),
        ("1", bool, "expected true or false, found 1"),
        ("maybe", bool, "expected true or false, found 'maybe'"),
        ("true", int, "expected a whole number, found true"),
        ("3.0", int, "expected a whole number, found 3.0"),
        ("'3'", int, "expected a whole number, found '3' Remove the quotes."),
        ("'x: ['", int, "expected a whole number, found 'x: ['"),
        ("~", int, "expected a whole number, found nothing"),
        ("true", float, "expected a number, found true"),
        ("'3.5'", float, "expected a number, found '3.5' Remove the quotes."),
        ("x", float, "expected a number, found 'x'"),
        ("[1]", float, "expected a number, found a list"),
        ("{a: 1}", float, "expected a number, found a section"),
        (".nan", float, "expected a finite number, found .nan"),
        ("-.inf", float, "expected a finite number, found -.inf"),
        ("9" * 400, float, f"expected a number, found {'9' * 60}…"),
        ("3", str, "expected a text, found 3 Put it in quotes: '3'."),
        ("[a]", str, "expected a text, found a list"),
        ("''", Path, "expected a path, found ''"),
        ("~", Path, "expected a text, found nothing Put it in quotes: '~'."),
        ("a", tuple[str, ...], "expected a list, found 'a' Write [a]."),
        ("a", Mapping[str, str], "expected a section of keys, found 'a'"),
        ("1.5", int | str | None, "expected a whole number or a text, found 1.5 Put it in quotes: '1.5'."),
        ("jason", Literal["human", "json"], "expected one of human, json, found 'jason' Did you mean 'json'?"),
        ("1", Literal["human"], "expected human, found 1"),
    ],
)
def test_values_that_do_not_fit(text, hint, expected):
    assert refusal(text, hint) == expected


@pytest.mark.parametrize(
    ("text", "bounds", "expected"),
    [
        ("0", {"minimum": 1}, "expected a number of at least 1, found 0"),
        ("9", {"maximum": 8}, "expected a number of at most 8, found 9"),
        ("9", {"minimum": 1, "maximum": 8, "unit": "ms"}, "expected a number in milliseconds from 1 to 8, found 9"),
        ("x", {"unit": "bytes"}, "expected a whole number of bytes, found 'x'"),
    ],
)
def test_values_out_of_bounds(text, bounds, expected):
    assert refusal(text, int, **bounds) == expected


def test_bounds_themselves_are_within():
    assert read("1", int, minimum=1, maximum=8) == 1
    assert read("8", int, minimum=1, maximum=8) == 8


def test_a_secret_is_not_repeated():
    assert refusal("[hunter2]", str, secret=True) == "expected a text, found something else"
    assert refusal("12345", str, secret=True) == "expected a text, found something else"
    assert refusal("hunter2", str, secret=True, choices=("hunter3",)) == "expected hunter3, found something else"


def test_every_bad_part_of_a_list_is_told_and_the_good_ones_stay():
    node, _ = parse("[1, x, 3, y]", Origin("file", "f"))
    ledger = Ledger(HOME, [])
    assert convert(node, tuple[int, ...], {}, "sizes", ledger) == (1, 3)
    assert [problem.key for problem in ledger.problems] == ["sizes[1]", "sizes[3]"]


def test_a_type_that_no_configuration_can_hold_is_a_programming_error():
    with pytest.raises(TypeError, match="key: a configuration cannot hold"):
        read("1", complex)


def test_control_characters_in_a_path_are_a_misread_backslash():
    assert "single quotes" in refusal(r'"voices\fr"', Path)


def test_a_long_value_is_shown_in_part():
    node, _ = parse("x" * 500, Origin("file", "f"))
    assert len(found(node, {})) < 70


@given(st.binary(max_size=200))
def test_any_content_is_read_or_refused(content):
    tree, problems = read_document(content, "f")
    assert tree is None or tree.origin.line > 0
    assert all(problem.message for problem in problems)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"\\\t\n #%@,?~<", max_size=60))
def test_any_text_of_yaml_signs_is_read_or_refused(text):
    tree, problems = read_document(text.encode(), "f")
    assert tree is None or tree.origin.name == "f"
    assert all(problem.path == "f" for problem in problems)
