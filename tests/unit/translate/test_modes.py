from __future__ import annotations

from pathlib import Path

import pytest

from portevoix.translate.modes import find_modes, modes_folder, parse


def test_stages_answer_at_every_nul_and_marks_are_off():
    assert parse("lt-proc 'a b.bin' | apertium-tagger -g $2 'c.prob'|lt-proc $1 'd.bin'\n") == (
        ("lt-proc", "-z", "a b.bin"),
        ("apertium-tagger", "-z", "-g", "c.prob"),
        ("lt-proc", "-z", "-n", "d.bin"),
    )


@pytest.mark.parametrize("text", ["", "a | | b", "| a", "a 'open"])
def test_what_is_no_pipeline_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_modes_between_languages_are_found(tmp_path):
    for name in ("eng-spa", "es-fr", "pt-es_BR", "eng-cat_valencia", "en-eng", "eco-fr-es", "README"):
        (tmp_path / f"{name}.mode").write_text("cat")
    assert [(mode.name, mode.source, mode.target) for mode in find_modes(tmp_path)] == [
        ("eng-spa", "en", "es"), ("es-fr", "es", "fr"),
    ]  # fmt: skip


def test_where_they_are(tmp_path, monkeypatch):
    assert modes_folder({"APERTIUM_DATADIR": str(tmp_path)}) == tmp_path / "modes"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apertium").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "apertium").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert modes_folder({}) == Path(tmp_path).resolve() / "share" / "apertium" / "modes"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert modes_folder({}) is None
