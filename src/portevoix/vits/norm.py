"""A normalisation over channels, which exporters write as nine nodes, as the one that onnxruntime has a kernel for.

onnxruntime joins them itself only where no transposition stands beside them, and in an encoder one always does. Needs
the `onnx` package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portevoix.vits.graph import Graph, attribute

if TYPE_CHECKING:
    import numpy as np
    import onnx

    from portevoix.vits.writer import Writer

STEPS = ("Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add")
SQUARED = 2.0
CHANNELS, LAST = [1], [-1]
"""The axis of channels in [1, channels, positions] and in [1, positions, channels]."""


@dataclass(frozen=True)
class Norm:
    """One normalisation.

    Attributes:
        source: the tensor it takes.
        output: the tensor it makes.
        is_turned: whether channels are the last of the axes, not the middle one.
        gamma: what channels are multiplied with, float32 [channels].
        beta: what is added to them then, float32 [channels].
        epsilon: what is added to the variance.
    """

    source: str
    output: str
    is_turned: bool
    gamma: np.ndarray
    beta: np.ndarray
    epsilon: float

    def write(self, writer: Writer) -> None:
        """Write it."""
        source = self.source if self.is_turned else writer.add("Transpose", [self.source], perm=[0, 2, 1])
        inputs = [source, writer.store(self.gamma), writer.store(self.beta)]
        into = self.output if self.is_turned else ""
        normed = writer.add("LayerNormalization", inputs, into, axis=-1, epsilon=self.epsilon)
        if not self.is_turned:
            writer.add("Transpose", [normed], self.output, perm=[0, 2, 1])


def norm_from(graph: Graph, mean: onnx.NodeProto) -> Norm | None:
    """Return the normalisation that begins with a mean, None where none does."""
    axes = attribute(mean, "axes", [])
    chain = _chain(graph, mean) if mean.op_type == "ReduceMean" and axes in (CHANNELS, LAST) else None
    if chain is None:
        return None
    centred, square, second_mean, variance, _, scaled, weighted, shifted = chain
    power, epsilon, gamma, beta = (graph.constant(node.input[1]) for node in (square, variance, weighted, shifted))
    is_norm = (
        centred.input[0] == mean.input[0]
        and scaled.input[0] == centred.output[0]
        and attribute(second_mean, "axes", []) == axes
        and _one(power) == SQUARED
        and _one(epsilon) is not None
        and all(_is_of_channels(values, axes) for values in (gamma, beta))
    )
    if not is_norm or epsilon is None or gamma is None or beta is None:
        return None
    return Norm(
        mean.input[0], shifted.output[0], axes == LAST, gamma.reshape(-1), beta.reshape(-1), float(epsilon.item())
    )


def _chain(graph: Graph, mean: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return the nodes that follow one another from a mean on, None where they are not those of a normalisation."""
    chain, tensor = [], mean.output[0]
    for operation in STEPS:
        users = [node for node in graph.users(tensor) if node.op_type == operation]
        if len(users) != 1:
            return None
        chain.append(users[0])
        tensor = users[0].output[0]
    return chain


def _one(values: np.ndarray | None) -> float | None:
    return float(values.item()) if values is not None and values.size == 1 else None


def _is_of_channels(values: np.ndarray | None, axes: list[int]) -> bool:
    if values is None:
        return False
    along = axes[0] if axes == LAST else -2
    return values.ndim >= -along and values.shape[along] == values.size
