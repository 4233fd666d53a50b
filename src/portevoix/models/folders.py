"""Models that are folders of files: which are there, whether they are whole, and taking them away."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

from portevoix.errors import ModelMissing, NotAllowed, NotWritable
from portevoix.models.catalogue import Model, is_safe_name
from portevoix.models.faults import ModelUnknown
from portevoix.models.hub import Hub
from portevoix.models.locks import is_fetching_into, require_free
from portevoix.models.manifest import ListedFile, Manifest
from portevoix.models.order import INCOMPLETE, Listing, Order
from portevoix.models.store import OLD_SECONDS, Verdict

LEFT = (f"*{INCOMPLETE}", ".*.replaced", ".*.gone")
"""What a fetch or a removal that was cut leaves."""


class FolderStore:
    """Keep models in one folder, each in one of its own name; links are not followed out of it."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made when the first one is fetched."""
        self.folder = folder

    def place(self, model: Model) -> Path:
        """Return where a model's folder lies, or would."""
        return self.folder / model.name

    def places(self, model: Model) -> tuple[Path, ...]:
        """Return the same, in the shape that `Store` has."""
        return (self.place(model),)

    def has(self, model: Model) -> bool:
        """Tell whether all files of a model are there, in the right size where that is known."""
        place = self.place(model)
        if not place.is_dir() or place.is_symlink():
            return False
        return all(file.fits(place) if file.size_bytes else (place / file.path).is_file()
                   for file in self._files(model))  # fmt: skip

    def knows(self, name: str) -> bool:
        """Tell whether anything of a model is here, whole or not."""
        return is_safe_name(name) and any(
            path.is_dir() or path.is_symlink() for path in (self.folder / name, self._arriving(name))
        )

    def arrived_bytes(self, model: Model) -> int:
        """Return how much of a model lies there unfinished."""
        return _size_of(self._arriving(model.name))

    def size_bytes(self, model: Model) -> int:
        """Return the size of a model: as its manifest tells it, else as the catalogue does."""
        manifest = Manifest.read(self.place(model)) or Manifest.read(self._arriving(model.name))
        return sum(file.size_bytes for file in manifest.files) if manifest is not None else model.size_bytes

    def order(self, model: Model, hub: Hub, *, spare_bytes: int, patience_seconds: float) -> Order:
        """Return what has to be fetched to have a model."""
        known = tuple((file.path, file.sha256) for file in model.files if file.sha256)
        listing = Listing(hub.endpoint, model.repository, model.revision, tuple(file.path for file in model.files),
                          model.also, model.either, known)  # fmt: skip
        place = str(self.place(model).absolute())
        return Order(model.name, (), hub.token, patience_seconds, spare_bytes, listing, place)

    def verify(self, model: Model) -> tuple[Verdict, ...]:
        """Read all files of a model, which takes a while, and compare them with what the hub stated.

        Raises:
            ModelMissing: it, or a file of it, is not there.
            NotAllowed: it leads out of the store.
        """
        place = self.place(model)
        _require_inside(place, self.folder)
        for file in self._files(model):
            if not (place / file.path).is_file():
                raise ModelMissing(f"{model.name} is not on this machine", f"there is no {place / file.path}",
                                   f"Fetch it: portevoix models get {model.name}")  # fmt: skip
            _require_inside(place / file.path, self.folder)
        return tuple(_verdict(place, file) for file in self._files(model))

    def remove(self, name: str) -> int:
        """Take away a model, whole or not; return the bytes set free. A link is taken away, not what it leads to.

        Raises:
            ModelUnknown: the name is no name of a model.
            ModelMissing: nothing of it is there.
            ModelInUse: some program is fetching it.
            NotWritable: the folder does not allow it.
        """
        if not is_safe_name(name):
            raise ModelUnknown(f"{name[:80]!r} is no name of a model", param="name")
        if not self.knows(name):
            raise ModelMissing(f"{name} is not in {self.folder}", hint="`portevoix models list` shows what is.")
        there = [path for path in (self.folder / name, self._arriving(name)) if path.is_dir() or path.is_symlink()]
        require_free(self.folder, name)
        freed = sum(map(_size_of, there))
        try:
            for path in there:
                _take_away(path)
            (self.folder / f".{name}.lock").unlink(missing_ok=True)
        except OSError as error:
            raise NotWritable(f"{name} cannot be removed", error.strerror or "", f"Correct {self.folder}.") from error
        return freed

    def sweep(self, now: float | None = None) -> int:
        """Take away what nobody has continued for 30 days, counted to `now` in Unix seconds; return how much."""
        now = time.time() if now is None else now
        swept = 0
        if is_fetching_into(self.folder):
            return swept
        for path in (path for pattern in LEFT for path in self.folder.glob(pattern)):
            with suppress(OSError):
                newest = max((one.stat().st_mtime for one in [path, *path.rglob("*")]), default=0.0)
                if now - newest > OLD_SECONDS:
                    _take_away(path)
                    swept += 1
        return swept

    def _arriving(self, name: str) -> Path:
        return self.folder / f"{name}{INCOMPLETE}"

    def _files(self, model: Model) -> tuple[ListedFile, ...]:
        """Return what a model is made of: by its own manifest, else as far as the catalogue knows."""
        manifest = Manifest.read(self.place(model))
        if manifest is not None and all(map(_is_inside, manifest.files)):
            return manifest.files
        return tuple(ListedFile(file.path, file.size_bytes, file.sha256) for file in model.files)


def _is_inside(file: ListedFile) -> bool:
    return all(map(is_safe_name, file.path.split("/")))


def _require_inside(place: Path, folder: Path) -> None:
    if not place.resolve().is_relative_to(folder.resolve()):
        raise NotAllowed(f"{place.name} leads out of {folder}", "it is a link", "Put the files themselves there.")


def _verdict(place: Path, file: ListedFile) -> Verdict:
    path = place / file.path
    if not file.size_bytes:
        return Verdict(path, is_sound=True, found="nothing known")
    if not file.fits(place):
        return Verdict(path, is_sound=False, found=f"{path.stat().st_size} bytes in place of {file.size_bytes}")
    _, algorithm = file.known
    if not algorithm:
        return Verdict(path, is_sound=True, found="size fits")
    is_sound = file.is_sound(place)
    return Verdict(path, is_sound, f"whole ({algorithm})" if is_sound else f"damaged: its {algorithm} is another")


def _take_away(path: Path) -> None:
    """Remove a folder so that at no time half of it is in its place."""
    if path.is_symlink():
        path.unlink()
        return
    leaving = path.with_name(f".{path.name}.gone")
    shutil.rmtree(leaving, ignore_errors=True)
    path.rename(leaving)
    shutil.rmtree(leaving)


def _size_of(folder: Path) -> int:
    """Return the bytes in a folder; of a link its own."""
    try:
        if folder.is_symlink():
            return folder.lstat().st_size
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    except OSError:
        return 0
