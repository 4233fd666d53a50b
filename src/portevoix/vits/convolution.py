"""A convolution along time, as products of matrices on rows. Needs the `onnx` package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portevoix.vits.graph import Graph, attribute, number
from portevoix.vits.writer import LAST, Writer

if TYPE_CHECKING:
    import onnx

KERNEL = ("outputs", "inputs", "taps")


@dataclass(frozen=True)
class Convolution:
    """A convolution that makes one row of each row.

    Attributes:
        kernel: float32 [outputs, inputs, taps]; [channels, 1, taps] where each channel has its own.
        bias: float32 [outputs].
        before: how many rows before its own the first tap lies.
        step: how many rows lie between two taps.
        is_by_channel: whether each channel is convolved alone.
    """

    kernel: np.ndarray
    bias: np.ndarray
    before: int
    step: int
    is_by_channel: bool

    def write(self, writer: Writer, rows: str) -> str:
        """Write it for rows, [positions, inputs]; return [positions, outputs].

        Rows are moved before the product with the taps, or, where there are fewer outputs than inputs, after it.
        """
        outputs, inputs, taps = self.kernel.shape
        if self.is_by_channel:
            return self._by_channel(writer, rows)
        if taps == 1:
            return self._product(writer, rows, self.kernel[..., 0].T, self.bias)
        if inputs <= outputs:
            beside = writer.add("Concat", self._moved(writer, rows), axis=1)
            return self._product(writer, beside, self.kernel.transpose(2, 1, 0).reshape(-1, outputs), self.bias)
        products = self._product(writer, rows, self.kernel.transpose(1, 2, 0).reshape(inputs, -1))
        moved = [
            writer.part(one, 1, tap * outputs, (tap + 1) * outputs)
            for tap, one in enumerate(self._moved(writer, products))
        ]
        return self._sum(writer, moved)

    def _by_channel(self, writer: Writer, rows: str) -> str:
        factors = [writer.store(self.kernel[None, :, 0, tap]) for tap in range(self.kernel.shape[-1])]
        pairs = zip(self._moved(writer, rows), factors, strict=True)
        return self._sum(writer, [writer.add("Mul", list(pair)) for pair in pairs])

    def _product(self, writer: Writer, rows: str, matrix: np.ndarray, bias: np.ndarray | None = None) -> str:
        stored = [writer.store(values) for values in (matrix, bias) if values is not None]
        return writer.add("Gemm", [rows, *stored])

    def _sum(self, writer: Writer, terms: list[str]) -> str:
        total = writer.store(self.bias[None])
        for term in terms:
            total = writer.add("Add", [term, total])
        return total

    def _moved(self, writer: Writer, rows: str) -> list[str]:
        """Return for each tap the rows that it sees, zeros beyond the ends."""
        span = (self.kernel.shape[-1] - 1) * self.step
        wide = writer.add("Pad", [rows, writer.integers([self.before, 0, span - self.before, 0])])
        places = range(0, span + 1, self.step)
        return [writer.part(wide, 0, place, place - span or LAST) for place in places]


def convolution(graph: Graph, node: onnx.NodeProto) -> Convolution | None:
    """Return what a Conv node does, None where it is not known or does not make one row of each."""
    kernel, bias = graph.constant(node.input[1]), _bias(graph, node)
    if kernel is None or bias is None or kernel.ndim != len(KERNEL) or not _keeps_length(node, kernel):
        return None
    group = number(node, "group", 1)
    is_by_channel = group > 1 and group == len(kernel) and kernel.shape[1] == 1
    if group > 1 and not is_by_channel:
        return None
    (before, _), (step,) = attribute(node, "pads", [0, 0]), attribute(node, "dilations", [1])
    return Convolution(kernel, bias, before, step, is_by_channel)


def _bias(graph: Graph, node: onnx.NodeProto) -> np.ndarray | None:
    given = node.input[2:]
    return graph.constant(given[0]) if given else np.zeros(1, dtype=np.float32)


def _keeps_length(node: onnx.NodeProto, kernel: np.ndarray) -> bool:
    (before, after), (step,) = attribute(node, "pads", [0, 0]), attribute(node, "dilations", [1])
    pads_by_itself = any(entry.name == "auto_pad" and entry.s != b"NOTSET" for entry in node.attribute)
    is_every_row = attribute(node, "strides", [1]) == [1]
    return is_every_row and not pads_by_itself and before + after == (kernel.shape[-1] - 1) * step
