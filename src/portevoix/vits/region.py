"""Some nodes of a graph between the tensors they take and the one they make.

Exporters differ in how they write a thing down, so a region is known by what it computes and not by how it looks: who
thinks to know it writes it anew, and both are tried on random numbers. Needs the `onnx` package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper

from portevoix.errors import EngineFailed, ModelBroken
from portevoix.vits.network import are_near
from portevoix.vits.sessions import open_session
from portevoix.vits.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portevoix.vits.graph import Graph

PROBE_IDS = (1, 3, 29)
"""One sound, few, and more than any window of relative positions."""
PROBE_SPREAD = 3.0
LARGEST_ERROR = 1e-4
OPSET = 17
IR_VERSION = 8


class Unit(Protocol):
    """What a region computes, written anew."""

    @property
    def region(self) -> Region:
        """The nodes that it stands for."""

    def write(self, writer: Writer, rows: Sequence[str]) -> str:
        """Write it for the region's inputs in rows, [ids, channels]; return its output in rows."""


@dataclass(frozen=True)
class Region:
    """Nodes that compute a tensor [1, channels, ids] of others of that kind.

    Attributes:
        inputs: the tensors they take, with the channels of each.
        output: the tensor they make.
        nodes: the nodes, in order.
        weights: what is stored for them.
        opset: the version of the operations.
    """

    inputs: Mapping[str, int]
    output: str
    nodes: Sequence[onnx.NodeProto]
    weights: Sequence[onnx.TensorProto]
    opset: int

    def tensors(self) -> set[str]:
        """Return the tensors that the nodes make, but for those they store."""
        return {name for node in self.nodes if node.op_type != "Constant" for name in node.output}

    def is_computed_by(self, unit: Unit) -> bool:
        """Tell whether a unit gives what the nodes give, for random inputs."""
        try:
            stock, anew = (open_session("region", model) for model in (self._as_it_is(), self._written(unit)))
            return all(
                are_near(stock.run(probe)[0], anew.run(probe)[0], LARGEST_ERROR)
                for probe in map(self._probe, PROBE_IDS)
            )
        except (ModelBroken, EngineFailed):
            return False

    def _probe(self, ids: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng(ids)
        return {
            name: PROBE_SPREAD * random.standard_normal((1, channels, ids), dtype=np.float32)
            for name, channels in self.inputs.items()
        }

    def _as_it_is(self) -> bytes:
        return self._model(self.nodes, self.weights, self.output, self.opset)

    def _written(self, unit: Unit) -> bytes:
        writer = Writer("unit")
        first = writer.integers([0])
        rows = [writer.add("Transpose", [writer.add("Squeeze", [name, first])], perm=[1, 0]) for name in self.inputs]
        turned = writer.add("Transpose", [unit.write(writer, rows)], perm=[1, 0])
        writer.add("Unsqueeze", [turned, first], into="written")
        return self._model(writer.nodes, writer.weights, "written", OPSET)

    def _model(
        self, nodes: Sequence[onnx.NodeProto], weights: Sequence[onnx.TensorProto], output: str, opset: int
    ) -> bytes:
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, "ids"])
            for name, channels in self.inputs.items()
        ]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        body = helper.make_graph(nodes, "region", inputs, outputs, weights)
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
        return bytes(model.SerializeToString())


def region_above(graph: Graph, output: str, borders: Mapping[str, int]) -> Region | None:
    """Return the nodes that make `output` of some of the `borders`, tensors with their channels.

    None where they take something else too.
    """
    nodes = graph.above([output], stop=borders)
    read = {name for node in nodes for name in node.input}
    if read & set(graph.inputs):
        return None
    inputs = {name: channels for name, channels in borders.items() if name in read}
    opset = max(entry.version for entry in graph.model.opset_import if not entry.domain)
    return Region(inputs, output, nodes, graph.weights(nodes), opset)


def convolutions(graph: Graph) -> dict[str, int]:
    """Return what each convolution with a stored kernel makes, with its channels."""
    kernels = {node.output[0]: graph.constant(node.input[1]) for node in graph.nodes if node.op_type == "Conv"}
    return {name: len(kernel) for name, kernel in kernels.items() if kernel is not None}
