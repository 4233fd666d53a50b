"""How many neighbours each tensor of a convolutional part needs to each side, computed from the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portevoix.vits.cut import unsplittable
from portevoix.vits.graph import Graph, attribute, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

ARITHMETIC = frozenset({"Add", "Div", "Exp", "Mul", "Neg", "Pow", "Sqrt", "Sub"})
ACTIVATIONS = frozenset({"Erf", "LeakyRelu", "Relu", "Sigmoid", "Softplus", "Tanh"})
REARRANGEMENTS = frozenset({"Cast", "Concat", "Dropout", "Identity", "Slice", "Split"})
POINTWISE = ARITHMETIC | ACTIVATIONS | REARRANGEMENTS
SHAPE_ONLY = frozenset({"Shape", "Size"})
WHOLE = 2**31 - 1


class Reach(NamedTuple):
    """Neighbours needed before the first and after the last wanted position of a tensor, in its own steps."""

    left: int
    right: int

    def widest(self, other: Reach) -> Reach:
        """Return what covers both."""
        return Reach(max(self.left, other.left), max(self.right, other.right))


def timed_tensors(nodes: Iterable[onnx.NodeProto], source: str) -> set[str]:
    """Return the tensors that carry the source's time axis: what is computed from it, but not from its shape alone."""
    timed = {source}
    for node in nodes:
        if node.op_type not in SHAPE_ONLY and timed & set(node.input):
            timed.update(node.output)
    return timed


def reaches(graph: Graph, nodes: list[onnx.NodeProto], source: str, target: str) -> dict[str, Reach]:
    """Return what every tensor between `source` and `target` needs so that the target's wanted range is exact.

    Raises:
        ModelUnsupported: a node on the way mixes positions in a way that is not known here.
    """
    timed = timed_tensors(nodes, source)
    found = {target: Reach(0, 0)}
    for node in reversed(nodes):
        wanted = [found[name] for name in node.output if name in found]
        if not wanted:
            continue
        need = _through(graph, node, wanted[0])
        for name in node.input:
            if name in timed:
                found[name] = found.get(name, need).widest(need)
    return found


def _through(graph: Graph, node: onnx.NodeProto, wanted: Reach) -> Reach:
    if node.op_type == "Conv":
        return _through_convolution(node, wanted)
    if node.op_type == "ConvTranspose":
        return _through_upsampling(node, wanted)
    if node.op_type not in POINTWISE or _moves_in_time(graph, node):
        raise unsplittable(f"a {node.op_type} stands where only convolutions are known")
    return wanted


def _through_convolution(node: onnx.NodeProto, wanted: Reach) -> Reach:
    (taps,), (step,) = attribute(node, "kernel_shape", [1]), attribute(node, "dilations", [1])
    before, after = attribute(node, "pads", [0, 0])
    if attribute(node, "strides", [1]) != [1] or before + after != (taps - 1) * step:
        raise unsplittable("a convolution changes the number of positions")
    return Reach(wanted.left + before, wanted.right + after)


def _through_upsampling(node: onnx.NodeProto, wanted: Reach) -> Reach:
    """Count inputs m with 0 <= i + pad - m * stride < taps for the outputs i that are wanted."""
    (taps,), (stride,) = attribute(node, "kernel_shape", [1]), attribute(node, "strides", [1])
    before, after = attribute(node, "pads", [0, 0])
    if before + after != taps - stride or attribute(node, "dilations", [1]) != [1]:
        raise unsplittable("an upsampling does not multiply the number of positions")
    first = -((wanted.left + taps - 1 - before) // stride)
    last = (wanted.right - 1 + before) // stride
    return Reach(max(0, -first), max(0, last + 1))


def _moves_in_time(graph: Graph, node: onnx.NodeProto) -> bool:
    """Tell whether a node that may work along any axis works along time, the last of three."""
    if node.op_type in {"Concat", "Split"}:
        return number(node, "axis", 0) not in {1, -2}
    if node.op_type != "Slice":
        return False
    starts, ends, axes, steps = (_slice_input(graph, node, position) for position in range(1, 5))
    if starts is None or ends is None or axes is None:
        return True
    stride = np.ones_like(starts) if steps is None else steps
    along_time = (axes == 2) | (axes == -1)  # noqa: PLR2004 - the axes of [batch, channels, time]
    return bool(np.any(along_time & ~((starts == 0) & (ends >= WHOLE) & (stride == 1))))


def _slice_input(graph: Graph, node: onnx.NodeProto, position: int) -> np.ndarray | None:
    return graph.constant(node.input[position]) if position < len(node.input) else None
