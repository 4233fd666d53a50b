from __future__ import annotations

import os
import subprocess
import sys

import pytest

from portevoix.rooms.scratch import ScratchFolder


def test_a_folder_is_private_and_gone_afterwards(tmp_path):
    folder = ScratchFolder(tmp_path / "new")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "speech.wav").write_bytes(b"x")
    folder.close()
    folder.close()
    assert list((tmp_path / "new").iterdir()) == []


def test_folders_of_the_living_stay(tmp_path):
    first, second = ScratchFolder(tmp_path), ScratchFolder(tmp_path)
    assert first.path.is_dir()
    assert first.path != second.path
    first.close()
    second.close()


def test_a_folder_whose_owner_was_killed_is_swept_by_the_next(tmp_path):
    script = f"""
import os, pathlib
from portevoix.rooms.scratch import ScratchFolder
folder = ScratchFolder(pathlib.Path({str(tmp_path)!r}))
(folder.path / "speech.wav").write_bytes(b"x")
os.kill(os.getpid(), 9)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert len(list(tmp_path.glob("*/speech.wav"))) == 1
    folder = ScratchFolder(tmp_path)
    assert list(tmp_path.glob("*/speech.wav")) == []
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ScratchFolder(tmp_path / "file")
