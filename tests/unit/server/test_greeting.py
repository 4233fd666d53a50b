from __future__ import annotations

from portevoix.engine import Phase
from portevoix.server.greeting import greeting
from tests.scripted import kind
from tests.served import SILENT, make_app

URL = "http://127.0.0.1:8001"
MISSING = {"phase": Phase.UNAVAILABLE, "why": "the voice is not here", "hint": "Fetch the voice."}


def test_says_who_speaks_what_is_missing_and_what_to_do_next():
    app = make_app(kind("alpha", **MISSING), kind("beta", priority=20, **MISSING), kind("gamma", priority=30), SILENT)
    speaks, missing, page, next_, other = greeting(app, URL)
    assert speaks.endswith("speaks with gamma (gamma-fr)")
    assert missing == "  missing  alpha, beta: Fetch the voice."
    assert page.endswith(f"{URL}/")
    assert f"curl {URL}/v1/audio/speech" in next_
    assert "portevoix say" in other


def test_names_those_that_take_over():
    speaks, missing, *_ = greeting(make_app(kind("alpha"), kind("beta", priority=20), SILENT), URL)
    assert speaks.endswith("speaks with alpha (alpha-fr), and if that fails with beta (beta-fr)")
    assert missing.endswith("nothing")


def test_does_not_promise_a_voice_where_there_is_only_silence():
    speaks, missing, *_ = greeting(make_app(kind("alpha", phase=Phase.LOADING), SILENT), URL)
    assert "cannot speak yet" in speaks
    assert missing.endswith("alpha: loading")


def test_stays_five_lines():
    app = make_app(kind("alpha", phase=Phase.UNAVAILABLE, why="two\nlines " * 99))
    lines = greeting(app, URL)
    assert len(lines) == 5
    assert not any("\n" in line for line in lines)
    assert len(lines[1]) <= 300


def test_lacks_of_ready_levels():
    bare = kind("alpha", voices=[])
    assert "alpha: it has no voice" in greeting(make_app(bare), URL)[1]
