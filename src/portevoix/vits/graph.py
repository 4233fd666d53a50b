"""A voice's ONNX graph as a network of tensors: who makes which, who depends on which.

Needs the `onnx` package, which only splitting a voice does.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RANDOM = frozenset({"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"})
TRANSPARENT = frozenset({"Identity", "Transpose", "Cast", "Squeeze", "Unsqueeze"})
"""Operations that hand on the same values in another shape or type."""


class Graph:
    """Index the nodes of a model by the tensors they make and use; the model itself is never changed.

    Node names are never looked at: exporters, simplifiers and optimisers all rename them.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes: list[onnx.NodeProto] = list(model.graph.node)
        self._makers = {name: index for index, node in enumerate(self.nodes) for name in node.output if name}
        self._users: dict[str, list[int]] = defaultdict(list)
        for index, node in enumerate(self.nodes):
            for name in node.input:
                self._users[name].append(index)
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self.inputs = [entry.name for entry in model.graph.input if entry.name not in self._initializers]
        self.outputs = [entry.name for entry in model.graph.output]

    def maker(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor, or None for inputs and stored weights."""
        index = self._makers.get(tensor)
        return None if index is None else self.nodes[index]

    def users(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the nodes that read a tensor, in the graph's order."""
        return [self.nodes[index] for index in self._users[tensor]]

    def above(self, tensors: Iterable[str], stop: Iterable[str] = ()) -> list[onnx.NodeProto]:
        """Return the nodes that the tensors depend on, in order, not going beyond the tensors in `stop`."""
        seen = set(stop)
        open_ends = [name for name in tensors if name not in seen]
        found: set[int] = set()
        while open_ends:
            index = self._makers.get(open_ends.pop())
            if index is None or index in found:
                continue
            found.add(index)
            open_ends.extend(name for name in self.nodes[index].input if name and name not in seen)
        return [self.nodes[index] for index in sorted(found)]

    def below(self, tensor: str) -> set[str]:
        """Return every tensor whose values or shape depend on `tensor`, itself included."""
        seen, open_ends = {tensor}, [tensor]
        while open_ends:
            for index in self._users[open_ends.pop()]:
                fresh = [name for name in self.nodes[index].output if name not in seen]
                seen.update(fresh)
                open_ends.extend(fresh)
        return seen

    def constant(self, tensor: str) -> np.ndarray | None:
        """Return a tensor's value where the graph stores it, as an initializer or a Constant node, else None."""
        if tensor in self._initializers:
            return np.asarray(numpy_helper.to_array(self._initializers[tensor]))
        node = self.maker(tensor)
        if node is None or node.op_type not in {"Constant", "Identity"}:
            return None
        if node.op_type == "Identity":
            return self.constant(node.input[0])
        return next((numpy_helper.to_array(entry.t) for entry in node.attribute if entry.name == "value"), None)

    def weights(self, nodes: Iterable[onnx.NodeProto]) -> list[onnx.TensorProto]:
        """Return the stored tensors that the nodes read."""
        used = {name for node in nodes for name in node.input}
        return [tensor for name, tensor in self._initializers.items() if name in used]

    def rewired(
        self,
        nodes: Iterable[onnx.NodeProto],
        names: Mapping[str, str] | None = None,
        weights: Iterable[onnx.TensorProto] = (),
    ) -> onnx.ModelProto:
        """Return the model with other nodes, renamed tensors and more weights, without what nobody reads."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(weights)
        for node in model.graph.node:
            node.input[:] = [(names or {}).get(name, name) for name in node.input]
        needed = Graph(model).above(self.outputs)
        del model.graph.node[:]
        model.graph.node.extend(needed)
        read = Graph(model).weights(needed)
        del model.graph.initializer[:]
        model.graph.initializer.extend(read)
        return model


def attribute(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    """Return a list-of-integers attribute of a node."""
    return next((list(entry.ints) for entry in node.attribute if entry.name == name), default)


def number(node: onnx.NodeProto, name: str, default: int) -> int:
    """Return an integer attribute of a node."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), default)
