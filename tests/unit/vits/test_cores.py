from __future__ import annotations

import os

import pytest

from portevoix.vits.cores import usable_cores


def machine(root, *, siblings=None, files=()):
    """Write the files of a machine whose allowed processors share cores as told."""
    for cpu in sorted(os.sched_getaffinity(0)):
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings or f"{cpu}\n")
    for path, text in dict(files).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_counts_what_this_process_may_use(tmp_path):
    assert usable_cores(machine(tmp_path)) == len(os.sched_getaffinity(0))


def test_two_threads_of_a_core_are_one(tmp_path):
    assert usable_cores(machine(tmp_path, siblings="0-99\n")) == 1


def test_an_unknown_machine_has_its_processors(tmp_path):
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "50000 100000\n"},
        {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "100000 100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "90000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_keeps_to_a_containers_limit(tmp_path, files):
    assert usable_cores(machine(tmp_path, files=files)) == 1


@pytest.mark.parametrize(
    "files", [{"sys/fs/cgroup/cpu.max": "max 100000\n"}, {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"}]
)
def test_no_limit_is_no_limit(tmp_path, files):
    assert usable_cores(machine(tmp_path, files=files)) == len(os.sched_getaffinity(0))
