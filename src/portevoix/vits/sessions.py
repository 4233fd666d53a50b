"""onnxruntime sessions, set up for many short runs side by side."""

from __future__ import annotations

import importlib.metadata
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from portevoix.errors import EngineFailed, EngineUnavailable, ModelBroken

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

logger = logging.getLogger(__name__)

NOTHING_BUT_FATAL = 4
"""What onnxruntime writes to stderr by itself: its errors are raised, and told there."""


@dataclass(frozen=True)
class Device:
    """Where a voice runs.

    Attributes:
        kind: "cpu" or "cuda".
        index: which of several GPUs.
        memory_limit_bytes: the most that onnxruntime may take of the GPU's memory; None for no limit.
    """

    kind: Literal["cpu", "cuda"] = "cpu"
    index: int = 0
    memory_limit_bytes: int | None = None

    def __str__(self) -> str:
        """Return the device in the terms of configuration files, such as `cuda:0`."""
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"


CPU = Device()


class Session(Protocol):
    """Run a graph: arrays by input name in, arrays in the order of the outputs out; safe from several threads."""

    @property
    def input_names(self) -> frozenset[str]:
        """The inputs that the graph has."""

    def run(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute all outputs; inputs that the graph does not have are left out."""


@dataclass(frozen=True)
class OnnxSession:
    """A loaded graph on one device."""

    name: str
    device: Device
    inner: Any = field(repr=False)
    input_names: frozenset[str]
    run_options: Any = field(default=None, repr=False)

    def run(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute all outputs.

        Raises:
            EngineFailed: onnxruntime could not: out of memory, device lost, or the arrays do not fit the graph.
        """
        fed = {name: array for name, array in arrays.items() if name in self.input_names}
        try:
            return list(self.inner.run(None, fed, self.run_options))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise _failure(self.name, self.device, error) from error
        except Exception as error:
            if type(error).__module__.startswith("onnxruntime"):
                raise _failure(self.name, self.device, error) from error
            raise


def open_session(
    name: str, model: Path | bytes, *, device: Device = CPU, threads: int = 1, is_optimised_into: Path | None = None
) -> OnnxSession:
    """Load a graph.

    Args:
        name: what the graph is, for messages.
        model: a file, or the serialised model itself.
        device: where to run it.
        threads: threads inside one run; 1 where runs go side by side.
        is_optimised_into: write the graph there as optimised for any processor of this kind.

    Raises:
        EngineUnavailable: the device is not there, or this onnxruntime cannot use it.
        ModelBroken: onnxruntime does not accept the model.
    """
    import onnxruntime

    options = _options(threads)
    if is_optimised_into is not None:
        options.optimized_model_filepath = str(is_optimised_into)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    source = model if isinstance(model, bytes) else str(model)
    try:
        inner = onnxruntime.InferenceSession(source, sess_options=options, providers=_providers(device))
    except EngineUnavailable:
        raise
    except Exception as error:
        if device.kind == "cuda" and "CUDA" in str(error):
            raise _unavailable(device, _first_line(error)) from error
        raise ModelBroken(
            f"the {name} cannot be loaded", _first_line(error), "Fetch the voice again: the file may be damaged."
        ) from error
    if device.kind == "cuda" and "CUDAExecutionProvider" not in inner.get_providers():
        raise _unavailable(device, "onnxruntime fell back to the CPU")
    return OnnxSession(name, device, inner, frozenset(entry.name for entry in inner.get_inputs()), run_options(device))


def is_for_want(error: EngineFailed) -> bool:
    """Tell whether a run may have failed for want of memory or of a device, so that it could go well another time."""
    cause = error.__cause__
    return isinstance(cause, RuntimeError | MemoryError) or type(cause).__name__ == "RuntimeException"


def onnxruntime_version() -> str:
    """Return the installed version without importing the package."""
    for package in ("onnxruntime", "onnxruntime-gpu"):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise EngineUnavailable("no voice can be loaded", "onnxruntime is not installed", "Run `pip install onnxruntime`.")


def _options(threads: int) -> Any:
    """Return options for bounded memory: buffers are neither planned per shape nor traded for slower loading."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_reuse = False
    options.enable_mem_pattern = False
    options.log_severity_level = NOTHING_BUT_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _providers(device: Device) -> list[object]:
    import onnxruntime

    if device.kind == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise _unavailable(device, "this onnxruntime is built without CUDA")
    return [("CUDAExecutionProvider", cuda_settings(device)), "CPUExecutionProvider"]


def cuda_settings(device: Device) -> dict[str, object]:
    """Return settings for bounded memory on a GPU: no more than allowed, and grown by no more than is needed."""
    settings: dict[str, object] = {
        "device_id": device.index,
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
    }
    if device.memory_limit_bytes is not None:
        settings["gpu_mem_limit"] = device.memory_limit_bytes
    return settings


def run_options(device: Device) -> Any:
    """Return options that give memory back after each run on a GPU; on the CPU the bounded shapes see to that."""
    if device.kind == "cpu":
        return None
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device.index}")
    return options


def _unavailable(device: Device, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"the device {device} cannot be used", why, "Install onnxruntime-gpu and a CUDA driver, or choose the CPU."
    )


def _failure(name: str, device: Device, error: Exception) -> EngineFailed:
    return EngineFailed(f"the {name} failed on {device}", _first_line(error), "Load the voice again.")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
