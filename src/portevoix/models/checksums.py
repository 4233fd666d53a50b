"""Checksums of files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

READ_BYTES = 1 << 22


def checksum(path: Path, algorithm: str, tell: Callable[[int], None] = lambda _: None) -> str:
    """Return a file's checksum in hex.

    Args:
        path: the file.
        algorithm: a name that `hashlib` knows, or `blob` for git's checksum of a file.
        tell: told now and then how many bytes have been read.
    """
    digest = hashlib.new("sha1" if algorithm == "blob" else algorithm, usedforsecurity=False)
    if algorithm == "blob":
        digest.update(b"blob %d\0" % path.stat().st_size)
    done = 0
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            done += len(piece)
            tell(done)
    return digest.hexdigest()
