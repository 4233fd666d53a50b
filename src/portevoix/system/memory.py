"""How much memory a process has."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

RESIDENT = 1
"""Place of the resident pages in `statm`, see proc_pid_statm(5)."""


def machine_bytes(files: Path = Path("/")) -> int:
    """Return the memory of this machine, or of the container it is, 0 where that is not told; `files` has its files."""
    known = []
    with suppress(OSError, ValueError, AttributeError):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            known.append(int((files / "sys/fs/cgroup" / name).read_text(encoding="ascii")))
    return min(known, default=0)


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, or 0 when it has ended or the system does not tell it cheaply."""
    with suppress(OSError, AttributeError, IndexError):
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[RESIDENT]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0
