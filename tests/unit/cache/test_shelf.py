from __future__ import annotations

import math
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from portevoix.cache.shelf import Shelf, remove_index
from tests.hand_clock import HandClock
from tests.recordings import recording

ONE, OTHER = recording(), recording(hertz=880)
ONE_BYTES = len(ONE.to_bytes())


class TimedShelf(Shelf):
    """A shelf that takes the time of a recording from its clock."""

    def put(self, key, recording):
        super().put(key, recording, self._clock())


class Shelves:
    """Open shelves in one folder, and close them at the end."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.clock = HandClock()
        self.opened = []

    def open(self, entries=3, ttl_seconds=math.inf):
        shelf = TimedShelf(self.folder, entries * ONE_BYTES, ttl_seconds, self.clock, lock_seconds=0)
        self.opened.append(shelf)
        return shelf

    def files(self):
        return sorted(path for path in (self.folder / "recordings").rglob("*") if path.is_file())

    def close(self):
        for shelf in self.opened:
            shelf.close()


@pytest.fixture
def shelves(tmp_path):
    shelves = Shelves(tmp_path / "speech")
    yield shelves
    shelves.close()


def found(shelf, keys):
    return "".join(key for key in keys if shelf.get(key))


def test_what_was_kept_is_found_with_its_age(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    shelves.clock.seconds += 7
    assert shelf.get("a") == (ONE, 7)
    assert shelf.get("b") is None


def test_it_survives_a_restart(shelves):
    shelves.open().put("a", ONE)
    shelves.close()
    assert shelves.open().get("a") == (ONE, 0)


def test_two_at_once_see_each_other(shelves):
    one, other = shelves.open(), shelves.open()
    one.put("a", ONE)
    assert other.get("a")
    other.put("a", OTHER)
    assert one.get("a") == (OTHER, 0)
    other.clear()
    assert one.get("a") is None


def test_opening_waits_for_others_that_write_in_a_new_index(tmp_path):
    def write_often(path, gate):
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as index:
            gate.wait()
            for _ in range(300):
                index.execute("BEGIN IMMEDIATE")
                index.execute("COMMIT")

    for number in range(20):
        gate = threading.Barrier(2)
        writer = threading.Thread(target=write_often, args=(tmp_path / str(number) / "index.sqlite", gate))
        (tmp_path / str(number)).mkdir()
        writer.start()
        gate.wait()
        try:
            Shelf(tmp_path / str(number), ONE_BYTES, math.inf, HandClock(), lock_seconds=30).close()
        finally:
            writer.join()


def test_the_one_used_longest_ago_makes_room(shelves):
    shelf = shelves.open(3)
    for key in "abc":
        shelf.put(key, ONE)
    shelf.get("a")
    shelf.put("d", ONE)
    assert found(shelf, "abcd") == "acd"
    assert (shelf.entries, shelf.bytes, shelf.evictions) == (3, 3 * ONE_BYTES, 1)
    assert len(shelves.files()) == 3


def test_the_order_of_use_survives_a_restart(shelves):
    shelf = shelves.open(3)
    for key in "abc":
        shelf.put(key, ONE)
    shelf.get("a")
    shelf.close()
    shelf = shelves.open(3)
    shelf.put("d", ONE)
    assert found(shelf, "abcd") == "acd"


def test_a_look_up_waits_for_no_lock(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    with closing(sqlite3.connect(shelves.folder / "index.sqlite", isolation_level=None)) as index:
        index.execute("BEGIN IMMEDIATE")
        for _ in range(200):
            assert shelf.get("a")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            shelf.put("b", ONE)


def test_a_lower_bound_holds_at_once(shelves):
    shelf = shelves.open(3)
    for key in "abc":
        shelf.put(key, ONE)
    assert found(shelves.open(1), "abc") == "c"
    assert len(shelves.files()) == 1


def test_one_that_is_too_large_is_not_kept_and_evicts_nobody(shelves):
    shelf = shelves.open(3)
    shelf.put("a", ONE)
    shelf.put("big", recording(10.0))
    assert shelf.get("big") is None
    assert shelf.get("a")


def test_age_is_bounded_across_a_restart(shelves):
    shelves.open(ttl_seconds=60).put("a", ONE)
    shelves.close()
    shelves.clock.seconds += 59
    shelf = shelves.open(ttl_seconds=60)
    assert shelf.get("a") == (ONE, 59)
    shelves.clock.seconds += 1
    assert shelf.get("a") is None
    shelves.close()
    assert shelves.open(ttl_seconds=60).entries == 0
    assert shelves.files() == []


def test_a_clock_that_went_back_gives_no_negative_age(shelves):
    shelf = shelves.open(ttl_seconds=60)
    shelf.put("a", ONE)
    shelves.clock.seconds -= 500
    assert shelf.get("a") == (ONE, 0)


def test_a_new_recording_takes_the_place_of_the_old(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    shelf.put("a", OTHER)
    assert shelf.get("a") == (OTHER, 0)
    assert (shelf.entries, len(shelves.files())) == (1, 1)


@pytest.mark.parametrize("damage", [
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:100] + b"!" + path.read_bytes()[101:]),
    lambda path: path.write_bytes(OTHER.to_bytes()),
    Path.unlink,
])  # fmt: skip
def test_damage_is_never_served_and_heals(shelves, damage):
    shelf = shelves.open()
    shelf.put("a", ONE)
    damage(shelves.files()[0])
    assert shelf.get("a") is None
    shelf.put("a", ONE)
    assert shelf.get("a") == (ONE, 0)


def test_files_of_two_keys_are_not_swapped(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    first = shelves.files()[0]
    shelf.put("b", OTHER)
    second = next(path for path in shelves.files() if path != first)
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    assert found(shelf, "ab") == ""


def test_the_same_audio_under_two_keys_is_removed_by_itself(shelves):
    shelf = shelves.open(1)
    shelf.put("a", ONE)
    shelf.put("b", ONE)
    assert found(shelf, "ab") == "b"


def test_what_a_dead_process_left_is_swept_away(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    kept = shelves.files()
    for name in ("ab" * 32, "ab" * 32 + ".part"):
        path = shelves.folder / "recordings" / "ab" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left")
    shelves.open()
    assert shelves.files() == kept


def test_a_line_without_its_file_is_swept_away(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    shelves.files()[0].unlink()
    assert shelves.open().entries == 0


def test_other_files_are_left_alone(shelves):
    notes = [shelves.folder / "notes.txt", shelves.folder / "ab" / "notes.txt"]
    notes[1].parent.mkdir(parents=True)
    for note in notes:
        note.write_text("mine")
    shelves.open().clear()
    assert all(note.exists() for note in notes)


def test_clearing_removes_the_files(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    shelf.clear()
    assert (shelf.get("a"), shelf.entries, shelf.bytes, shelves.files()) == (None, 0, 0, [])


def test_an_index_of_another_layout_is_begun_anew(shelves):
    shelves.open().put("a", ONE)
    shelves.close()
    index = sqlite3.connect(shelves.folder / "index.sqlite")
    index.executescript("DROP TABLE recordings; CREATE TABLE recordings (x); PRAGMA user_version = 99")
    index.close()
    shelf = shelves.open()
    assert shelves.files() == []
    shelf.put("a", ONE)
    assert shelf.get("a")


def test_an_error_in_a_write_leaves_all_as_it_was(shelves):
    shelf = shelves.open()
    shelf.put("a", ONE)
    (kept,) = shelves.files()
    for number in range(256):
        folder = shelves.folder / "recordings" / f"{number:02x}"
        if folder != kept.parent:
            folder.write_text("in the way")
    with pytest.raises(FileExistsError):
        shelf.put("a", OTHER)
    assert shelf.get("a") == (ONE, 0)
    assert not list(shelves.folder.rglob("*.part"))


def test_removing_an_index_that_is_not_there_is_fine(tmp_path):
    remove_index(tmp_path)
