"""The GPUs of this machine, as NVIDIA's own tool tells them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from portevoix.errors import EngineUnavailable

MEBIBYTE = 1024 * 1024
ANSWER_SECONDS = 5.0
COLUMNS = ("index", "name", "memory.total")


@dataclass(frozen=True, slots=True)
class Gpu:
    """Name one GPU.

    Attributes:
        index: its number, as in `cuda:0`.
        name: its model, as `NVIDIA GeForce RTX 3090`.
        memory_bytes: all of its memory.
    """

    index: int
    name: str
    memory_bytes: int


def find_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that `nvidia-smi` lists; none where there is no such program or it does not answer in time."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    query = [program, f"--query-gpu={','.join(COLUMNS)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines()]
    return tuple(_gpu(row) for row in rows if len(row) == len(COLUMNS) and row[0].isdigit() and row[2].isdigit())


def pick_gpu(gpus: tuple[Gpu, ...], device: str, name: str | None) -> Gpu:
    """Return the GPU that `device` (`cuda` or `cuda:N`) and `name` pin; a part of the name is enough.

    Raises:
        EngineUnavailable: there is none, or the one at that index has another name.
    """
    present = ", ".join(f"cuda:{gpu.index} is {gpu.name}" for gpu in gpus) or "no NVIDIA GPU was found"
    index = re.fullmatch(r"cuda(?::(\d+))?", device)
    fitting = [
        gpu for gpu in gpus
        if index and index[1] in (None, str(gpu.index)) and (not name or name.lower() in gpu.name.lower())
    ]  # fmt: skip
    if not fitting:
        wanted = f"{device} ({name})" if name else device
        raise EngineUnavailable(f"the device {wanted} is not there", present, "Correct `device`, or set it to cpu.")
    return fitting[0]


def _gpu(row: list[str]) -> Gpu:
    return Gpu(int(row[0]), row[1], int(row[2]) * MEBIBYTE)
