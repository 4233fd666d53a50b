"""A file that is written beside its place and moved there when it is whole."""

from __future__ import annotations

import errno
import itertools
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from portevoix.errors import DiskFull, MachineError, NotWritable

if TYPE_CHECKING:
    from pathlib import Path


class Draft:
    """Hold a file that is being written; nobody sees it under its name before it is published."""

    def __init__(self, folder: Path) -> None:
        """Create the file in `folder`, so that it is known at once whether there can be one.

        Raises:
            NotWritable: the folder is not there, or takes no files.
            DiskFull: there is no room.
        """
        self._path = folder / f".portevoix-{secrets.token_hex(6)}.part"
        try:
            self._file: BinaryIO = self._path.open("xb")
        except OSError as error:
            raise refused(folder.absolute(), error) from error

    def write(self, content: bytes) -> None:
        """Append to the file.

        Raises:
            DiskFull: there is no room.
            NotWritable: it cannot be written any more.
        """
        try:
            self._file.write(content)
        except OSError as error:
            raise refused(self._path.parent, error) from error

    def patch(self, content: bytes) -> None:
        """Overwrite the file's beginning. Raises as `write`."""
        try:
            self._file.flush()
            self._file.seek(0)
            self._file.write(content)
        except OSError as error:
            raise refused(self._path.parent, error) from error

    def publish(self, target: Path) -> Path:
        """Move the file to `target`, in place of what may be there, and return that path. Raises as `write`."""
        self._finish()
        try:
            self._path.replace(target)
        except OSError as error:
            raise refused(target, error) from error
        return target

    def publish_new(self, target: Path) -> Path:
        """Move the file to `target` or, where that is taken, to the next free `target-1`, `target-2` …; returns it.

        Raises as `write`.
        """
        self._finish()
        names = itertools.chain([target.name], (f"{target.stem}-{n}{target.suffix}" for n in itertools.count(1)))
        for name in names:
            place = target.with_name(name)
            if self._claims(place):
                return place
        raise AssertionError("there is no end of names")

    def discard(self) -> None:
        """Remove the file; safe to call again, and after it was published."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink()

    def _finish(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise refused(self._path.parent, error) from error

    def _claims(self, place: Path) -> bool:
        """Move the file to `place` unless that is taken; two processes never get the same name."""
        try:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            self._path.replace(place)
        except FileExistsError:
            return False
        except OSError as error:
            raise refused(place, error) from error
        return True


def refused(path: Path, error: OSError) -> MachineError:
    """Return the error for a path that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{path} cannot be written", "the disk is full", "Make room, or choose another disk.")
    hints = {
        errno.ENOENT: "Create the folder first.",
        errno.EACCES: "Choose a folder that you may write to.",
        errno.EPERM: "Choose a folder that you may write to.",
        errno.EROFS: "Choose a folder that you may write to.",
    }
    hint = hints.get(error.errno or 0, "Choose another path.")
    return NotWritable(f"{path} cannot be written", (error.strerror or str(error)).lower(), hint)
