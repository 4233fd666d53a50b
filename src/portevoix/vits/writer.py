"""Collect the nodes and weights of a graph that is being written. Needs the `onnx` package."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

LAST = 2**31 - 1
"""The end of a slice that reaches to the end."""


class Writer:
    """Append nodes and weights; each gets a name that begins with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._prefix = prefix
        self._made = 0
        self._integers: dict[tuple[int, ...], str] = {}

    def add(self, operation: str, inputs: list[str], into: str = "", **attributes: object) -> str:
        """Append a node and return the name of what it makes."""
        name = into or self._name()
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def copy(self, node: onnx.NodeProto, inputs: list[str], into: str = "") -> str:
        """Append a node that does with `inputs` what `node` does with its own; return the name of what it makes."""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.input[:] = inputs
        copy.output[:] = [into or self._name()]
        self.nodes.append(copy)
        return str(copy.output[0])

    def integers(self, values: list[int]) -> str:
        """Store int64 values, equal ones once, and return their name."""
        key = tuple(values)
        if key not in self._integers:
            self._integers[key] = self.store(np.array(values, dtype=np.int64))
        return self._integers[key]

    def store(self, values: np.ndarray) -> str:
        """Store an array and return its name."""
        name = self._name()
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def number(self, value: float) -> str:
        """Store one float32 and return its name."""
        return self.store(np.array(value, dtype=np.float32))

    def split(self, tensor: str, sizes: list[int], axis: int) -> list[str]:
        """Cut a tensor into pieces along an axis."""
        names = [self._name() for _ in sizes]
        self.nodes.append(helper.make_node("Split", [tensor, self.integers(sizes)], names, axis=axis))
        return names

    def part(self, tensor: str, axis: int, first: int, last: int = LAST) -> str:
        """Return positions `first`..`last` along an axis; negative ones count from the end."""
        return self.add("Slice", [tensor, *(self.integers([value]) for value in (first, last, axis))])

    def crop(self, tensor: str, left: str, right: str, axis: int) -> str:
        """Cut `left` positions from the start of an axis and `right` from its end, each int64 [1] in the graph."""
        end = self.add("Sub", [self.length(tensor, axis), right])
        return self.add("Slice", [tensor, left, end, self.integers([axis])])

    def length(self, tensor: str, axis: int = 0) -> str:
        """Return the length of an axis, int64 [1]."""
        return self.add("Gather", [self.add("Shape", [tensor]), self.integers([axis])])

    def _name(self) -> str:
        self._made += 1
        return f"{self._prefix}/{self._made}"
