"""Which device computes voices in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.system.gpus import find_gpus, pick_gpu

if TYPE_CHECKING:
    from portevoix.vits.sessions import Device


def pick_device(wanted: str, name: str | None, gpu_memory_fraction: float) -> Device:
    """Return the device that is wished for. Blocks while the driver's tool lists the GPUs.

    Args:
        wanted: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is the first GPU that onnxruntime can use, else the processor.
        name: a part of the name that a GPU must have, None for any.
        gpu_memory_fraction: share of a GPU's memory that may be taken, above 0 to 1.

    Raises:
        EngineUnavailable: there is no such GPU.
    """
    from portevoix.vits.sessions import CPU, Device

    wanted = wanted.strip().lower()
    if wanted == "cpu":
        return CPU
    gpus = find_gpus()
    if wanted == "auto":
        if not gpus or not _has_cuda():
            return CPU
        wanted = "cuda"
    gpu = pick_gpu(gpus, wanted, name)
    return Device("cuda", gpu.index, int(gpu.memory_bytes * gpu_memory_fraction))


def _has_cuda() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
