"""The results as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MEGABYTE = 1e6


def markdown(results: dict[str, Any]) -> str:
    """Return all results as one page."""
    parts = ["# Portevoix beside stock piper-tts and sherpa-onnx", _machine(results["machine"])]
    for voice, measured in results["voices"].items():
        parts.append(f"## {voice}")
        parts += [_section(title, measured[key]) for key, title in SECTIONS.items() if key in measured]
    return "\n\n".join(parts) + "\n"


SECTIONS = {
    "texts": "One request at a time",
    "bursts": "Bursts of the medium text",
    "random": "Random arrivals at three quarters of capacity",
    "cold": "Cold start: a new process to its first samples",
    "memory": "Memory",
    "http": "Through HTTP",
}


def _machine(machine: dict[str, Any]) -> str:
    lines = [f"* {key.replace('_', ' ')}: {value}" for key, value in machine.items()]
    note = (
        "Milliseconds, medians with P95 in brackets. Contestants take turns in one run. Ratios are to stock piper-tts "
        "at its defaults: *earlier* is its first audio over theirs, *total* theirs over its."
    )
    return "\n".join([*lines, "", note])


def _section(title: str, rows: Any) -> str:
    if isinstance(rows, dict):
        rows = [rows]
    return f"### {title}\n\n" + _table([_cells(row, rows) for row in rows])


def _cells(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, str]:
    cells = {key: str(row[key]) for key in ("text", "who") if key in row}
    stock = next((other for other in rows if other["who"] == "stock" and other.get("text") == row.get("text")), None)
    for key in ("first", "total"):
        if key in row:
            cells[key] = f"{row[key]['median']:.0f} ({row[key]['p95']:.0f})"
    if stock is not None and "first" in row:
        cells["earlier"] = f"{stock['first']['median'] / row['first']['median']:.1f} ×"
        cells["earlier at P95"] = f"{stock['first']['p95'] / row['first']['p95']:.1f} ×"
    if stock is not None and "total" in row:
        cells["total to stock"] = f"{row['total']['median'] / stock['total']['median']:.2f}"
    if "audio_per_second" in row:
        cells["audio-seconds per second"] = f"{row['audio_per_second']:.0f}"
    if "underruns" in row:
        cells["with gaps"] = f"{row['underruns']} of {row['first']['count']}"
        cells["longest gap"] = f"{row['longest_gap']:.0f}"
    if "after_all" in row:
        cells |= {key: f"{row[key] / MEGABYTE:.0f} MB" for key in ("after_50", "after_all")}
        cells["growth"] = f"{row['after_all'] / row['after_50'] - 1:+.1%}"
    return cells


def _table(rows: Iterable[dict[str, str]]) -> str:
    rows = list(rows)
    heads = list(dict.fromkeys(head for row in rows for head in row))
    lines = [heads, ["---"] * len(heads), *([row.get(head, "") for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
