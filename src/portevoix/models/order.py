"""What is to be fetched, as the fetching process is told it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OrderedFile:
    """One file.

    Attributes:
        url: where it is asked for.
        path: where it is to lie in the end, as text.
        size_bytes: its size; 0 when it is not known.
        sha256: its checksum in hex, or "".
        md5: likewise; counts only where no better one is known.
    """

    url: str
    path: str
    size_bytes: int = 0
    sha256: str = ""
    md5: str = ""

    @property
    def place(self) -> Path:
        """Return where it is to lie."""
        return Path(self.path)

    @property
    def incomplete(self) -> Path:
        """Return where it lies while it is not whole."""
        return self.place.with_name(f"{self.place.name}{INCOMPLETE}")


@dataclass(frozen=True, slots=True)
class Order:
    """All files of one model, put in their places together, in this order, when all have arrived.

    Attributes:
        name: what it is called in messages.
        files: the files, all in one folder.
        token: for the host of the URLs, and no other, or "".
        patience_seconds: longest silence of the other side before the process asks again.
        spare_bytes: room that is to be left on the disk.
    """

    name: str
    files: tuple[OrderedFile, ...]
    token: str = ""
    patience_seconds: float = 7.0
    spare_bytes: int = 50_000_000

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Return what `line` made a line of."""
        content = json.loads(line)
        files = tuple(OrderedFile(**file) for file in content.pop("files"))
        return cls(files=files, **content)


INCOMPLETE = ".incomplete"
