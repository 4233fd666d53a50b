"""The environments of heavy engines that are on this machine.

Each lies in a folder of its own name, put there whole by a rename, with a note of what it is inside: a folder with its
note and its interpreter is an environment, anything else is not.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from portevoix.errors import NotWritable
from portevoix.locks import drop_lock, is_locked, share_lock, take_lock
from portevoix.rooms.faults import RoomInUse

NOTE = "room.json"
PACKAGES = ".packages"
"""Where fetched packages are kept: environments share their files by hard links."""

BUILDING = ".building"
REMOVED = ".removed"


@dataclass(frozen=True, slots=True)
class Note:
    """Tell what an environment is.

    Attributes:
        name: its name.
        fingerprint: of the recipe that it was made by.
        python: version of its interpreter.
        packages: version of what was asked for, by name.
        device: what its PyTorch was built for, as `cpu` or `cu130`; "" without PyTorch.
        size_bytes: of all its files, as if it shared none.
    """

    name: str
    fingerprint: str = ""
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    size_bytes: int = 0

    def write(self, folder: Path) -> None:
        """Put it into an environment's folder."""
        (folder / NOTE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Note | None:
        """Return the note in a folder, or None where there is none that can be understood."""
        try:
            return cls(**json.loads((folder / NOTE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


class EnvironmentShelf:
    """Know and take away the environments in one folder; looks at the disk each time, so nothing needs a restart."""

    def __init__(self, folder: Path) -> None:
        """Look in `folder`, which is made when the first one is installed."""
        self.folder = folder

    def python(self, name: str) -> Path | None:
        """Return the interpreter of an environment, or None where it is not installed; two looks at the disk."""
        place = self.place(name)
        interpreter = interpreter_in(place)
        return interpreter if (place / NOTE).is_file() and interpreter.is_file() else None

    def note(self, name: str) -> Note | None:
        """Return what is known of an environment, or None where it is not installed."""
        return Note.read(self.place(name)) if self.python(name) else None

    def installed(self) -> tuple[Note, ...]:
        """Return what is here."""
        return tuple(note for name in self._names() if (note := self.note(name)) is not None)

    def place(self, name: str) -> Path:
        """Return where an environment lies, or would."""
        return self.folder / name

    def remove(self, name: str) -> int:
        """Take an environment away, with the packages that were fetched for it; return the bytes set free, about.

        Raises:
            RoomInUse: an engine runs in it, or it is being installed.
            NotWritable: the folder does not allow it.
        """
        with self.reserved(name):
            note = self.note(name)
            self.clear_away(name)
            if not any(self.folder.glob(f".*{BUILDING}")):
                shutil.rmtree(self.folder / PACKAGES, ignore_errors=True)
        return note.size_bytes if note else 0

    def clear_way(self, name: str) -> None:
        """Make sure that an environment could be put in its place; the caller has reserved it.

        Raises:
            RoomInUse: an engine runs in the one that is there.
        """
        if is_locked(self.place(name) / NOTE):
            raise RoomInUse(f"the environment {name} is in use", "an engine runs in it",
                            "Stop the server, or switch off the engines that run in it.")  # fmt: skip

    def clear_away(self, name: str) -> None:
        """Take away the environment, whole or not, that lies where `name` belongs; `reserved` is the caller's to hold.

        Raises:
            RoomInUse: an engine runs in it.
            NotWritable: the folder does not allow it.
        """
        self.clear_way(name)
        grave = self._grave(name)
        shutil.rmtree(grave, ignore_errors=True)
        with suppress(FileNotFoundError), _moving(self.folder):
            self.place(name).rename(grave)
        shutil.rmtree(grave, ignore_errors=True)

    def sweep(self) -> int:
        """Take away what installations left behind that were killed; return how many."""
        swept = 0
        for place in (*self.folder.glob(f".*{BUILDING}"), *self.folder.glob(f".*{REMOVED}")):
            name = place.name.removeprefix(".").removesuffix(BUILDING).removesuffix(REMOVED)
            with suppress(RoomInUse, NotWritable), self.reserved(name):
                shutil.rmtree(place, ignore_errors=True)
                swept += not place.exists()
        return swept

    @contextmanager
    def reserved(self, name: str) -> Iterator[None]:
        """Be the only process that changes an environment.

        Raises:
            RoomInUse: another one does.
            NotWritable: the folder does not allow it.
        """
        lock = self.reserve(name)
        if lock is None:
            raise RoomInUse(f"the environment {name} is being installed", hint="Wait until that has ended, or stop it.")
        try:
            yield
        finally:
            self.release(name, lock)

    def reserve(self, name: str) -> IO[bytes] | None:
        """Return the lock on an environment, for `release`; None while another process has it.

        Raises:
            NotWritable: the folder does not allow it.
        """
        with _moving(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            return take_lock(self._lock_path(name))

    def release(self, name: str, lock: IO[bytes]) -> None:
        """Give back what `reserve` returned."""
        drop_lock(lock, self._lock_path(name))

    def building(self, name: str) -> Path:
        """Return where an environment lies while it is not whole."""
        return self.folder / f".{name}{BUILDING}"

    def publish(self, name: str) -> None:
        """Put what was built in its place, instead of what is there; the caller has reserved it.

        Raises:
            RoomInUse: an engine runs in what is there.
            NotWritable: the folder does not allow it.
        """
        self.clear_away(name)
        with _moving(self.folder):
            self.building(name).rename(self.place(name))

    def _names(self) -> list[str]:
        with suppress(OSError):
            return sorted(entry.name for entry in os.scandir(self.folder) if not entry.name.startswith("."))
        return []

    def _grave(self, name: str) -> Path:
        return self.folder / f".{name}{REMOVED}"

    def _lock_path(self, name: str) -> Path:
        return self.folder / f".{name}.lock"


def interpreter_in(environment: Path) -> Path:
    """Return where an environment has its interpreter."""
    return environment / "Scripts" / "python.exe" if os.name == "nt" else environment / "bin" / "python"


def install_command(engine: str) -> str:
    """Return what makes an engine available when somebody types it."""
    return f"portevoix engines install {engine}"


def occupy(environment: str = sys.prefix) -> IO[bytes] | None:
    """Mark the environment that this process runs in as used, until the returned file is closed or the process ends.

    Return None where it is none of ours.
    """
    try:
        note = (Path(environment) / NOTE).open("rb")
    except OSError:
        return None
    with suppress(OSError):
        share_lock(note)
    return note


@contextmanager
def _moving(folder: Path) -> Iterator[None]:
    """Translate what a disk says."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotWritable(f"{folder} cannot be written", error.strerror or str(error),
                          "Correct its permissions, or set rooms.folder to another one.") from error  # fmt: skip
