"""Run the benchmarks: `python -m benchmarks --into results`.

Needs piper-tts and onnx; builds the full-size stand-in voices with torch where they are not there yet. sherpa-onnx is
measured where it is installed. Each kind of measurement of each voice runs in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import scenarios
from benchmarks.chart import chart
from benchmarks.contestants import Portevoix, Stock, contestants
from benchmarks.http import Http
from benchmarks.report import markdown

ROOT = Path(__file__).parent.parent
BUILDER = ROOT / "scripts" / "build_fixture_voice.py"
KINDS = ("texts", "bursts", "random", "cold", "memory", "http")


def main() -> None:
    """Measure what the command line asks for and write results.json, results.md and a chart for each voice."""
    asked = _arguments()
    asked.into.mkdir(parents=True, exist_ok=True)
    if asked.one:
        model, kind, quick = Path(asked.one[0]), asked.one[1], asked.quick
        print(json.dumps(asyncio.run(_measured(model, kind, asked.into, quick=quick))))
        return
    results: dict[str, Any] = {"machine": machine(), "voices": {}}
    for size in asked.voices:
        model = stand_in(size, asked.into / "voices", asked.torch_python)
        results["voices"][size] = {kind: _in_a_process(model, kind, asked) for kind in asked.kinds}
        _write(results, asked.into)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("benchmark-results"), help="folder for voices and results")
    parser.add_argument("--voices", nargs="+", default=["medium", "high", "x_low"], help="sizes of stand-in voices")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what to measure")
    parser.add_argument("--torch-python", default=sys.executable, help="a Python with torch, to build the voices")
    parser.add_argument("--quick", action="store_true", help="few rounds: figures to look at, not to quote")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def stand_in(size: str, folder: Path, python: str) -> Path:
    """Return a full-size voice with random weights, building it when it is not there."""
    found = [path for path in folder.glob("*.onnx") if path.stem.endswith(f"standin-{size}")]
    if not found:
        subprocess.run([python, str(BUILDER), "--size", size, "--into", str(folder)], check=True)
        found = [path for path in folder.glob("*.onnx") if path.stem.endswith(f"standin-{size}")]
    return found[0]


def _in_a_process(model: Path, kind: str, asked: argparse.Namespace) -> Any:
    print(f"{model.stem}: {kind} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", "--one", str(model), kind, "--into", str(asked.into)]
    command += ["--quick"] if asked.quick else []
    folders = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    said = subprocess.check_output(command, text=True, env={**os.environ, "PYTHONPATH": folders})
    return json.loads(said.splitlines()[-1])


async def _measured(model: Path, kind: str, folder: Path, *, quick: bool) -> Any:
    rounds = 3 if quick else 15
    if kind == "cold":
        return scenarios.cold_start(model, 2 if quick else 5)
    if kind == "memory":
        return await scenarios.memory(Portevoix(model), 100 if quick else 1000)
    those = (
        [Portevoix(model), Stock(model), Http(model, folder)] if kind == "http" else list(contestants(model, folder))
    )
    try:
        if kind == "http":
            await those[-1].ready()
            return await scenarios.texts(those, rounds)
        if kind == "texts":
            return await scenarios.texts([*those, Stock(model, threads=1)], rounds)
        if kind == "bursts":
            return await scenarios.bursts(those[:3], 1 if quick else 4)
        capacity = (await scenarios.bursts(those[:1], 1))[2]["audio_per_second"]
        return await scenarios.random_arrivals(those[:3], capacity, 20 if quick else 100)
    finally:
        for contestant in those:
            contestant.close()


def machine() -> dict[str, Any]:
    """Describe the machine and what runs on it."""
    from portevoix.vits.cores import usable_cores

    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores_used": usable_cores(),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("onnxruntime", "piper-tts", "sherpa-onnx")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _write(results: dict[str, Any], folder: Path) -> None:
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(markdown(results), encoding="utf-8")
    for voice, measured in results["voices"].items():
        if "texts" in measured:
            title = f"First audio, {voice} voice (milliseconds, logarithmic)"
            (folder / f"first-audio-{voice}.svg").write_text(chart(title, measured["texts"]), encoding="utf-8")


if __name__ == "__main__":
    main()
