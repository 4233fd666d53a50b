"""Cut what nobody needs any more from the ends of tensors, in a graph that is being written.

Around the positions that are wanted, convolutions need some more. The graph is told in its input `margins`, int64 [2],
how many there are before and after; the further it has come, the fewer are still needed.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from portevoix.vits.receptive import Reach
from portevoix.vits.writer import Writer

MARGINS = "margins"


class Margins:
    """Keep count of how many positions there still are on each side of those that are wanted."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._there = [writer.add("Gather", [MARGINS, writer.integers([side])]) for side in (0, 1)]

    def spare(self, need: Reach, factor: int = 1) -> list[str]:
        """Return how many positions on each side go beyond the need, int64 [1]; from now on they count as cut.

        Args:
            need: how many are needed from here on.
            factor: how many positions there are now for each one before.
        """
        writer = self._writer
        there = [writer.add("Mul", [count, writer.integers([factor])]) for count in self._there]
        self._there = [
            writer.add("Min", [count, writer.integers([needed])]) for count, needed in zip(there, need, strict=True)
        ]
        return [writer.add("Sub", list(pair)) for pair in zip(there, self._there, strict=True)]

    def cropped(self, tensor: str, need: Reach, axis: int, factor: int = 1) -> str:
        """Return a tensor without its spare positions."""
        left, right = self.spare(need, factor)
        return self._writer.crop(tensor, left, right, axis)


def with_margins(part: onnx.ModelProto) -> onnx.ModelProto:
    """Return a part, whose output has time as its last of three axes, that takes `margins` and cuts them off."""
    name = part.graph.output[0].name
    writer = Writer(MARGINS)
    cropped = Margins(writer).cropped(name, Reach(0, 0), axis=2)
    model = onnx.ModelProto()
    model.CopyFrom(part)
    model.graph.node.extend(writer.nodes)
    model.graph.initializer.extend(writer.weights)
    model.graph.input.append(margins_input())
    model.graph.output[0].name = cropped
    return model


def margins_input() -> onnx.ValueInfoProto:
    """Return how graphs declare their margins."""
    return helper.make_tensor_value_info(MARGINS, TensorProto.INT64, [2])
