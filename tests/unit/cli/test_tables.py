from __future__ import annotations

from portevoix.cli.tables import _fitted, _lines, print_json, print_table
from portevoix.speech import Voice


def test_columns_stand_under_one_another(capsys):
    print_table(("name", "value"), [("a", 1), ("longer", None), ("two\nlines", "")])
    assert capsys.readouterr().out.splitlines() == [
        "NAME       VALUE",
        "a          1",
        "longer     -",
        "two lines",
    ]


def test_nothing_is_broken_where_there_is_no_terminal(capsys):
    print_table(("name", "why"), [("a", "word " * 100)], flexible=1)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_wide_columns_are_broken_to_fit_a_terminal():
    widths = _fitted([5, 200, 100], 2, 80)
    assert widths[0] == 5
    assert sum(widths) + 4 == 80
    lines = _lines(["a", "word " * 20, "other " * 10], widths)
    assert len(lines) > 1
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("word") == 20


def test_columns_do_not_vanish_on_a_narrow_terminal():
    assert min(_fitted([5, 200, 100], 2, 10)) == 5


def test_json_has_dataclasses_as_objects(capsys):
    print_json([Voice("é", "engine", "fr", speakers=("a",))])
    out = capsys.readouterr().out
    assert '"name": "é"' in out
    assert '"speakers": [\n' in out
