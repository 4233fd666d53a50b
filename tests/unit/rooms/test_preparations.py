import os

import pytest

from portevoix.rooms.preparations import Preparations

DIGEST = "ab" * 32


def preparations(tmp_path, **facts):
    return Preparations(tmp_path / "voices", "model1", ".pt", **facts)


def test_a_recording_is_prepared_once(tmp_path):
    made = []

    def make(path):
        made.append(path)
        path.write_bytes(b"prepared")

    for _ in range(2):
        assert preparations(tmp_path).path(DIGEST, make).read_bytes() == b"prepared"
    assert len(made) == 1
    assert [path.name for path in (tmp_path / "voices").iterdir()] == [f"model1-{DIGEST}.pt"]


def test_another_model_prepares_it_for_itself(tmp_path):
    paths = {Preparations(tmp_path, model, ".pt").path(DIGEST, lambda path: path.touch()) for model in ("a", "b")}
    assert len(paths) == 2


def test_a_preparation_that_fails_leaves_nothing(tmp_path):
    def make(path):
        path.write_bytes(b"half")
        raise ValueError("no voice in it")

    with pytest.raises(ValueError, match="no voice"):
        preparations(tmp_path).path(DIGEST, make)
    assert not list((tmp_path / "voices").iterdir())


def test_one_that_cannot_be_read_is_made_anew(tmp_path):
    kept = preparations(tmp_path)
    kept.path(DIGEST, lambda path: path.write_bytes(b"cut"))

    def read(path):
        content = path.read_bytes()
        if content == b"cut":
            raise EOFError
        return content

    assert kept.read(DIGEST, lambda path: path.write_bytes(b"whole"), read) == b"whole"


def test_those_that_were_used_longest_ago_go(tmp_path):
    kept = preparations(tmp_path, most=2)
    for number, digest in enumerate("123"):
        path = kept.path(digest, lambda path: path.touch())
        os.utime(path, (number, number))
        kept.path(digest, lambda path: path.touch()) if digest == "1" else None
    kept.path("4", lambda path: path.touch())
    names = sorted(path.name for path in (tmp_path / "voices").iterdir())
    assert len(names) == 2
    assert "model1-4.pt" in names
    assert "model1-1.pt" in names
