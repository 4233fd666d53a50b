from __future__ import annotations

import pytest

from portevoix.cli.licences import require_consent
from portevoix.errors import NotWritable
from portevoix.models.licences import LicenceBook, LicenceNotAccepted

CPML = "Coqui Public Model License"


def test_what_was_accepted_once_stays_accepted(tmp_path):
    book = LicenceBook(tmp_path / "data")
    assert not book.is_accepted(CPML)
    book.accept(CPML, "2026-11-20")
    book.accept("CC BY-NC 4.0")
    assert LicenceBook(tmp_path / "data").is_accepted(CPML)
    book.accept(CPML, "2027-01-01")
    assert book.accepted()[CPML] == "2026-11-20"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["licences.yaml"]


def test_a_consent_may_be_taken_back_by_hand_while_a_program_runs(tmp_path):
    book = LicenceBook(tmp_path)
    book.accept(CPML)
    book.path.write_text("")
    assert not book.is_accepted(CPML)


@pytest.mark.parametrize("content", [b"{", b"- a list", b"\xff\xfe\x00", b"17"])
def test_what_cannot_be_read_is_no_consent_and_is_replaced_by_one(tmp_path, content):
    book = LicenceBook(tmp_path)
    book.path.write_bytes(content)
    assert not book.is_accepted(CPML)
    book.accept(CPML)
    assert book.is_accepted(CPML)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable):
        LicenceBook(tmp_path / "file").accept(CPML)


def test_where_nobody_can_answer_the_way_out_is_told(tmp_path):
    book = LicenceBook(tmp_path)
    with pytest.raises(LicenceNotAccepted) as raised:
        require_consent(book, CPML, "xtts_v2", "not for commerce", is_seen=False)
    assert raised.value.hint == f'Read it, then add: --accept-licence "{CPML}"'
    assert not book.is_accepted(CPML)


def test_the_command_line_may_accept(tmp_path):
    book = LicenceBook(tmp_path)
    require_consent(book, CPML, "xtts_v2", "not for commerce", ("other", CPML), is_seen=False)
    require_consent(book, CPML, "xtts_v2", "not for commerce", is_seen=False)
    assert book.is_accepted(CPML)
