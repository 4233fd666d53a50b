"""What is to be fetched, as the fetching process is told it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INCOMPLETE = ".incomplete"


@dataclass(frozen=True, slots=True)
class OrderedFile:
    """One file.

    Attributes:
        url: where it is asked for.
        path: where it is to lie in the end, as text.
        size_bytes: its size; 0 when it is not known.
        sha256: its checksum in hex, or "".
        md5: likewise; counts only where no better one is known.
        blob: git's checksum of it in hex, or "".
    """

    url: str
    path: str
    size_bytes: int = 0
    sha256: str = ""
    md5: str = ""
    blob: str = ""

    @property
    def place(self) -> Path:
        """Return where it is to lie."""
        return Path(self.path)

    @property
    def incomplete(self) -> Path:
        """Return where it lies while it is not whole."""
        return self.place.with_name(f"{self.place.name}{INCOMPLETE}")


@dataclass(frozen=True, slots=True)
class Listing:
    """Say which files of a repository are wanted; which it has, with their sizes and checksums, it tells itself.

    Attributes:
        endpoint: address of the hub.
        repository: `owner/name`.
        revision: commit, tag or branch.
        required: paths of files that must be there.
        also: patterns of those that are taken as well where they are there.
        either: of each of these the first that is there is taken, and one must be there.
        sha256: checksums that are known before, by path.
    """

    endpoint: str
    repository: str
    revision: str
    required: tuple[str, ...]
    also: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()
    sha256: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """All files of one model, put in their places together when all have arrived.

    Attributes:
        name: what it is called in messages.
        files: the files, all in one folder, in the order in which they are put there; none where there is a listing.
        token: for the host of the URLs, and no other, or "".
        patience_seconds: longest silence of the other side before the process asks again.
        spare_bytes: room that is to be left on the disk.
        listing: the files of a repository, put as a whole into `folder`.
        folder: where that is to lie in the end, as text.
    """

    name: str
    files: tuple[OrderedFile, ...]
    token: str = ""
    patience_seconds: float = 7.0
    spare_bytes: int = 50_000_000
    listing: Listing | None = None
    folder: str = ""

    @property
    def final(self) -> Path:
        """Return where the folder is to lie."""
        return Path(self.folder)

    @property
    def arriving(self) -> Path:
        """Return where the folder lies while it is not whole."""
        return self.final.with_name(f"{self.final.name}{INCOMPLETE}")

    @property
    def parent(self) -> Path:
        """Return the folder in which things are put."""
        return self.final.parent if self.listing is not None else self.files[0].place.parent

    @property
    def url(self) -> str:
        """Return what is asked first, for messages."""
        return self.listing.endpoint if self.listing is not None else self.files[0].url

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Return what `line` made a line of."""
        content = json.loads(line)
        files = tuple(OrderedFile(**file) for file in content.pop("files"))
        listing = content.pop("listing")
        return cls(files=files, listing=listing and _listing(listing), **content)


def _listing(content: dict[str, Any]) -> Listing:
    for key in ("required", "also"):
        content[key] = tuple(content[key])
    for key in ("either", "sha256"):
        content[key] = tuple(map(tuple, content[key]))
    return Listing(**content)
