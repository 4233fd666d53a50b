from __future__ import annotations

import json

import pytest

from portevoix.errors import NotWritable
from portevoix.server.history import KEPT, History

FILE = b"cache: {ttl_seconds: 1}"
NEW = b"cache: {ttl_seconds: 2}"


def applied(folder, content: bytes = NEW) -> History:
    history = History(folder)
    history.begin(FILE, "tts.yaml", "f1")
    history.put(history.prepare(content, "new.yaml", "f2", "k1"), content)
    return history


def test_after_a_restart_the_applied_one_is_in_force(tmp_path):
    applied(tmp_path)
    record, content = History(tmp_path).applied(FILE)
    assert (record.id, record.name, record.who, record.after, content) == (2, "new.yaml", "k1", 1, NEW)


def test_a_file_that_was_changed_since_has_the_last_word(tmp_path):
    applied(tmp_path)
    again = History(tmp_path)
    assert again.applied(FILE + b" ") is None
    record = again.begin(FILE + b" ", "tts.yaml", "f3")
    assert (record.id, record.after) == (3, 2), "what was in force before can be gone back to"
    assert History(tmp_path).applied(FILE + b" ") is None


def test_after_a_way_back_to_the_file_the_file_is_in_force(tmp_path):
    history = applied(tmp_path)
    history.put(history.find(1))
    assert History(tmp_path).applied(FILE) is None


def test_a_way_back_behind_the_file_lasts(tmp_path):
    applied(tmp_path)
    again = History(tmp_path)
    again.begin(b"", "", "f3")
    again.put(again.find(1))
    record, content = History(tmp_path).applied(b"")
    assert (record.id, content) == (1, FILE)


def test_starting_again_with_the_same_adds_nothing(tmp_path):
    for _ in range(3):
        History(tmp_path).begin(FILE, "tts.yaml", "f1")
    assert len(History(tmp_path).records) == 1


def test_only_the_last_are_kept_with_their_files(tmp_path):
    history = History(tmp_path)
    for number in range(KEPT + 3):
        content = b"%d" % number
        history.put(history.prepare(content, "", "", ""), content)
    assert len(history.records) == KEPT
    assert len(list(tmp_path.glob("*.yaml"))) == KEPT
    assert [record.id for record in History(tmp_path).records] == list(range(4, KEPT + 4))


def test_nobody_else_may_read_it(tmp_path):
    applied(tmp_path / "c")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "c").iterdir()} == {0}


def test_a_file_that_was_tampered_with_is_not_used(tmp_path):
    applied(tmp_path)
    (tmp_path / "000002.yaml").write_bytes(b"server: {host: 0.0.0.0}")
    again = History(tmp_path)
    assert again.applied(FILE) is None
    assert again.content(again.find(2)) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"records": [{}], "in_force": 1, "start_digest": ""}', "\x00"])
def test_a_damaged_index_counts_as_none(tmp_path, content):
    (tmp_path / "index.json").write_text(content)
    history = History(tmp_path)
    assert (history.records, history.in_force) == ((), 0)
    history.begin(FILE, "", "f1")
    assert json.loads((tmp_path / "index.json").read_text())["in_force"] == 1


def test_a_folder_that_cannot_be_written_costs_the_start_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "c")
    assert history.begin(FILE, "", "f1").id == 1
    with pytest.raises(NotWritable):
        history.prepare(NEW, "", "f2", "")


def test_without_a_folder_nothing_is_written():
    history = History(None)
    history.begin(FILE, "", "f1")
    history.put(history.prepare(NEW, "", "f2", ""), NEW)
    assert history.content(history.current) == NEW
