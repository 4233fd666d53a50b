from __future__ import annotations

import asyncio
import logging
import math
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing

import pytest

from portevoix.cache.disk import DiskTier
from tests.hand_clock import HandClock
from tests.recordings import recording

ONE = recording()
MEGABYTE = 1 << 20


@asynccontextmanager
async def opened(folder, clock=None, lock_seconds=5.0):
    tier = DiskTier(folder, MEGABYTE, math.inf, clock or HandClock(), lock_seconds)
    try:
        yield tier
    finally:
        await tier.aclose()


async def works(tier):
    await tier.put("a", ONE)
    return await tier.get("a") == ONE


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_it_keeps_and_counts(tmp_path):
    async with opened(tmp_path) as tier:
        assert await tier.open()
        assert await works(tier)
        assert await tier.get("b") is None
        stats = tier.stats()
        assert (stats.entries, stats.hits, stats.misses) == (1, 1, 1)
        assert stats.bytes == len(ONE.to_bytes())


async def test_nothing_is_touched_before_it_is_needed(tmp_path):
    async with opened(tmp_path / "speech"):
        assert list(tmp_path.iterdir()) == []


async def test_after_closing_nothing_is_found_and_nothing_breaks(tmp_path):
    async with opened(tmp_path) as tier:
        assert await works(tier)
    await tier.aclose()
    await tier.put("b", ONE)
    await tier.clear()
    assert await tier.get("a") is None


async def test_a_folder_that_cannot_be_made_is_told_once(tmp_path, caplog):
    (tmp_path / "speech").write_text("a file is in the way")
    clock = HandClock()
    async with opened(tmp_path / "speech", clock) as tier:
        assert not await tier.open()
        for _ in range(3):
            assert not await works(tier)
            clock.seconds += 61
        assert not tier.is_working
        assert warnings(caplog) == ["cache.disk_stepped_aside"]


async def test_it_comes_back_by_itself(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (tmp_path / "speech").write_text("a file is in the way")
    clock = HandClock()
    async with opened(tmp_path / "speech", clock) as tier:
        assert not await works(tier)
        (tmp_path / "speech").unlink()
        assert not await works(tier)  # it rests
        clock.seconds += 61
        assert await works(tier)
        assert tier.is_working
    assert [record.getMessage() for record in caplog.records] == ["cache.disk_stepped_aside", "cache.disk_resumed"]


async def test_a_folder_that_vanishes_is_no_error(tmp_path):
    clock = HandClock()
    async with opened(tmp_path / "speech", clock) as tier:
        assert await works(tier)
        (tmp_path / "speech").rename(tmp_path / "gone")
        await tier.put("b", ONE)
        assert await tier.get("c") is None
        clock.seconds += 61
        assert await works(tier)


@pytest.mark.parametrize("content", [b"this is no index" * 999, b"SQLite format 3\0" + b"\xff" * 8192])
async def test_a_corrupted_index_is_given_up_and_begun_anew(tmp_path, caplog, content):
    async with opened(tmp_path) as tier:
        assert await works(tier)
    (tmp_path / "index.sqlite").write_bytes(content)
    clock = HandClock()
    async with opened(tmp_path, clock) as tier:
        assert await tier.get("a") is None
        assert not tier.is_working
        assert warnings(caplog) == ["cache.disk_stepped_aside"]
        clock.seconds += 61
        assert await tier.get("a") is None
        assert await works(tier)
        assert len([path for path in (tmp_path / "recordings").rglob("*") if path.is_file()]) == 1


async def test_an_index_that_breaks_under_way_is_no_error(tmp_path):
    clock = HandClock()
    async with opened(tmp_path, clock) as tier:
        assert await works(tier)
        with closing(sqlite3.connect(tmp_path / "index.sqlite")) as index:
            index.execute("DROP TABLE recordings")
        assert await tier.get("a") is None
        assert not tier.is_working
        clock.seconds += 61
        assert await works(tier)


async def test_a_lock_that_stays_costs_one_write_and_no_more(tmp_path):
    async with opened(tmp_path, lock_seconds=0) as tier:
        assert await works(tier)
        with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as index:
            index.execute("BEGIN IMMEDIATE")
            await tier.put("b", ONE)
            assert await tier.get("a") == ONE
            assert tier.is_working
            index.execute("ROLLBACK")
        assert await tier.get("b") is None
        await tier.put("b", ONE)
        assert await tier.get("b") == ONE


async def test_the_event_loop_does_not_wait_for_the_disk(tmp_path):
    async with opened(tmp_path, lock_seconds=60) as tier:
        await tier.open()
        with closing(sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)) as index:
            index.execute("BEGIN IMMEDIATE")
            write = tier.put("a", ONE)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not write.done()
            index.execute("ROLLBACK")
        await write
        assert await tier.get("a") == ONE


async def test_one_who_does_not_wait_for_a_look_up_leaves_it_usable(tmp_path):
    async with opened(tmp_path) as tier:
        await tier.put("a", ONE)
        looking = asyncio.create_task(tier.get("a"))
        await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert await tier.get("a") == ONE


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from portevoix.cache.disk import DiskTier
from portevoix.cache.recording import Recording

now = 0.0

async def main():
    global now
    disk = DiskTier(Path(sys.argv[1]), 1 << 30, 1e9, lambda: now)
    small, large = Recording(b"ab" * 100, 8000), Recording(b"ab" * 1_000_000, 8000)
    await disk.put("small", small)
    await disk.put("again", large)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    await disk.put("again", large)
    print(disk.is_working, await disk.get("large"), await disk.get("small"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    now = 61.0
    print(await disk.get("small") == small, disk.is_working, await disk.get("again") == large)
    await disk.put("large", large)
    print(await disk.get("large") == large)
    await disk.aclose()
    print(sum(path.is_file() for path in Path(sys.argv[1], "recordings").rglob("*")))

asyncio.run(main())
"""


def test_a_disk_that_takes_no_more_is_no_error(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.split("\n") == ["False None None", "True True True", "True", "3", ""]
    assert done.stderr.strip() == "cache.disk_stepped_aside"
