from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from portevoix.errors import ModelMissing
from portevoix.models.catalogue import Model, ModelFile
from portevoix.models.faults import ModelUnknown
from portevoix.models.hub import Hub
from portevoix.models.store import OLD_SECONDS, Store

CONTENT = b"network"
MODEL = Model("voix", "piper", "a/b", "main", (
    ModelFile("fr/voix.onnx.json"), ModelFile("fr/voix.onnx", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()),
))  # fmt: skip


def filled(folder: Path, content: bytes = CONTENT) -> Store:
    (folder / "voix.onnx.json").write_bytes(b"{}")
    (folder / "voix.onnx").write_bytes(content)
    return Store(folder)


def test_a_model_is_there_when_all_its_files_are_in_the_right_size(tmp_path: Path) -> None:
    assert not Store(tmp_path / "none").has(MODEL)
    assert filled(tmp_path).has(MODEL)
    assert not filled(tmp_path, b"cut").has(MODEL)


def test_an_order_names_every_file_and_its_place(tmp_path: Path) -> None:
    order = Store(tmp_path).order(MODEL, Hub("http://h", "t"), spare_bytes=1, patience_seconds=2)
    assert [file.url for file in order.files] == ["http://h/a/b/resolve/main/fr/voix.onnx.json",
                                                  "http://h/a/b/resolve/main/fr/voix.onnx"]  # fmt: skip
    assert order.parse(order.line()) == order
    assert order.files[1].incomplete == tmp_path / "voix.onnx.incomplete"


def test_verifying_finds_what_is_damaged(tmp_path: Path) -> None:
    assert [verdict.found for verdict in filled(tmp_path).verify(MODEL)] == ["nothing known", "whole (sha256)"]
    assert [verdict.is_sound for verdict in filled(tmp_path, b"networK").verify(MODEL)] == [True, False]
    assert "3 bytes in place of 7" in filled(tmp_path, b"cut").verify(MODEL)[1].found
    with pytest.raises(ModelMissing, match="not on this machine"):
        Store(tmp_path / "none").verify(MODEL)


def test_removing_takes_the_parts_as_well_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "voix.onnx.incomplete").write_bytes(b"12")
    (tmp_path / "autre.onnx").write_bytes(b"1")
    assert store.remove("voix") == len(CONTENT) + 2 + 2
    assert [path.name for path in tmp_path.iterdir()] == ["autre.onnx"]
    with pytest.raises(ModelMissing):
        store.remove("voix")


def test_removing_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"1")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "voix.onnx").symlink_to(target)
    Store(tmp_path / "store").remove("voix")
    assert target.exists()


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "C:\\x", ".hidden", "\\\\host\\share", "NUL", "con.x", "COM1"]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnknown):
        Store(tmp_path).remove(name)


def test_parts_that_nobody_continues_are_swept(tmp_path: Path) -> None:
    old, new = tmp_path / "a.onnx.incomplete", tmp_path / "b.onnx.incomplete"
    for path in (old, new, tmp_path / "voix.onnx"):
        path.write_bytes(b"1")
        os.utime(path, (1000.0, 1000.0))
    os.utime(new, (OLD_SECONDS, OLD_SECONDS))
    assert Store(tmp_path).sweep(now=OLD_SECONDS + 2000) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.onnx.incomplete", "voix.onnx"]
