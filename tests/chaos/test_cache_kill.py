"""Processes that share a cache on disk are killed at any moment, again and again."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from portevoix.cache.shelf import Shelf

if TYPE_CHECKING:
    from portevoix.cache.recording import Recording

KILLS = 36
KEYS = 24

WRITER = """
import random, sys
from pathlib import Path
from portevoix.cache.recording import Recording
from portevoix.cache.shelf import Shelf

folder, bound, seed, keys = Path(sys.argv[1]), *map(int, sys.argv[2:])
dice = random.Random(seed)
shelf = Shelf(folder, bound, 1e9, lambda: 0.0, 30.0)
while True:
    key = dice.randrange(keys)
    if dice.random() < 0.8:
        samples = bytes([key, dice.randrange(1, 120) * 2 + seed % 2]) * (2000 + 997 * key)
        shelf.put(str(key), Recording(samples, 8000 + key), 0.0)
        print(key, flush=True)
    elif (found := shelf.get(str(key))) is not None:
        assert found[0].sample_rate == 8000 + key
"""


def is_whole(key: int, recording: Recording) -> bool:
    samples = recording.samples
    same = samples == samples[:2] * (2000 + 997 * key)
    return same and samples[0] == key and recording.sample_rate == 8000 + key


def start(folder, bound, seed):
    argv = [sys.executable, "-c", WRITER, str(folder), str(bound), str(seed), str(KEYS)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def kill_two(folder, bound, dice):
    """Run two writers, kill each in the middle of its work, and return the keys that they said were kept."""
    with ExitStack() as stack:
        seeds = [2 * dice.randrange(9999) + odd for odd in (0, 1)]  # the two never write the same
        writers = [stack.enter_context(start(folder, bound, seed)) for seed in seeds]
        told = set()
        for writer in writers:
            stack.callback(writer.kill)
        for writer in writers:
            lines = [writer.stdout.readline() for _ in range(dice.randrange(1, 12))]
            writer.kill()
            told |= {int(line) for line in lines + writer.stdout.read().splitlines()}
        assert [writer.wait() for writer in writers] == [-9, -9]
        return told


@pytest.mark.parametrize(("bound", "is_roomy"), [(300_000, False), (1 << 30, True)])
def test_after_any_death_all_is_whole(tmp_path, bound, is_roomy):
    dice, told = random.Random(11), set()
    for _ in range(KILLS // 4):
        told |= kill_two(tmp_path, bound, dice)
        with closing(Shelf(tmp_path, bound, 1e9, lambda: 0.0, 30.0)) as shelf:
            found = {key: shelf.get(str(key)) for key in range(KEYS)}
            kept = {key for key, recording in found.items() if recording}
            assert all(is_whole(key, found[key][0]) for key in kept)
            files = [path for path in (tmp_path / "recordings").rglob("*") if path.is_file()]
            assert len(files) == len(kept) == shelf.entries
            assert sum(path.stat().st_size for path in files) == shelf.bytes <= bound
            assert kept
            assert told <= kept or not is_roomy
