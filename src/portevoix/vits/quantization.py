"""A decoder that computes in eight bits: faster where the processor has instructions for it, and a little less exact.

Weights are stored, and what goes between the convolutions is passed on, in one byte, scaled by what was seen when the
voice spoke a few sentences (static quantisation with ranges from calibration, as in B. Jacob et al., "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018). Needs the `onnx` package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from portevoix.vits.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CALIBRATION_FRAMES = 96
"""Of each sentence; more would hold more of the decoder's tensors in memory at once."""


def quantised(decoder: bytes, latents: Iterable[np.ndarray], speaker: int) -> bytes:
    """Return a decoder model with its convolutions in eight bits.

    Args:
        decoder: the float32 decoder.
        latents: sentences, each float32 [channels, frames].
        speaker: who speaks them.
    """
    model = _without_idle_nodes(onnx.load_model_from_string(decoder))
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "decoder.onnx"
        quantize_static(
            model,
            result,
            _Sentences(latents, speaker, {entry.name for entry in model.graph.input}),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return result.read_bytes()


def signal_to_noise_db(exact: np.ndarray, other: np.ndarray) -> float:
    """Return how far, in dB, the difference of two signals lies below the first; infinity where they are equal."""
    noise = float(np.square(exact.astype(np.float64) - other).sum())
    signal = float(np.square(exact.astype(np.float64)).sum())
    return 10 * float(np.log10(signal / noise)) if noise and signal else (float("-inf") if noise else float("inf"))


def _without_idle_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what nobody reads, of which onnxruntime would complain."""
    graph = Graph(model)
    needed = graph.above(graph.outputs)
    weights = graph.weights(needed)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(needed)
    model.graph.initializer.extend(weights)
    return model


class _Sentences(CalibrationDataReader):  # type: ignore[misc] # the package is not typed
    """Hand the calibration one sentence after the other."""

    def __init__(self, latents: Iterable[np.ndarray], speaker: int, names: set[str]) -> None:
        self._left = iter(latents)
        self._names = names
        self._others = {"margins": np.zeros(2, dtype=np.int64), "sid": np.array([speaker], dtype=np.int64)}

    def get_next(self) -> Mapping[str, np.ndarray] | None:
        """Return the inputs of one run, None at the end."""
        latents = next(self._left, None)
        if latents is None:
            return None
        arrays = {"latents": latents[None, :, :CALIBRATION_FRAMES], **self._others}
        return {name: array for name, array in arrays.items() if name in self._names}
