"""Small files that are replaced at once, so that no reader and no crash meets half of one."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from portevoix.errors import NotWritable


def replace_file(place: Path, content: bytes) -> None:
    """Put a file in the place of what was there, for its owner alone (mode 0600); makes its folder.

    Raises:
        NotWritable: it cannot be; what was there is as it was.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        hint = "Check the rights of its folder, and the room on the disk."
        raise NotWritable(f"{place} cannot be written", error.strerror or str(error), hint) from error
