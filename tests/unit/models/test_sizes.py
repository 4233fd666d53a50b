from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.models.sizes import size_of

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_not_there_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"four")
    (tmp_path / "astray").symlink_to(tmp_path / "nowhere")
    assert [size_of(tmp_path / name) for name in ("file", "astray", "none", "file/below")] == [4, 0, 0, 0]
