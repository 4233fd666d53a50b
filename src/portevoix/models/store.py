"""Models on disk: which are there, whether they are whole, and taking them away."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from portevoix.errors import ModelMissing, NotWritable
from portevoix.models.catalogue import Model, ModelFile, is_safe_name
from portevoix.models.checksums import checksum
from portevoix.models.faults import ModelUnknown
from portevoix.models.hub import Hub
from portevoix.models.locks import is_fetching_into, require_free
from portevoix.models.order import INCOMPLETE, Order, OrderedFile
from portevoix.models.sizes import size_of

OLD_SECONDS = 30 * 86_400.0
"""Age of a part that nobody continues."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say whether one file is as it was published.

    Attributes:
        path: the file.
        is_sound: nothing contradicts what is known of it.
        found: `whole` (checksum), `size fits` (no checksum is known), `nothing known`, or what is wrong.
    """

    path: Path
    is_sound: bool
    found: str


class Store:
    """Keep models in one folder."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made when the first one is fetched."""
        self.folder = folder

    def places(self, model: Model) -> tuple[Path, ...]:
        """Return where a model's files lie, or would."""
        return tuple(self.folder / file.name for file in model.files)

    def has(self, model: Model) -> bool:
        """Tell whether all files of a model are there, in the right size where that is known."""
        return all(_fits(self.folder / file.name, file) for file in model.files)

    def arrived_bytes(self, model: Model) -> int:
        """Return how much of a model lies there unfinished."""
        return sum(size_of(self.folder / f"{file.name}{INCOMPLETE}") for file in model.files)

    def size_bytes(self, model: Model) -> int:
        """Return the size of a model, 0 where it is not known."""
        return model.size_bytes

    def order(self, model: Model, hub: Hub, *, spare_bytes: int, patience_seconds: float) -> Order:
        """Return what has to be fetched to have a model."""
        files = tuple(
            OrderedFile(hub.url(model.repository, model.revision, file.path), str(self.folder / file.name),
                        file.size_bytes, file.sha256, file.md5)
            for file in model.files
        )  # fmt: skip
        return Order(model.name, files, hub.token, patience_seconds, spare_bytes)

    def verify(self, model: Model) -> tuple[Verdict, ...]:
        """Read all files of a model, which takes a while, and compare them with what is known.

        Raises:
            ModelMissing: a file is not there.
        """
        for place in self.places(model):
            if not place.is_file():
                raise ModelMissing(f"{model.name} is not on this machine", f"there is no {place}",
                                   f"Fetch it: portevoix models get {model.name}")  # fmt: skip
        return tuple(_verdict(self.folder / file.name, file) for file in model.files)

    def remove(self, name: str) -> int:
        """Take away a voice's files, whole or not, also one that somebody else put there; return the bytes set free.

        Raises:
            ModelUnknown: the name is no name of a voice.
            ModelMissing: nothing of it is there.
            ModelInUse: some program is fetching it.
            NotWritable: the folder does not allow it.
        """
        if not is_safe_name(name):
            raise ModelUnknown(f"{name[:80]!r} is no name of a model", param="name")
        whole = [self.folder / f"{name}.onnx", self.folder / f"{name}.onnx.json"]
        parts = [path.with_name(f"{path.name}{INCOMPLETE}") for path in whole]
        paths = [*whole, *parts, self.folder / f".{name}.lock"]
        there = [path for path in paths if path.is_file() or path.is_symlink()]
        if not there:
            raise ModelMissing(f"{name} is not in {self.folder}", hint="`portevoix models list` shows what is.")
        require_free(self.folder, name)
        freed = sum(path.lstat().st_size for path in there)
        try:
            for path in there:
                path.unlink()
        except OSError as error:
            raise NotWritable(f"{name} cannot be removed", error.strerror or "", f"Correct {self.folder}.") from error
        return freed

    def sweep(self, now: float | None = None) -> int:
        """Take away parts that nobody has continued for 30 days, counted to `now` in Unix seconds; return how many."""
        now = time.time() if now is None else now
        swept = 0
        if is_fetching_into(self.folder):
            return swept  # its files may look old where the clock has been put forward
        for path in {*self.folder.glob(f"*{INCOMPLETE}"), *self.folder.glob(".*.lock")}:
            with suppress(OSError):
                if now - path.stat().st_mtime > OLD_SECONDS:
                    path.unlink()
                    swept += 1
        return swept


def _fits(path: Path, file: ModelFile) -> bool:
    size = size_of(path)
    return size > 0 and size == (file.size_bytes or size)


def _verdict(path: Path, file: ModelFile) -> Verdict:
    if not _fits(path, file):
        return Verdict(path, is_sound=False, found=f"{path.stat().st_size} bytes in place of {file.size_bytes}")
    algorithm = "sha256" if file.sha256 else "md5" if file.md5 else ""
    if not algorithm:
        return Verdict(path, is_sound=True, found="size fits" if file.size_bytes else "nothing known")
    is_sound = checksum(path, algorithm) == (file.sha256 or file.md5)
    return Verdict(path, is_sound, f"whole ({algorithm})" if is_sound else f"damaged: its {algorithm} is another")
