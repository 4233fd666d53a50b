"""Many clients at once through every door, who leave when they like: does the server stay fair, clean and small?

`python -m benchmarks.soak --seconds 60 --engine scripted espeak piper`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.doors import ROOT, free_port, scripted_server, until_ready
from benchmarks.wire import (
    Answer,
    connected,
    frame,
    now,
    order,
    read_frame,
    read_wyoming,
    websocket,
    wyoming_event,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DOORS = ("http", "sse", "websocket", "wyoming")
SOCKET_PATH = "/v1/text-to-speech/alloy/stream-input?output_format=pcm_24000"
WORDS = ("the", "morning", "came", "slowly", "over", "quiet", "hills", "and", "nobody", "in", "the", "house", "woke")
SHARE_KNOWN = 0.3
"""Part of the texts that were said before."""

SHARE_LEAVING = 0.3
"""Part of the requests whose client leaves before the end."""

ANSWER_SECONDS = 60.0
"""A client that hears nothing new for so long has met a wedge."""

LOOK_SECONDS = 0.5
QUIET_SECONDS = 30.0
WARM_UP_SHARE = 0.3
FAIR_FACTOR = 3.0
SCRIPTED_SECONDS_PER_WORD = 0.02
ENGINES = {"espeak": ("sapi_french",), "piper": ("piper_native", "sapi_french")}
"""Engines that take part; espeak goes on where piper is too late."""

CONFIGURATION = """
backends:
{backends}
wyoming: {{enabled: true, port: {wyoming_port}}}
cache: {{disk_enabled: false, max_size_mb: 8}}
"""


class Refused(Exception):
    """Tell that the server said it has too much to do, as it should: with a word when to come back over HTTP."""


class Unclean(Exception):
    """Tell that an answer was neither speech nor a clean refusal."""


@dataclass
class Outcome:
    """What came of a soak.

    Attributes:
        counts: requests by what became of them: `heard`, `left`, `refused`, `wedged`, `unclean`.
        first_seconds: first audio of each request that was heard, by client.
        resident_bytes: memory of the server's processes, over time.
        descriptors: what they had open, over time.
        live_seconds: how long `/health/live` took, over time.
        notes: the first things that went wrong.
        descriptors_before: what was open before anybody came.
        descriptors_after: and after all had left.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first_seconds: dict[int, list[float]] = field(default_factory=dict)
    resident_bytes: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    live_seconds: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    descriptors_before: int = 0
    descriptors_after: int = 0

    def note(self, kind: str, why: str = "") -> None:
        """Count one request."""
        self.counts[kind] += 1
        if why and len(self.notes) < 10:
            self.notes.append(f"{kind}: {why}")

    def summary(self) -> dict[str, Any]:
        """Return the figures, as JSON."""
        each = sorted(statistics.median(those) for those in self.first_seconds.values())
        warm = int(len(self.resident_bytes) * WARM_UP_SHARE)
        memory = [value / 1e6 for value in self.resident_bytes[warm:]]
        third = max(1, len(memory) // 3)
        middle, slowest = statistics.median(each), each[-1]
        return {
            "requests": dict(self.counts),
            "clients_heard": len(each),
            "first_audio_ms": {"median_client": round(1000 * middle), "slowest_client": round(1000 * slowest),
                               "factor": round(slowest / middle, 2), "is_fair": slowest < FAIR_FACTOR * middle},
            "live_ms": {"median": round(1000 * statistics.median(self.live_seconds), 1),
                        "worst": round(1000 * max(self.live_seconds), 1)},
            "memory_mb": {"after_warm_up": round(statistics.mean(memory[:third]), 1),
                          "at_the_end": round(statistics.mean(memory[-third:]), 1), "most": round(max(memory), 1)},
            "descriptors": {"before": self.descriptors_before, "most": max(self.descriptors),
                            "after": self.descriptors_after},
            "notes": self.notes,
        }  # fmt: skip


def main() -> None:
    """Soak each engine in turn, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--engine", nargs="+", choices=("scripted", *ENGINES), default=["scripted"])
    parser.add_argument("--voice", type=Path, help="model file for piper; the stand-in of the benchmarks when left out")
    asked = parser.parse_args()
    for engine in asked.engine:
        with _server(engine, asked.voice) as (port, wyoming_port, pid):
            load = os.getloadavg()[0]
            outcome = asyncio.run(soak(port, wyoming_port, pid, clients=asked.clients, seconds=asked.seconds))
        print(json.dumps({"engine": engine, "load_average": round(load, 1), **outcome.summary()}, indent=2))


async def soak(port: int, wyoming_port: int, pid: int, *, clients: int, seconds: float, seed: int = 1) -> Outcome:
    """Let so many clients come and go for a while."""
    outcome = Outcome(descriptors_before=_descriptors(pid))
    until = now() + seconds
    watching = asyncio.create_task(_watch(port, pid, outcome))
    crowd = [_Client(number, port, wyoming_port, outcome, random.Random(seed * 10_000 + number))
             for number in range(clients)]  # fmt: skip
    await asyncio.gather(*(client.run(until) for client in crowd))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    outcome.descriptors_after = await _settled(port, pid, outcome)
    return outcome


class _Client:
    """Ask, listen, and sometimes leave; always through the same door."""

    def __init__(self, number: int, port: int, wyoming_port: int, outcome: Outcome, dice: random.Random) -> None:
        self._number = number
        self._door = DOORS[number % len(DOORS)]
        self._port = port
        self._wyoming_port = wyoming_port
        self._outcome = outcome
        self._dice = dice

    async def run(self, until: float) -> None:
        while now() < until:
            leaves_after = self._dice.uniform(0.0, 2.0) if self._dice.random() < SHARE_LEAVING else None
            await self._ask_once(leaves_after)
            await asyncio.sleep(self._dice.uniform(0.0, 0.2))

    async def _ask_once(self, leaves_after: float | None) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS if leaves_after is None else leaves_after):
                await self._listen()
            self._outcome.note("heard")
        except TimeoutError:
            self._outcome.note("wedged" if leaves_after is None else "left", "" if leaves_after else self._door)
        except Refused as refusal:
            self._outcome.note("refused")
            await asyncio.sleep(min(1.0, float(str(refusal) or 0.5)) * self._dice.uniform(0.5, 1.0))
        except (Unclean, OSError, asyncio.IncompleteReadError, ValueError) as error:
            self._outcome.note("unclean", f"{self._door}: {type(error).__name__} {error}")

    async def _listen(self) -> None:
        text = self._text()
        began = now()
        match self._door:
            case "http" | "sse":
                await self._listen_http(text, began, "audio" if self._door == "http" else "sse")
            case "websocket":
                await self._listen_websocket(text, began)
            case _:
                await self._listen_wyoming(text, began)

    async def _listen_http(self, text: str, began: float, stream_format: str) -> None:
        async with connected(self._port) as (reader, writer):
            writer.write(order(text, stream_format))
            await (answer := Answer(reader)).begin()
            if answer.status == 429:
                await answer.rest()
                if not answer.headers.get(b"retry-after", b"").isdigit():
                    raise Unclean("429 without Retry-After")
                raise Refused(answer.headers[b"retry-after"].decode())
            if answer.status != 200:
                raise Unclean(f"status {answer.status}")
            await answer.piece()
            self._hear(began)
            await answer.rest()

    async def _listen_websocket(self, text: str, began: float) -> None:
        async with websocket(self._port, SOCKET_PATH) as (reader, writer):
            writer.write(frame(b'{"text": " "}') + frame(json.dumps({"text": text}).encode()) + frame(b'{"text": ""}'))
            has_heard = False
            while True:
                kind, content = await read_frame(reader)
                if kind == 8:
                    raise Unclean(f"closed with {content!r}")
                message = json.loads(content)
                if message.get("error"):
                    raise Refused if message["error"] == "overloaded" else Unclean(message["error"])
                if message.get("isFinal"):
                    return
                if not has_heard:
                    has_heard = True
                    self._hear(began)

    async def _listen_wyoming(self, text: str, began: float) -> None:
        async with connected(self._wyoming_port) as (reader, writer):
            writer.write(wyoming_event("synthesize", text=text, voice={"language": "en"}))
            has_heard = False
            while True:
                kind, _, data = await read_wyoming(reader)
                if kind == "error":
                    raise Refused if data.get("code") == "overloaded" else Unclean(str(data))
                if kind == "audio-stop":
                    return
                if kind == "audio-chunk" and not has_heard:
                    has_heard = True
                    self._hear(began)

    def _hear(self, began: float) -> None:
        self._outcome.first_seconds.setdefault(self._number, []).append(now() - began)

    def _text(self) -> str:
        if self._dice.random() < SHARE_KNOWN:
            return f"Known sentence number {self._dice.randrange(5)}."
        return " ".join(self._dice.choices(WORDS, k=self._dice.randrange(4, 25))).capitalize() + "."


async def _watch(port: int, pid: int, outcome: Outcome) -> None:
    while True:
        began = now()
        await _get(port, "/health/live")
        outcome.live_seconds.append(now() - began)
        outcome.resident_bytes.append(sum(_resident_bytes(one) for one in _family(pid)))
        outcome.descriptors.append(_descriptors(pid))
        await asyncio.sleep(LOOK_SECONDS)


async def _settled(port: int, pid: int, outcome: Outcome) -> int:
    """Wait until nobody is served any more, and return what is still open."""
    until = now() + QUIET_SECONDS
    while now() < until:
        queue = json.loads(await _get(port, "/api/status"))["queue"]
        if queue["running"] == queue["waiting"] == 0 and _descriptors(pid) <= outcome.descriptors_before:
            break
        await asyncio.sleep(0.1)
    else:
        if queue["running"] or queue["waiting"]:
            outcome.note("wedged", f"turns are still held: {queue}")
    return _descriptors(pid)


async def _get(port: int, path: str) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await (answer := Answer(reader)).begin()
        return b"".join([piece async for piece in answer.pieces()])


def _family(pid: int) -> list[int]:
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(int(one) for one in children.read_text(encoding="ascii").split())] if children.exists() else [pid]


def _resident_bytes(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextmanager
def _server(engine: str, voice: Path | None) -> Iterator[tuple[int, int, int]]:
    if engine == "scripted":
        with scripted_server("cache.max_size_mb=8", seconds_per_word=SCRIPTED_SECONDS_PER_WORD) as running:
            yield running
        return
    with tempfile.TemporaryDirectory() as folder:
        port, wyoming_port = free_port(), free_port()
        file = Path(folder, "portevoix.yaml")
        file.write_text(CONFIGURATION.format(backends=_backends(engine, voice), wyoming_port=wyoming_port))
        command = [sys.executable, "-m", "portevoix", "--config", str(file), "serve", "--port", str(port)]
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "HOME": folder}
        process = subprocess.Popen(command, env=surroundings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            asyncio.run(until_ready(port))
            yield port, wyoming_port, process.pid
        finally:
            process.terminate()
            process.wait(60)


def _backends(engine: str, voice: Path | None) -> str:
    known = ("piper_native", "piper_cli", "sapi_french")
    wanted = dict.fromkeys(known, "enabled: false") | dict.fromkeys(ENGINES[engine], "enabled: true")
    if engine == "piper":
        found = voice or next(iter(sorted((ROOT / "benchmark-results" / "voices").glob("*standin-medium.onnx"))), None)
        if found is None:
            raise SystemExit("there is no stand-in voice: run `make bench` first, or name a --voice")
        wanted["piper_native"] += f", device: cpu, model_path: {found.resolve()}"
    return "\n".join(f"  {name}: {{{keys}}}" for name, keys in wanted.items())


if __name__ == "__main__":
    main()
