from __future__ import annotations

import sys

import pytest

from portevoix.errors import NotWritable
from portevoix.locks import take_lock
from portevoix.rooms.environments import (
    NOTE,
    EnvironmentShelf,
    Note,
    install_command,
    interpreter_in,
    occupy,
)
from portevoix.rooms.faults import RoomInUse
from tests.rooms import tenancy


def put(folder, name="small", *, has_note=True, has_python=True):
    place = folder / name
    interpreter_in(place).parent.mkdir(parents=True)
    if has_python:
        interpreter_in(place).symlink_to(sys.executable)
    if has_note:
        Note(name, "abc", "3.11.7", {"voix": "1.0"}, "cpu", 17).write(place)
    return place


def test_one_that_is_whole_is_there_and_appears_without_being_told(tmp_path):
    shelf = EnvironmentShelf(tmp_path)
    assert (shelf.python("small"), shelf.note("small"), shelf.installed()) == (None, None, ())
    place = put(tmp_path)
    assert shelf.python("small") == interpreter_in(place)
    assert shelf.note("small") == Note("small", "abc", "3.11.7", {"voix": "1.0"}, "cpu", 17)
    assert [note.name for note in shelf.installed()] == ["small"]


def test_one_without_note_or_interpreter_is_none(tmp_path):
    put(tmp_path, "no-note", has_note=False)
    put(tmp_path, "no-python", has_python=False)
    interpreter = interpreter_in(put(tmp_path, "python-gone", has_python=False))
    interpreter.symlink_to(tmp_path / "uninstalled")
    assert EnvironmentShelf(tmp_path).installed() == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what": 1}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path, text):
    (put(tmp_path) / NOTE).write_text(text)
    assert EnvironmentShelf(tmp_path).note("small") is None
    assert EnvironmentShelf(tmp_path).installed() == ()


def test_it_is_removed_with_what_was_fetched_for_it(tmp_path):
    put(tmp_path)
    (tmp_path / ".packages").mkdir()
    assert EnvironmentShelf(tmp_path).remove("small") == 17
    assert list(tmp_path.iterdir()) == []
    assert EnvironmentShelf(tmp_path).remove("small") == 0


def test_what_another_one_is_being_built_of_stays(tmp_path):
    put(tmp_path)
    (tmp_path / ".packages").mkdir()
    (tmp_path / ".other.building").mkdir()
    EnvironmentShelf(tmp_path).remove("small")
    assert (tmp_path / ".packages").is_dir()


def test_one_that_is_being_changed_is_left_alone(tmp_path):
    put(tmp_path)
    shelf = EnvironmentShelf(tmp_path)
    lock = shelf.reserve("small")
    with pytest.raises(RoomInUse):
        shelf.remove("small")
    other = shelf.reserve("other")
    assert other is not None
    shelf.release("other", other)
    shelf.release("small", lock)
    shelf.remove("small")


def test_one_in_which_a_process_runs_is_left_alone_until_it_ends(tmp_path):
    place = put(tmp_path)
    shelf = EnvironmentShelf(tmp_path)
    with tenancy(sys.executable, str(place)) as tenant:
        with pytest.raises(RoomInUse, match="an engine runs in it"):
            shelf.remove("small")
        tenant.kill()
    assert shelf.remove("small") == 17


def test_what_is_no_environment_of_ours_cannot_be_occupied(tmp_path):
    assert occupy(str(tmp_path)) is None


def test_leftovers_are_swept_unless_somebody_works_on_them(tmp_path):
    for name in (".dead.building", ".old.removed", ".alive.building"):
        (tmp_path / name / "deep").mkdir(parents=True)
    put(tmp_path)
    lock = take_lock(tmp_path / ".alive.lock")
    shelf = EnvironmentShelf(tmp_path)
    assert shelf.sweep() == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".alive.building", ".alive.lock", "small"]
    lock.close()
    assert shelf.sweep() == 1
    assert shelf.sweep() == EnvironmentShelf(tmp_path / "none").sweep() == 0
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotWritable):
        EnvironmentShelf(tmp_path / "file").remove("small")


def test_the_command_is_exact():
    assert install_command("chatterbox") == "portevoix engines install chatterbox"
