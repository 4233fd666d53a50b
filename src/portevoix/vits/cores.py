"""How many threads can compute at once: the least of what affinity, container limits and physical cores allow."""

from __future__ import annotations

import math
import os
from pathlib import Path

SYSTEM = Path("/")


def usable_cores(root: Path = SYSTEM) -> int:
    """Return the number of threads that can compute side by side without disturbing each other, at least 1.

    Args:
        root: where `sys` and `proc` lie.
    """
    allowed = _affinity()
    limits = [_physical(allowed, root), *_quotas(root)]
    return max(1, min(limits))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical(allowed: set[int], root: Path) -> int:
    """Count cores rather than hardware threads: two threads of one core share its multipliers."""
    cores = set()
    for cpu in allowed:
        siblings = _text(root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(siblings or str(cpu))
    return len(cores)


def _quotas(root: Path) -> list[int]:
    """Return the CPU limits of the process's control groups, in whole cores rounded up."""
    groups = root / "sys/fs/cgroup"
    own = [line.rpartition(":")[2].strip("/") for line in _text(root / "proc/self/cgroup").splitlines()]
    quotas = []
    for folder in {groups, groups / "cpu", *(groups / path for path in own)}:
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        quota = quota or _text(folder / "cpu.cfs_quota_us")
        period = period or _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            quotas.append(math.ceil(int(quota) / int(period)))
    return quotas


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
