"""The decoder as a graph of its own, in two forms that give the same samples.

The plain form copies the stock nodes. The rewritten form computes the same sums in an order that processors like:

* a convolution along time becomes one over an image of height 1, for which onnxruntime has its blocked kernels;
* a transposed convolution whose taps are a multiple of its stride becomes an ordinary convolution that computes all
  phases of the output at once (polyphase filters, as in P. P. Vaidyanathan, "Multirate Systems and Filter Banks",
  1993, section 4.3), followed by a reshape that puts the phases side by side in time;
* after each upsampling, the context that no later node needs is cut off, so that it is not upsampled to the end.

Both forms take `margins`, int64 [2]: how many frames of `latents`, before and after those to be heard, are context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from portevoix.errors import ModelUnsupported
from portevoix.vits.graph import attribute, number
from portevoix.vits.margins import Margins, margins_input
from portevoix.vits.receptive import Reach, timed_tensors
from portevoix.vits.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.vits.cut import Cut
    from portevoix.vits.graph import Graph

OPSET = 17
IR_VERSION = 8
POINTWISE = frozenset({"Add", "Div", "Identity", "LeakyRelu", "Mul", "Sub", "Tanh"})


def plain_decoder(graph: Graph, cut: Cut, nodes: list[onnx.NodeProto]) -> tuple[onnx.ModelProto, int]:
    """Return the decoder of stock nodes, and the samples that it makes of a frame."""
    hop_samples = _hop_samples(nodes)
    writer = Writer("plain")
    writer.nodes = [_fed_by(node, cut.latents) for node in nodes]
    writer.weights = graph.weights(nodes)
    wanted = Margins(writer).cropped(cut.samples, Reach(0, 0), axis=2, factor=hop_samples)
    return _model(writer, wanted, graph.model.opset_import, graph.model.ir_version), hop_samples


def rewritten_decoder(
    graph: Graph, cut: Cut, nodes: list[onnx.NodeProto], needs: dict[str, Reach]
) -> onnx.ModelProto | None:
    """Return the fast form, or None where a node is not one that the form knows."""
    try:
        return _Rewriting(graph, cut, nodes, needs).result()
    except ModelUnsupported:
        return None


def _hop_samples(nodes: list[onnx.NodeProto]) -> int:
    strides = [attribute(node, "strides", [1])[-1] for node in nodes if node.op_type == "ConvTranspose"]
    return int(np.prod(strides))


def _fed_by(node: onnx.NodeProto, latents: str) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = ["latents" if name == latents else name for name in node.input]
    return copy


def _model(writer: Writer, samples: str, opsets: Sequence[onnx.OperatorSetIdProto], ir_version: int) -> onnx.ModelProto:
    """Return the decoder that was written, whose result is `samples`."""
    writer.add("Identity", [samples], into="samples")
    inputs = [
        helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["batch", "channels", "frames"]),
        margins_input(),
    ]
    if any("sid" in node.input for node in writer.nodes):
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
    outputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, None)]
    body = helper.make_graph(writer.nodes, "decoder", inputs, outputs, writer.weights)
    return helper.make_model(body, opset_imports=opsets, ir_version=ir_version)


class _Rewriting:
    """Rewrite a decoder node by node; tensors along time get the shape [batch, channels, 1, time]."""

    def __init__(self, graph: Graph, cut: Cut, nodes: list[onnx.NodeProto], needs: dict[str, Reach]) -> None:
        self.graph = graph
        self.cut = cut
        self.nodes = nodes
        self.needs = needs
        self.timed = timed_tensors(nodes, cut.latents)
        self.form = Writer("rewritten")
        self.margins = Margins(self.form)
        self.names: dict[str, str] = {}

    def result(self) -> onnx.ModelProto:
        """Return the rewritten decoder."""
        form = self.form
        self.names[self.cut.latents] = form.add("Unsqueeze", ["latents", form.integers([2])])
        untimed = [node for node in self.nodes if not set(node.input) & self.timed]
        form.nodes += untimed
        form.weights += self.graph.weights(untimed)
        for node in self.nodes:
            if node.op_type != "Constant" and set(node.input) & self.timed:
                self.names[node.output[0]] = self._rewritten(node)
        wanted = self.margins.cropped(self.names[self.cut.samples], Reach(0, 0), axis=3)
        samples = form.add("Squeeze", [wanted, form.integers([2])])
        return _model(form, samples, [helper.make_opsetid("", OPSET)], IR_VERSION)

    def _rewritten(self, node: onnx.NodeProto) -> str:
        if node.op_type == "Conv":
            return self._convolution(node)
        if node.op_type == "ConvTranspose":
            return self._upsampling(node)
        if node.op_type not in POINTWISE:
            raise ModelUnsupported("the decoder cannot be rewritten", f"it has a {node.op_type}")
        inputs = [self.names[name] if name in self.timed else self._beside(name) for name in node.input]
        return self.form.copy(node, inputs)

    def _beside(self, name: str) -> str:
        """Return an operand that does not run along time in a shape that fits [1, channels, 1, time]."""
        constant = self.graph.constant(name)
        if constant is None:
            return self.form.add("Unsqueeze", [name, self.form.integers([2])])
        return self.form.store(constant if constant.ndim == 0 else np.expand_dims(constant, -2))

    def _weights(self, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray | None]:
        stored = [self.graph.constant(name) for name in node.input[1:] if name]
        if not stored or any(values is None for values in stored) or number(node, "group", 1) != 1:
            raise ModelUnsupported("the decoder cannot be rewritten", "the weights of a convolution are not stored")
        bias = stored[1] if len(stored) > 1 else None
        assert stored[0] is not None  # noqa: S101 - checked above, for the type checker
        return stored[0], bias

    def _convolution(self, node: onnx.NodeProto) -> str:
        weights, bias = self._weights(node)
        before, after = attribute(node, "pads", [0, 0])
        return self._image_convolution(
            self.names[node.input[0]], weights, bias, (before, after), attribute(node, "dilations", [1])[0]
        )

    def _image_convolution(
        self, tensor: str, weights: np.ndarray, bias: np.ndarray | None, pads: tuple[int, int], dilation: int
    ) -> str:
        inputs = [tensor, self.form.store(weights[:, :, None, :])]
        if bias is not None:
            inputs.append(self.form.store(bias))
        return self.form.add(
            "Conv",
            inputs,
            kernel_shape=[1, weights.shape[-1]],
            pads=[0, pads[0], 0, pads[1]],
            strides=[1, 1],
            dilations=[1, dilation],
        )

    def _upsampling(self, node: onnx.NodeProto) -> str:
        weights, bias = self._weights(node)
        (stride,), (before, after) = attribute(node, "strides", [1]), attribute(node, "pads", [0, 0])
        taps = weights.shape[-1] // stride
        if weights.shape[-1] % stride:
            raise ModelUnsupported("the decoder cannot be rewritten", "an upsampling has taps beside its stride")
        phases = self._image_convolution(
            self.names[node.input[0]],
            _polyphase(weights, stride),
            None if bias is None else np.tile(bias, stride),
            (taps - 1, taps - 1),
            1,
        )
        spread = self._side_by_side(phases, weights.shape[1])
        left, right = self.margins.spare(self.needs[node.output[0]], stride)
        left, right = (
            self.form.add("Add", [side, self.form.integers([pad])]) for side, pad in ((left, before), (right, after))
        )
        cropped = self.form.crop(spread, left, right, axis=2)
        return self.form.add("Transpose", [cropped], perm=[0, 3, 1, 2])

    def _side_by_side(self, phases: str, channels: int) -> str:
        """Turn [batch, stride * channels, 1, n] into [batch, 1, n * stride, channels]."""
        rows = self.form.add("Transpose", [phases], perm=[0, 2, 3, 1])
        return self.form.add("Reshape", [rows, self.form.integers([0, 1, -1, channels])])


def _polyphase(weights: np.ndarray, stride: int) -> np.ndarray:
    """Return the filters of an ordinary convolution that computes all phases of a transposed one.

    Takes [in, out, taps * stride]; gives [stride * out, in, taps], the phase being the slower index, so that output
    n * stride + q of the transposed convolution is the sum over j of weights[..., j * stride + q] times input n - j.
    """
    channels_in, channels_out, length = weights.shape
    phases = weights.reshape(channels_in, channels_out, length // stride, stride)[:, :, ::-1, :]
    return phases.transpose(3, 1, 0, 2).reshape(stride * channels_out, channels_in, length // stride)
