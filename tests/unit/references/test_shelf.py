from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from portevoix.errors import InvalidParameter, NotWritable, VoiceNotFound
from portevoix.references.faults import ConsentMissing, ReferenceMissing, VoiceExists
from portevoix.references.shelf import Consent, ReferenceShelf, voice_id
from portevoix.speech import Reference

YES = Consent("I agree")


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "checked.wav"
    path.write_bytes(b"RIFF samples")
    return Reference(str(path), "d1g35t", "Bonjour")


@pytest.fixture
def shelf(tmp_path):
    return ReferenceShelf(tmp_path / "voices" / "cloned", now=lambda: 1_700_000_000.9)


def test_a_voice_is_kept_with_its_consent_and_found_again(shelf, recording):
    voice = shelf.create("Marie", recording, Consent("I agree", b"Ogg"), language="fr")
    assert voice.created_at == 1_700_000_000
    assert (voice.consent_text, voice.has_consent_recording, voice.language) == ("I agree", True, "fr")
    assert Path(voice.reference.path).read_bytes() == b"RIFF samples"
    assert (voice.reference.digest, voice.reference.transcript) == ("d1g35t", "Bonjour")
    assert (Path(voice.reference.path).parent / "consent.bin").read_bytes() == b"Ogg"
    again = ReferenceShelf(shelf.folder)
    assert again.find("Marie") == again.find("marie ") == again.find(voice.id) == voice
    assert again.list() == (voice,)


def test_the_recording_is_a_copy(shelf, recording):
    voice = shelf.create("Marie", recording, YES, transcript="Salut")
    Path(recording.path).unlink()
    assert Path(shelf.find("Marie").reference.path).is_file()
    assert voice.reference.transcript == "Salut"


def test_a_name_is_taken_once(shelf, recording):
    shelf.create("Marie", recording, YES)
    for name in ("Marie", "MARIE", " marie "):
        with pytest.raises(VoiceExists):
            shelf.create(name, recording, YES)
    assert len(list(shelf.folder.iterdir())) == 1


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\nb", "x" * 81, "chatterbox:marie", voice_id("Marie")])
def test_a_name_that_cannot_be_used(shelf, recording, name):
    with pytest.raises(InvalidParameter):
        shelf.create(name, recording, YES)
    assert not shelf.folder.exists()


@pytest.mark.parametrize("name", ["../../etc", "C:\\x"[:1] + "\\x", "\\\\host\\share", "é è", "😀", "."])
def test_a_strange_name_leads_nowhere_else(shelf, recording, name):
    voice = shelf.create(name, recording, YES)
    assert Path(voice.reference.path).resolve().is_relative_to(shelf.folder.resolve())
    assert shelf.find(name) == voice
    assert shelf.remove(name) == voice


@pytest.mark.parametrize("consent", [Consent(), Consent("  ")])
def test_nothing_is_kept_without_consent(shelf, recording, consent):
    with pytest.raises(ConsentMissing):
        shelf.create("Marie", recording, consent)
    assert not shelf.folder.exists()


def test_a_recording_that_is_gone(shelf):
    with pytest.raises(ReferenceMissing):
        shelf.create("Marie", Reference("nowhere.wav", "d"), YES)
    assert shelf.list() == ()


def test_a_voice_is_removed_with_all_that_was_kept(shelf, recording):
    voice = shelf.create("Marie", recording, Consent("", b"Ogg"))
    shelf.remove(voice.id)
    assert list(shelf.folder.iterdir()) == []
    with pytest.raises(VoiceNotFound):
        shelf.remove("Marie")
    assert shelf.create("Marie", recording, YES).id == voice.id


def test_what_cannot_be_read_is_left_out(shelf, recording, caplog):
    shelf.create("Marie", recording, YES)
    broken = shelf.create("Broken", recording, YES)
    (shelf.folder / broken.id / "voice.json").write_text("{")
    cut = shelf.create("Cut", recording, YES)
    Path(cut.reference.path).unlink()
    assert [voice.name for voice in shelf.list()] == ["Marie"]
    assert "voice.unreadable" in caplog.text


def test_a_link_out_of_the_shelf_is_not_followed(shelf, recording, tmp_path):
    voice = shelf.create("Marie", recording, YES)
    (tmp_path / "secret").write_text("secret")
    Path(voice.reference.path).unlink()
    Path(voice.reference.path).symlink_to(tmp_path / "secret")
    assert shelf.find("Marie") is None
    elsewhere = tmp_path / "elsewhere"
    (shelf.folder / voice.id).rename(elsewhere)
    (elsewhere / "recording.wav").unlink()
    (elsewhere / "recording.wav").write_bytes(b"x")
    (shelf.folder / voice.id).symlink_to(elsewhere)
    assert shelf.find("Marie") is None


def test_a_creation_that_was_cut_leaves_no_voice_and_is_swept(shelf, recording):
    voice = shelf.create("Marie", recording, YES)
    for name, age_seconds in (("Old", 7200), ("New", 60)):
        left = shelf.folder / f".{voice_id(name)}.ab12"
        left.mkdir()
        os.utime(left, (1_700_000_000 - age_seconds,) * 2)
    assert shelf.list() == (voice,)
    other = shelf.create("Jean", recording, YES)
    assert {path.name for path in shelf.folder.iterdir()} == {voice.id, other.id, f".{voice_id('New')}.ab12"}


def test_a_folder_that_cannot_be_written(tmp_path, recording):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable):
        ReferenceShelf(tmp_path / "file" / "voices").create("Marie", recording, YES)


def test_the_facts_are_readable_by_people(shelf, recording):
    voice = shelf.create("Zoé", recording, YES)
    facts = json.loads((shelf.folder / voice.id / "voice.json").read_text(encoding="utf-8"))
    assert facts["name"] == "Zoé"
    assert facts["consent_text"] == "I agree"
