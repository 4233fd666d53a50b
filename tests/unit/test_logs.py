from __future__ import annotations

import io
import json
import logging
from contextlib import contextmanager

import pytest

from portevoix.logs import configure_logging


@contextmanager
def logging_to(form: str, level: str = "INFO"):
    root, house = logging.getLogger(), logging.getLogger("portevoix")
    piper = logging.getLogger("piper")
    before, level_before, piper_before = list(root.handlers), house.level, piper.level
    stream = io.StringIO()
    configure_logging(form, level, stream)
    try:
        yield stream
    finally:
        root.handlers[:] = before
        house.setLevel(level_before)
        piper.setLevel(piper_before)


def test_writes_event_and_fields_for_people():
    with logging_to("human") as stream:
        logging.getLogger("portevoix.x").warning(
            "engine.failed", extra={"engine": "piper", "why": "it broke", "code": ""}
        )
    time, rest = stream.getvalue().split(" ", 1)
    assert len(time.split(":")) == 3
    assert rest == 'WARNING engine.failed engine=piper why="it broke"\n'


def test_writes_one_object_a_line_for_machines():
    with logging_to("json") as stream:
        logging.getLogger("portevoix.x").info("speech.ended", extra={"engine": "piper", "first_audio_ms": 12.5})
    record = json.loads(stream.getvalue())
    assert record.pop("time").startswith("20")
    assert record == {
        "level": "INFO", "event": "speech.ended", "logger": "portevoix.x", "engine": "piper", "first_audio_ms": 12.5,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["human", "json"])
@pytest.mark.parametrize("evil", ["two\nlines", "\x1b[31mred", 'quo"te', "\ud800 half", "é\r\x00"])
def test_a_value_never_breaks_the_line(form, evil):
    with logging_to(form) as stream:
        logging.getLogger("portevoix.x").info("http.answered", extra={"path": evil})
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line
    line.encode()


def test_shows_tracebacks():
    for form in ("human", "json"):
        with logging_to(form) as stream:
            logging.getLogger("portevoix.x").error("request.crashed", exc_info=ValueError("inside"))
        assert "ValueError: inside" in stream.getvalue()


def test_keeps_to_its_level_and_others_to_warnings_that_quote_nobody():
    with logging_to("human", "WARNING") as stream:
        logging.getLogger("portevoix.x").info("hidden")
        logging.getLogger("stranger").info("hidden")
        logging.getLogger("piper.voice").warning("Missing phoneme from id map: a")
        logging.getLogger("stranger").warning("shown")
    assert stream.getvalue().count("\n") == 1


def test_replaces_what_it_set_before():
    with logging_to("human") as former, logging_to("human") as stream:
        logging.getLogger("portevoix.x").info("once")
    assert former.getvalue() == ""
    assert stream.getvalue().count("once") == 1
