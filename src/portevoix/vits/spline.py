"""The inverse of a rational-quadratic spline, which draws durations, in as many steps as the sum has.

C. Durkan, A. Bekasov, I. Murray and G. Papamakarios, "Neural spline flows", 2019, equations 6 to 8 and appendix A.1.
Exporters write it with some three hundred nodes that pick out and put back numbers one by one, which take longer than
all the attention of a short sentence. Needs the `onnx` package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto

from portevoix.vits.graph import number
from portevoix.vits.region import Region, convolutions, region_above

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portevoix.vits.graph import Graph
    from portevoix.vits.writer import Writer

TAIL = 5.0
"""Beyond it, on both sides, numbers are handed on as they are."""
LEAST = 1e-3
"""The least width, height and slope of a bin."""
PARAMETERS = 3
"""A bin has a width, a height and a slope; the first begins with a slope of 1, so that there is one slope less."""


@dataclass(frozen=True)
class Spline:
    """One inverse spline.

    Attributes:
        region: the nodes it stands for.
        order: at which places the region's inputs are the bins' parameters and the numbers.
        bins: how many bins there are.
        divisor: what raw widths and heights are divided by.
    """

    region: Region
    order: tuple[int, int]
    bins: int
    divisor: float

    def write(self, writer: Writer, rows: Sequence[str]) -> str:
        """Write it for its inputs in rows, [ids, 3 * bins - 1] and [ids, 1]; return where it has these values."""
        parameters, numbers = (rows[place] for place in self.order)
        return _Formula(writer, self.bins, self.divisor).inverse(parameters, numbers)


class _Formula:
    """Write the sums; every tensor is [ids, bins], or [ids, 1] for the bin in which the number lies."""

    def __init__(self, writer: Writer, bins: int, divisor: float) -> None:
        self._writer = writer
        self._bins = bins
        self._divisor = divisor

    def inverse(self, parameters: str, numbers: str) -> str:
        """Return where the spline has the given values."""
        bins = self._bins
        widths, heights, slopes = self._writer.split(parameters, [bins, bins, bins - 1], axis=1)
        (left, across), (below, up) = self._borders(widths), self._borders(heights)
        begin, end = self._slopes(slopes)
        place = self._place(below, numbers)
        one = _Bin(*(self._gathered(values, place) for values in (left, across, below, up, begin, end)))
        inside = self._of("LessOrEqual", self._of("Abs", numbers), TAIL)
        return self._of("Where", inside, self._root(numbers, one), numbers)

    def _gathered(self, values: str, place: str) -> str:
        return self._writer.add("GatherElements", [values, place], axis=1)

    def _borders(self, raw: str) -> tuple[str, str]:
        """Return where bins begin and how long they are, from their raw lengths."""
        shares = self._writer.add("Softmax", [self._of("Div", raw, self._divisor)], axis=1)
        lengths = self._of("Add", self._of("Mul", shares, 1 - LEAST * self._bins), LEAST)
        ends = self._writer.part(self._of("CumSum", lengths, self._writer.integers([1])), 1, 0, -1)
        inner = self._of("Add", self._of("Mul", ends, 2 * TAIL), -TAIL)
        begins = self._of("Pad", inner, self._writer.integers([0, 1, 0, 0]), -TAIL)
        ends = self._of("Pad", inner, self._writer.integers([0, 0, 0, 1]), TAIL)
        return begins, self._of("Sub", ends, begins)

    def _slopes(self, raw: str) -> tuple[str, str]:
        """Return the slopes at which bins begin and end; it is 1 where the spline does."""
        outer = float(np.log(np.expm1(1 - LEAST)))
        padded = self._of("Pad", raw, self._writer.integers([0, 1, 0, 1]), outer)
        slopes = self._of("Add", self._of("Softplus", padded), LEAST)
        return self._writer.part(slopes, 1, 0, -1), self._writer.part(slopes, 1, 1)

    def _place(self, below: str, numbers: str) -> str:
        """Return the number of the bin in which each number lies, that of the nearest for those beyond."""
        passed = self._writer.add("Cast", [self._of("GreaterOrEqual", numbers, below)], to=TensorProto.INT64)
        count = self._of("ReduceSum", passed, self._writer.integers([1]))
        return self._of("Max", self._of("Sub", count, self._writer.integers([1])), self._writer.integers([0]))

    def _root(self, numbers: str, one: _Bin) -> str:
        """Solve the bin's quadratic equation for the place inside it."""
        of = self._of
        steepness, height = of("Div", one.up, one.across), of("Sub", numbers, one.below)
        bend = of("Mul", height, of("Sub", of("Add", one.begin, one.end), of("Mul", steepness, 2.0)))
        square = of("Add", bend, of("Mul", one.up, of("Sub", steepness, one.begin)))
        linear = of("Sub", of("Mul", one.up, one.begin), bend)
        constant = of("Mul", of("Neg", steepness), height)
        discriminant = of("Sub", of("Mul", linear, linear), of("Mul", of("Mul", square, 4.0), constant))
        share = of("Div", of("Mul", constant, 2.0), of("Sub", of("Neg", linear), of("Sqrt", discriminant)))
        return of("Add", of("Mul", share, one.across), one.left)

    def _of(self, operation: str, *operands: str | float) -> str:
        """Write an operation on tensors and numbers."""
        writer = self._writer
        return writer.add(operation, [one if isinstance(one, str) else writer.number(one) for one in operands])


class _Bin(NamedTuple):
    """For each number, the bin in which it lies: where it begins, how long it is, and with which slopes it does."""

    left: str
    across: str
    below: str
    up: str
    begin: str
    end: str


def splines(graph: Graph) -> Iterator[Spline]:
    """Yield the inverse splines that a graph has."""
    pieces = _pieces(graph)
    borders = convolutions(graph) | pieces
    for node in graph.nodes:
        if node.op_type != "Concat" or len(node.input) != len(("kept", "changed")) or node.input[0] not in pieces:
            continue
        region = region_above(graph, node.input[1], borders)
        spline = _spline(graph, region, kept=node.input[0]) if region is not None else None
        if spline is not None and spline.region.is_computed_by(spline):
            yield spline


def _spline(graph: Graph, region: Region, kept: str) -> Spline | None:
    """Return the spline that a region may compute, None where it takes other things."""
    kernels = {name: kernel for name in region.inputs if (kernel := _kernel(graph, name)) is not None}
    numbers = [name for name in region.inputs if name != kept and name not in kernels]
    if len(kernels) != 1 or len(numbers) != 1:
        return None
    (parameters, kernel), places = next(iter(kernels.items())), list(region.inputs)
    order = (places.index(parameters), places.index(numbers[0]))
    return Spline(region, order, (len(kernel) + 1) // PARAMETERS, float(np.sqrt(kernel.shape[1])))


def _kernel(graph: Graph, tensor: str) -> np.ndarray | None:
    """Return the kernel of the convolution that makes a tensor, None where none does."""
    maker = graph.maker(tensor)
    return graph.constant(maker.input[1]) if maker is not None and maker.op_type == "Conv" else None


def _pieces(graph: Graph) -> dict[str, int]:
    """Return what channels are split into, with how many each piece has."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        sizes = graph.constant(node.input[1]) if node.op_type == "Split" and len(node.input) > 1 else None
        if sizes is not None and number(node, "axis", 0) == 1:
            found |= dict(zip(node.output, sizes.tolist(), strict=True))
    return found
