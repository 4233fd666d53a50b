"""What is measured: one text at a time, bursts, a random stream of requests, memory, a cold start."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Figures, Timing, spoken
from benchmarks.texts import LONG, MEDIUM, TEXTS, medium

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contestants import Contestant

Rows = list[dict[str, Any]]
BURSTS = (1, 4, 8, 16)
LOAD = 0.75
WORDS = LONG.split()


async def texts(contestants: Sequence[Contestant], rounds: int) -> Rows:
    """Speak each text `rounds` times, the contestants taking turns so that each meets the same disturbances."""
    timings: dict[tuple[str, str], list[Timing]] = {}
    for number in range(rounds + 1):
        for kind, text in TEXTS.items():
            for contestant in contestants:
                timing = await spoken(contestant, text)
                if number:
                    timings.setdefault((kind, contestant.name), []).append(timing)
    return [_row(kind, name, those) for (kind, name), those in timings.items()]


def _row(kind: str, name: str, timings: list[Timing], **more: object) -> dict[str, Any]:
    return {
        "text": kind,
        "who": name,
        **more,
        "first": asdict(Figures.of(timing.first for timing in timings)),
        "total": asdict(Figures.of(timing.total for timing in timings)),
        "audio_seconds": sum(timing.audio for timing in timings) / len(timings),
        "underruns": sum(timing.lateness > 0 for timing in timings),
        "longest_gap": 1000 * max(timing.lateness for timing in timings),
    }


async def bursts(contestants: Sequence[Contestant], rounds: int) -> Rows:
    """Ask for several medium texts at the same moment, of contestants that have spoken before."""
    for contestant in contestants:
        await spoken(contestant, MEDIUM)
    rows = []
    for size in BURSTS:
        for contestant in contestants:
            timings: list[Timing] = []
            seconds = 0.0
            for _ in range(rounds):
                began = time.perf_counter()
                timings += await asyncio.gather(*(spoken(contestant, medium(number)) for number in range(size)))
                seconds += time.perf_counter() - began
            made = sum(timing.audio for timing in timings)
            rows.append(_row(f"{size} at once", contestant.name, timings, audio_per_second=made / seconds))
    return rows


async def random_arrivals(contestants: Sequence[Contestant], capacity: float, requests: int) -> Rows:
    """Ask for medium texts at random moments, at three quarters of `capacity`, in audio-seconds per second."""
    rows = []
    for contestant in contestants:
        one = await spoken(contestant, MEDIUM)
        pause = one.audio / (LOAD * capacity)
        moments = random.Random(1)
        asked: list[asyncio.Task[Timing]] = []
        for number in range(requests):
            asked.append(asyncio.create_task(spoken(contestant, medium(number))))
            await asyncio.sleep(moments.expovariate(1 / pause))
        rows.append(_row("at random", contestant.name, await asyncio.gather(*asked)))
    return rows


async def memory(contestant: Contestant, requests: int) -> dict[str, Any]:
    """Speak texts of random length and see what memory is held after 50 and after all of them, in bytes."""
    choice = random.Random(2)
    early = 0
    for number in range(requests):
        begin = choice.randrange(len(WORDS))
        await spoken(contestant, " ".join(WORDS[begin : begin + choice.randrange(1, 40)]))
        if number + 1 == min(50, requests):
            early = resident_bytes()
    return {"who": contestant.name, "requests": requests, "after_50": early, "after_all": resident_bytes()}


def resident_bytes() -> int:
    """Return the memory that this process holds."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


COLD = """
import asyncio, sys, time
from pathlib import Path
began = time.perf_counter()
from benchmarks.contestants import Portevoix, Stock
contestant = {"portevoix": Portevoix, "stock": Stock}[sys.argv[1]](Path(sys.argv[2]))
async def first():
    async for samples in contestant.speak(sys.argv[3]):
        return time.perf_counter() - began
print(asyncio.run(first()))
contestant.close()
"""


def cold_start(model: Path, rounds: int) -> Rows:
    """Start a process that speaks the medium text, and time it from its first line to the first samples."""
    rows = []
    for who in ("portevoix", "stock"):
        seconds = [
            float(subprocess.check_output([sys.executable, "-c", COLD, who, str(model), MEDIUM], text=True))
            for _ in range(rounds)
        ]
        rows.append({"who": who, "first": asdict(Figures.of(seconds))})
    return rows
