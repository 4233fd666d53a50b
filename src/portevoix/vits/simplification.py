"""An encoder or a flow in fewer steps, which compute the same for a sentence that is spoken alone.

* What changes nothing goes: masks of padded ids, which hold nothing but ones when there is one sentence, sums with
  zeros, slices from the first to the last.
* A normalisation over channels becomes one node.
* Zeros around the input of a convolution become the convolution's own padding, so that its input is not copied.
* What is left is laid out in rows, see `portevoix.vits.rows`.

What is not recognised stays as it is. Needs the `onnx` package.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import onnx
from onnx import helper, numpy_helper

from portevoix.errors import EngineFailed, ModelBroken, ModelUnsupported
from portevoix.vits.attention import attentions
from portevoix.vits.graph import TRANSPARENT, Graph, attribute
from portevoix.vits.margins import with_margins
from portevoix.vits.norm import norm_from
from portevoix.vits.receptive import timed_tensors
from portevoix.vits.rows import Layout
from portevoix.vits.sessions import open_session
from portevoix.vits.spline import splines
from portevoix.vits.writer import LAST, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from portevoix.vits.receptive import Reach

LENGTHS = "input_lengths"
SOURCES = ("input", "duration_noise", "prior")
AXES_AS_INPUT = 13
"""The first opset whose Unsqueeze and Squeeze take their axes as an input."""
FUNCTIONS: dict[str, Callable[..., float]] = {
    "Equal": operator.eq,
    "Exp": math.exp,
    "Mul": operator.mul,
    "Neg": operator.neg,
}
NEUTRAL = {"Add": 0.0, "Div": 1.0, "Mul": 1.0, "Sub": 0.0}
"""What an operation's second operand must be everywhere to leave the first one as it is."""
COMMUTATIVE = frozenset({"Add", "Mul"})


def simplified(encoder: onnx.ModelProto) -> onnx.ModelProto:
    """Return an encoder that gives the same results for `input_lengths` equal to the number of ids."""
    for change in (without_idle_nodes, with_joined_norms, with_inner_padding):
        encoder = change(encoder)
    return in_rows(encoder) or encoder


def simplified_flow(flow: onnx.ModelProto, needs: Mapping[str, Reach]) -> onnx.ModelProto:
    """Return a flow that cuts, on the way, the positions which nobody `needs` any more; it takes `margins`."""
    flow = without_idle_nodes(flow)
    return in_rows(flow, needs) or with_margins(flow)


def without_idle_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without nodes that hand on one of their operands as it is."""
    graph = Graph(model)
    timed = set().union(*(timed_tensors(graph.nodes, source) for source in SOURCES))
    values = _uniform_values(graph)
    names: dict[str, str] = {}
    for node in graph.nodes:
        kept = _handed_on(graph, node, values)
        if kept is not None and kept in timed:
            names[node.output[0]] = names.get(kept, kept)
    return graph.rewired(graph.nodes, names)


def with_joined_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with each normalisation over channels as one node."""
    graph, writer = Graph(model), Writer("norm")
    norms = {norm.output: norm for node in graph.nodes if (norm := norm_from(graph, node)) is not None}
    for node in graph.nodes:
        if (norm := norms.get(node.output[0])) is not None:
            norm.write(writer)
        else:
            writer.nodes.append(node)
    return graph.rewired(writer.nodes, weights=writer.weights)


def with_inner_padding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with zeros around inputs of convolutions made by the convolutions themselves."""
    graph = Graph(model)
    return graph.rewired([_padded(graph, node) for node in graph.nodes])


def in_rows(model: onnx.ModelProto, needs: Mapping[str, Reach] | None = None) -> onnx.ModelProto | None:
    """Return the model laid out in rows, None where its operations are too old for that, or too strange."""
    if max((entry.version for entry in model.opset_import if not entry.domain), default=0) < AXES_AS_INPUT:
        return None
    graph = Graph(model)
    try:
        return Layout(graph, [*attentions(graph), *splines(graph)], needs).model()
    except ModelUnsupported:
        return None


def _uniform_values(graph: Graph) -> dict[str, float]:
    """Return the tensors that hold one number everywhere, such as masks of all ids, with that number."""
    values: dict[str, float] = {}
    for node in graph.nodes:
        value = _uniform_value(graph, node, values)
        if value is not None:
            values |= dict.fromkeys(node.output, value)
    return values


def _uniform_value(graph: Graph, node: onnx.NodeProto, values: dict[str, float]) -> float | None:
    if _compares_with_lengths(graph, node):
        return 1.0
    if node.op_type == "ConstantOfShape":
        return float(next((numpy_helper.to_array(entry.t).item() for entry in node.attribute), 0))
    operands = [values.get(name, _number(graph, name)) for name in node.input]
    if node.op_type in TRANSPARENT:
        return operands[0]
    if node.op_type not in FUNCTIONS or node.input[0] not in values or None in operands:
        return None
    return float(FUNCTIONS[node.op_type](*operands))


def _number(graph: Graph, tensor: str) -> float | None:
    stored = graph.constant(tensor)
    return float(stored.item()) if stored is not None and stored.size == 1 else None


def _compares_with_lengths(graph: Graph, node: onnx.NodeProto) -> bool:
    """Tell whether a node asks which of the positions 0, 1, 2 … lie before the sentence's end."""
    if node.op_type != "Less":
        return False
    positions, end = ([found.op_type for found in graph.above([name])] for name in node.input)
    reads_lengths = any(LENGTHS in found.input for found in graph.above([node.input[1]]))
    return "Range" in positions and "Shape" in positions and reads_lengths and set(end) <= TRANSPARENT | {"Constant"}


def _handed_on(graph: Graph, node: onnx.NodeProto, values: dict[str, float]) -> str | None:
    """Return the operand that a node hands on unchanged, None where it does more."""
    if node.op_type == "Slice":
        return str(node.input[0]) if _takes_all(graph, node) else None
    if node.op_type == "Where" and node.input[0] in values:
        return str(node.input[1 if values[node.input[0]] else 2])
    kept = [name for name in node.input if values.get(name) != NEUTRAL.get(node.op_type)]
    is_kept = len(kept) == 1 and (node.op_type in COMMUTATIVE or kept[0] == node.input[0])
    return str(kept[0]) if node.op_type in NEUTRAL and is_kept else None


def _takes_all(graph: Graph, node: onnx.NodeProto) -> bool:
    bounds = [_number(graph, name) for name in node.input[1:]]
    return bounds[0] == 0 and (bounds[1] or 0) >= LAST and bounds[3:] in ([], [1])


def _padded(graph: Graph, node: onnx.NodeProto) -> onnx.NodeProto:
    """Return a convolution that pads its input itself where a node before it does nothing else; else the node."""
    pad = graph.maker(node.input[0]) if node.op_type == "Conv" else None
    if pad is None or not _pads_with_zeros(graph, pad) or attribute(node, "pads", []) != [0, 0]:
        return node
    amounts = _computed(graph, pad.input[1])
    if amounts is None or amounts.shape != (6,) or amounts.min() < 0 or amounts[[0, 1, 3, 4]].any():
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[0] = pad.input[0]
    for entry in copy.attribute:
        if entry.name == "pads":
            entry.ints[:] = [int(amounts[2]), int(amounts[5])]
    return copy


def _pads_with_zeros(graph: Graph, node: onnx.NodeProto) -> bool:
    mode = next((entry.s for entry in node.attribute if entry.name == "mode"), b"constant")
    is_zero = all(_number(graph, name) == 0.0 for name in node.input[2:] if name)
    return node.op_type == "Pad" and mode == b"constant" and is_zero


def _computed(graph: Graph, tensor: str) -> np.ndarray | None:
    """Return the value of a tensor that depends on no input, None for others."""
    if (stored := graph.constant(tensor)) is not None:
        return stored
    nodes = graph.above([tensor])
    if {name for node in nodes for name in node.input} & set(graph.inputs):
        return None
    body = helper.make_graph(nodes, "constant", [], [onnx.ValueInfoProto(name=tensor)], graph.weights(nodes))
    model = helper.make_model(body, opset_imports=graph.model.opset_import, ir_version=graph.model.ir_version)
    try:
        return open_session("constant", model.SerializeToString()).run({})[0]
    except (ModelBroken, EngineFailed):
        return None
