"""An encoder in fewer steps, which compute the same for a sentence that is spoken alone.

* Masks of padded ids, which hold nothing but ones when there is one sentence, go.
* A normalisation over channels, which exporters write as nine nodes, becomes the one that onnxruntime has a kernel for;
  onnxruntime joins them itself only where no transposition stands beside them, and here one always does.
* Zeros around the input of a convolution become the convolution's own padding, so that its input is not copied.
* A convolution along time becomes one over an image of height 1, for which onnxruntime has its blocked kernels.

What is not recognised stays as it is. Needs the `onnx` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

from portevoix.errors import EngineFailed, ModelBroken
from portevoix.vits.graph import TRANSPARENT, Graph, attribute, number
from portevoix.vits.receptive import timed_tensors
from portevoix.vits.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTHS = "input_lengths"
SOURCES = ("input", "duration_noise")
HEIGHT = "simplified/height"
AXES_AS_INPUT = 13
"""The first opset whose Unsqueeze and Squeeze take their axes as an input."""
NORMALISATION = ("Sub", "Pow", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add")


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an encoder that gives the same results for `input_lengths` equal to the number of ids."""
    for change in (without_masks, with_joined_norms, with_inner_padding, with_images):
        model = change(model)
    return model


def without_masks(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without the products and choices that a mask of all ids leaves without effect."""
    graph = Graph(model)
    timed = set().union(*(timed_tensors(graph.nodes, source) for source in SOURCES))
    ones, nowhere = _masks(graph)
    names: dict[str, str] = {}
    for node in graph.nodes:
        if kept := _unmasked(node, ones, nowhere, timed):
            names[node.output[0]] = names.get(kept, kept)
    return _rewired(graph, graph.nodes, names)


def with_joined_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with each normalisation over the last axis as one node."""
    graph = Graph(model)
    norms = {}
    for node in graph.nodes:
        if (norm := _norm(graph, node)) is not None:
            norms[norm.output[0]] = norm
    return _rewired(graph, [norms.get(next(iter(node.output), ""), node) for node in graph.nodes], {})


def with_inner_padding(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with zeros around inputs of convolutions made by the convolutions themselves."""
    graph = Graph(model)
    return _rewired(graph, [_padded(graph, node) for node in graph.nodes], {})


def with_images(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with convolutions along time over images of height 1."""
    if max((entry.version for entry in model.opset_import if not entry.domain), default=0) < AXES_AS_INPUT:
        return model
    graph = Graph(model)
    weights = [numpy_helper.from_array(np.array([2], dtype=np.int64), HEIGHT)]
    nodes: list[onnx.NodeProto] = []
    for node in graph.nodes:
        kernel = graph.constant(node.input[1]) if node.op_type == "Conv" else None
        if kernel is None or kernel.ndim != len(("out", "in", "taps")) or _pads_by_itself(node):
            nodes.append(node)
            continue
        nodes += _over_image(node, kernel.shape[-1])
        weights.append(numpy_helper.from_array(np.expand_dims(kernel, 2), nodes[-2].input[1]))
    return _rewired(graph, nodes, {}, weights)


def _pads_by_itself(node: onnx.NodeProto) -> bool:
    return any(entry.name == "auto_pad" and entry.s != b"NOTSET" for entry in node.attribute)


def _over_image(node: onnx.NodeProto, taps: int) -> list[onnx.NodeProto]:
    """Return the nodes that compute a convolution along time over an image; its weights are to get a height."""
    result = node.output[0]
    before, after = attribute(node, "pads", [0, 0])
    convolution = helper.make_node(
        "Conv",
        [f"{result}/image", f"{result}/weights", *node.input[2:]],
        [f"{result}/convolved"],
        kernel_shape=[1, taps],
        pads=[0, before, 0, after],
        strides=[1, *attribute(node, "strides", [1])],
        dilations=[1, *attribute(node, "dilations", [1])],
        group=number(node, "group", 1),
    )
    return [
        helper.make_node("Unsqueeze", [node.input[0], HEIGHT], [f"{result}/image"]),
        convolution,
        helper.make_node("Squeeze", [f"{result}/convolved", HEIGHT], [result]),
    ]


def _masks(graph: Graph) -> tuple[set[str], set[str]]:
    """Return the tensors that hold nothing but ones (or true), and those that are nowhere true."""
    ones: set[str] = set()
    nowhere: set[str] = set()
    for node in graph.nodes:
        if _compares_with_lengths(graph, node) or (
            node.op_type in TRANSPARENT | {"Mul"} and all(name in ones for name in node.input[: _operands(node)])
        ):
            ones.update(node.output)
        elif (node.op_type in TRANSPARENT and node.input[0] in nowhere) or (
            node.op_type == "Equal" and node.input[0] in ones and _is(graph.constant(node.input[1]), 0.0)
        ):
            nowhere.update(node.output)
    return ones, nowhere


def _operands(node: onnx.NodeProto) -> int:
    return 2 if node.op_type == "Mul" else 1


def _compares_with_lengths(graph: Graph, node: onnx.NodeProto) -> bool:
    """Tell whether a node asks which of the positions 0, 1, 2 … lie before the sentence's end."""
    if node.op_type != "Less":
        return False
    positions, end = ([found.op_type for found in graph.above([name])] for name in node.input)
    reads_lengths = any(LENGTHS in found.input for found in graph.above([node.input[1]]))
    return "Range" in positions and "Shape" in positions and reads_lengths and set(end) <= TRANSPARENT | {"Constant"}


def _unmasked(node: onnx.NodeProto, ones: set[str], nowhere: set[str], timed: set[str]) -> str | None:
    """Return the operand that a node hands on unchanged, None where it does more."""
    if node.op_type == "Where" and node.input[0] in nowhere:
        return str(node.input[2])
    if node.op_type != "Mul":
        return None
    kept = [name for name in node.input if name not in ones]
    return kept[0] if len(kept) == 1 and kept[0] in timed else None


def _norm(graph: Graph, mean: onnx.NodeProto) -> onnx.NodeProto | None:
    """Return the one node for the normalisation that begins with a mean, None where none does."""
    if mean.op_type != "ReduceMean" or attribute(mean, "axes", []) != [-1]:
        return None
    chain, tensor = [mean], mean.output[0]
    for operation in NORMALISATION:
        users = [node for node in graph.users(tensor) if node.op_type == operation]
        if len(users) != 1:
            return None
        chain.append(users[0])
        tensor = users[0].output[0]
    _, centred, square, _, variance, _, scaled, weighted, shifted = chain
    epsilon, gamma, beta = (graph.constant(node.input[1]) for node in (variance, weighted, shifted))
    is_norm = (
        centred.input[0] == mean.input[0]
        and scaled.input[0] == centred.output[0]
        and _is(graph.constant(square.input[1]), 2.0)
        and epsilon is not None
        and epsilon.size == 1
        and all(values is not None and values.ndim == 1 for values in (gamma, beta))
    )
    if not is_norm or epsilon is None:
        return None
    return helper.make_node(
        "LayerNormalization",
        [mean.input[0], weighted.input[1], shifted.input[1]],
        [shifted.output[0]],
        axis=-1,
        epsilon=float(epsilon.item()),
    )


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
    is_zero = all(_is(graph.constant(name), 0.0) for name in node.input[2:] if name)
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


def _is(values: np.ndarray | None, number: float) -> bool:
    return values is not None and values.size == 1 and float(values.item()) == number


def _rewired(
    graph: Graph,
    nodes: Iterable[onnx.NodeProto],
    names: dict[str, str],
    weights: Iterable[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """Return the model with other nodes, renamed tensors and more weights, without what nobody reads."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    needed = Graph(model).above(graph.outputs)
    del model.graph.node[:]
    model.graph.node.extend(needed)
    read = Graph(model).weights(needed)
    del model.graph.initializer[:]
    model.graph.initializer.extend(read)
    return model
