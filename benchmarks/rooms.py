"""What a room costs: first audio and total of a synthesizer that does no work, in a room and on a thread, by turns.

python -m benchmarks.rooms [--rounds 500]
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.measuring import Figures
from portevoix.audio import AudioChunk
from portevoix.rooms.room import Room
from portevoix.rooms.threads import ThreadRoom
from portevoix.rooms.worker import RoomPlan
from portevoix.speech import Utterance, Voice

RATE = 24_000
CHUNKS = 25
CHUNK_SECONDS = 0.08
VOICE = Voice("idle", "idle", "fr", RATE)


class Idle:
    """Speak two seconds of silence, in chunks of 80 ms, at once."""

    def voices(self) -> tuple[Voice, ...]:
        """Return one voice."""
        return (VOICE,)

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:  # noqa: ARG002
        """Yield the chunks."""
        for _ in range(CHUNKS):
            yield AudioChunk(np.zeros(round(RATE * CHUNK_SECONDS), np.float32), RATE)

    def close(self) -> None:
        """Hold nothing."""


async def measure(rounds: int) -> dict[str, tuple[Figures, Figures]]:
    """Return the times to the first and to the last chunk, in a room and on a thread."""
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    plan = RoomPlan("idle", "benchmarks.rooms:Idle", environment=path)
    rooms = {"room": Room(plan), "thread": ThreadRoom("idle", Idle)}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in rooms}
    for room in rooms.values():
        await room.start()
    for _ in range(rounds):
        for name, room in rooms.items():
            seconds[name].append(await _spoken(room))
    for room in rooms.values():
        await room.aclose()
    return {
        name: (Figures.of(first for first, _ in pairs[1:]), Figures.of(last for _, last in pairs[1:]))
        for name, pairs in seconds.items()
    }


async def _spoken(room: Room | ThreadRoom) -> tuple[float, float]:
    began, first = perf_counter(), 0.0
    async with aclosing(room.stream(Utterance("Bonjour.", VOICE, "fr"))) as chunks:
        async for _ in chunks:
            first = first or perf_counter() - began
    return first, perf_counter() - began


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=500)
    figures = asyncio.run(measure(parser.parse_args().rounds))
    print("| where | first audio, ms (P95) | 25 chunks, ms (P95) |\n| --- | --- | --- |")
    for name, kinds in figures.items():
        print(f"| {name} | " + " | ".join(f"{one.median:.2f} ({one.p95:.2f})" for one in kinds) + " |")
    (room, _), (thread, _) = figures["room"], figures["thread"]
    print(f"\nA room adds {room.median - thread.median:.2f} ms to the first audio.")


if __name__ == "__main__":
    main()
