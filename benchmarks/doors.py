"""What the doors cost: first audio through each of them, and cached answers per second.

`python -m benchmarks.doors`: a server with an engine that speaks at once runs in a process of its own, so what is
measured is what the server adds; the engine's own first audio is measured as well, and subtracted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import Figures
from benchmarks.wire import (
    Answer,
    connected,
    frame,
    now,
    order,
    processor_seconds,
    read_frame,
    read_wyoming,
    websocket,
    wyoming_event,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
CLIENTS = 32
SOCKET_PATH = "/v1/text-to-speech/alpha-en/stream-input?output_format=pcm_24000"
BARS = {"http": 5.0, "sse": 8.0, "wyoming": 5.0, "websocket": 5.0}
"""First audio that a door may add, in milliseconds, P95."""


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.doors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="requests through each door")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long cached answers are asked for")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--load", nargs=2, metavar=("PORT", "SECONDS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.load:
        print(json.dumps(asyncio.run(_load(int(asked.load[0]), float(asked.load[1])))))
        return
    with scripted_server() as (port, wyoming_port, pid):
        results = {
            "load_average": round(os.getloadavg()[0], 2),
            "first_audio": asyncio.run(_doors(port, wyoming_port, asked.rounds)),
            "cached": _cached(port, pid, asked.seconds),
        }
    print(json.dumps(results, indent=2) if asked.json else _table(results))


@contextmanager
def scripted_server(*changes: str, seconds_per_word: float = 0.0) -> Iterator[tuple[int, int, int]]:
    """Give HTTP port, Wyoming port and process id of a server whose engine speaks tones at once."""
    with tempfile.TemporaryDirectory() as folder:
        port, wyoming_port = free_port(), free_port()
        command = [sys.executable, "-m", "tests.serve_script", str(port), str(seconds_per_word),
                   "wyoming.enabled=true", f"wyoming.port={wyoming_port}", *changes]  # fmt: skip
        surroundings = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "HOME": folder}
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(command, env=surroundings, stdout=log, stderr=log)
        try:
            asyncio.run(until_ready(port))
            yield port, wyoming_port, process.pid
        finally:
            process.terminate()
            process.wait(30)


async def until_ready(port: int) -> None:
    """Wait until somebody can be heard."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                async with connected(port) as (reader, writer):
                    writer.write(b"GET /health/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                    await (answer := Answer(reader)).begin()
                    if answer.status == 200:
                        return
            except OSError:
                pass
            await asyncio.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def _doors(port: int, wyoming_port: int, rounds: int) -> dict[str, Any]:
    """Measure each door in turns, so that all meet the same disturbances; every text is a new one."""
    ways: dict[str, Callable[[str], Awaitable[float]]] = {
        "engine": _engine_first,
        "http": lambda text: _http_first(port, text, "audio"),
        "sse": lambda text: _http_first(port, text, "sse"),
        "wyoming": lambda text: _wyoming_first(wyoming_port, text),
        "websocket": lambda text: _websocket_first(port, text),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 10):
        for name, measure in ways.items():
            taken = await measure(f"{name} says number {number} of many.")
            if number >= 10:
                seconds[name].append(taken)
    figures = {name: Figures.of(those) for name, those in seconds.items()}
    own = figures["engine"]
    return {name: {**asdict(one), "added_median": one.median - own.median, "added_p95": one.p95 - own.p95}
            for name, one in figures.items()}  # fmt: skip


async def _engine_first(text: str) -> float:
    from portevoix.speech import Utterance
    from tests.scripted import ScriptedEngine

    engine = ScriptedEngine("alpha")
    began = now()
    async with aclosing(engine.stream(Utterance(text, engine.voices()[1], "en"))) as chunks:
        await anext(chunks)
        return now() - began


async def _http_first(port: int, text: str, stream_format: str) -> float:
    async with connected(port) as (reader, writer):
        began = now()
        writer.write(order(text, stream_format))
        await (answer := Answer(reader)).begin()
        await answer.piece()
        taken = now() - began
        await answer.rest()
        return taken


async def _wyoming_first(port: int, text: str) -> float:
    async with connected(port) as (reader, writer):
        began = now()
        writer.write(wyoming_event("synthesize", text=text, voice={"name": "alpha-en"}))
        while (await read_wyoming(reader))[0] != "audio-chunk":
            pass
        taken = now() - began
        while (await read_wyoming(reader))[0] != "audio-stop":
            pass
        return taken


async def _websocket_first(port: int, text: str) -> float:
    async with websocket(port, SOCKET_PATH) as (reader, writer):
        writer.write(frame(b'{"text": " "}'))
        began = now()
        writer.write(frame(json.dumps({"text": text, "flush": True}).encode()))
        await read_frame(reader)
        taken = now() - began
        writer.write(frame(b'{"text": ""}'))
        while (await read_frame(reader))[0] != 8:
            pass
        return taken


def _cached(port: int, pid: int, seconds: float) -> dict[str, Any]:
    """Let another process ask for one cached clip, so that measuring does not stand in the way of answering."""
    before, began = processor_seconds(pid), now()
    command = [sys.executable, "-m", "benchmarks.doors", "--load", str(port), str(seconds)]
    said = json.loads(subprocess.check_output(command, text=True, cwd=ROOT))
    spent = processor_seconds(pid) - before
    return {**said, "server_cores": round(spent / (now() - began), 2),
            "server_ms_each": round(1000 * spent / max(1, said["answers"]), 3)}  # fmt: skip


async def _load(port: int, seconds: float) -> dict[str, Any]:
    """Ask for one clip over and over, through connections that are kept."""
    request = order("Good morning.", response_format="mp3")
    taken: list[float] = []
    until = now() + 1.0

    async def ask() -> None:
        async with connected(port) as (reader, writer):
            while now() < until:
                began = now()
                writer.write(request)
                await (answer := Answer(reader)).begin()
                await answer.rest()
                if answer.status != 200:
                    raise RuntimeError(f"status {answer.status}")
                taken.append(now() - began)

    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    taken.clear()
    began, own = now(), processor_seconds(os.getpid())
    until = began + seconds
    await asyncio.gather(*(ask() for _ in range(CLIENTS)))
    lasted = now() - began
    values = sorted(1000 * one for one in taken)
    return {"clients": CLIENTS, "answers": len(values), "per_second": round(len(values) / lasted, 1),
            "median_ms": round(values[len(values) // 2], 2), "p99_ms": round(values[len(values) * 99 // 100], 2),
            "generator_cores": round((processor_seconds(os.getpid()) - own) / lasted, 2)}  # fmt: skip


def _table(results: dict[str, Any]) -> str:
    lines = [f"load average {results['load_average']}", "", "| first audio, ms | median | P95 | added, P95 | bar |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for name, one in results["first_audio"].items():
        bar = f"< {BARS[name]:g}" if name in BARS else ""
        lines.append(f"| {name} | {one['median']:.2f} | {one['p95']:.2f} | {one['added_p95']:.2f} | {bar} |")
    facts = ", ".join(f"{name} {value}" for name, value in results["cached"].items())
    return "\n".join([*lines, "", f"cached: {facts}"])


if __name__ == "__main__":
    main()
