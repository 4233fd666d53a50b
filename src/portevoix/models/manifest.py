"""What a fetched folder is made of: written beside its files, so that it can be continued and verified by itself."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from portevoix.models.checksums import checksum
from portevoix.models.hub import Hub
from portevoix.models.order import Listing, OrderedFile

MANIFEST = "portevoix.json"


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as the hub states it.

    Attributes:
        path: below the folder, with slashes.
        size_bytes: its size.
        sha256: its checksum in hex, or "" for small files.
        blob: git's checksum of it in hex, or "" for large ones.
    """

    path: str
    size_bytes: int
    sha256: str = ""
    blob: str = ""

    @property
    def known(self) -> tuple[str, str]:
        """Return the best checksum and how it is made, two empty texts where there is none."""
        return (self.sha256, "sha256") if self.sha256 else (self.blob, "blob" if self.blob else "")

    def fits(self, folder: Path) -> bool:
        """Tell whether it is in a folder in the right size."""
        with suppress(OSError):
            return (folder / self.path).stat().st_size == self.size_bytes
        return False

    def is_sound(self, folder: Path) -> bool:
        """Read it and tell whether it is as published."""
        expected, algorithm = self.known
        return self.fits(folder) and (not algorithm or checksum(folder / self.path, algorithm) == expected)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All files of one folder, of one commit.

    Attributes:
        repository: `owner/name` on the hub.
        commit: 40 hex digits.
        files: in the order of fetching, the smallest first.
    """

    repository: str
    commit: str
    files: tuple[ListedFile, ...]

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return the manifest in a folder, or None where there is none that can be understood."""
        try:
            content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            files = tuple(ListedFile(**file) for file in content.pop("files"))
            return cls(files=files, **content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, folder: Path) -> None:
        """Put it into a folder."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def serves(self, listing: Listing) -> bool:
        """Tell whether it is one of what is wanted, so that the hub need not be asked again."""
        has = {file.path for file in self.files}
        is_same = self.repository == listing.repository and listing.revision in (self.commit, "main")
        return is_same and has.issuperset(listing.required)

    def ordered(self, folder: Path, listing: Listing) -> tuple[OrderedFile, ...]:
        """Return its files as an order into a folder."""
        hub = Hub(listing.endpoint)
        return tuple(
            OrderedFile(hub.url(self.repository, self.commit, file.path), str(folder / file.path), file.size_bytes,
                        file.sha256, blob=file.blob)
            for file in self.files
        )  # fmt: skip

    def is_whole(self, folder: Path) -> bool:
        """Tell whether all its files are in a folder in the right sizes."""
        return all(file.fits(folder) for file in self.files)

    def discard_others(self, folder: Path) -> None:
        """Take away the files of a folder that bear a listed name and are another file."""
        for file in self.files:
            if (folder / file.path).is_file() and not file.is_sound(folder):
                (folder / file.path).unlink()
