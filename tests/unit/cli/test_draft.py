from __future__ import annotations

import errno
from pathlib import Path

import pytest

from portevoix.cli.draft import Draft, refused
from portevoix.errors import DiskFull, NotWritable


def test_nobody_sees_a_file_before_it_is_whole(tmp_path):
    draft = Draft(tmp_path)
    draft.write(b"half")
    assert not (tmp_path / "out").exists()
    draft.write(b" and half")
    draft.patch(b"HALF")
    assert draft.publish(tmp_path / "out") == tmp_path / "out"
    assert (tmp_path / "out").read_bytes() == b"HALF and half"
    draft.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_new_file_takes_the_next_free_name(tmp_path):
    for name in ("a.wav", "a-1.wav"):
        (tmp_path / name).write_bytes(b"taken")
    draft = Draft(tmp_path)
    draft.write(b"mine")
    assert draft.publish_new(tmp_path / "a.wav") == tmp_path / "a-2.wav"
    assert (tmp_path / "a-2.wav").read_bytes() == b"mine"
    assert (tmp_path / "a.wav").read_bytes() == b"taken"


def test_a_discarded_draft_leaves_nothing(tmp_path):
    draft = Draft(tmp_path)
    draft.write(b"x")
    draft.discard()
    draft.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(NotWritable) as told:
        Draft(tmp_path / "nowhere")
    assert told.value.hint == "Create the folder first."


def test_a_folder_that_is_a_file_is_told_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable, match="not a directory"):
        Draft(tmp_path / "file")


def test_a_place_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "folder").mkdir()
    draft = Draft(tmp_path)
    with pytest.raises(NotWritable):
        draft.publish(tmp_path / "folder")
    draft.discard()


def test_a_full_disk_is_told():
    """`/dev/full` refuses every write as a full disk does."""
    draft = Draft(Path("/dev/shm"))
    draft.discard()
    draft._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the draft closes it
    with pytest.raises(DiskFull, match="the disk is full"):
        draft.write(b"x")
    draft.discard()


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, DiskFull, "Make room"),
        (errno.EDQUOT, DiskFull, "Make room"),
        (errno.EACCES, NotWritable, "may write to"),
        (errno.EROFS, NotWritable, "may write to"),
        (errno.ENAMETOOLONG, NotWritable, "another path"),
    ],
)
def test_what_the_system_says_becomes_an_error_of_the_house(number, kind, hint):
    error = refused(Path("x"), OSError(number, "Why not"))
    assert type(error) is kind
    assert hint in error.hint
