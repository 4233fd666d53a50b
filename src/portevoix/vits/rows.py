"""A part laid out row by row: one row of channels for each id, or for each frame.

Exporters write tensors as [1, channels, positions]. There a convolution is slow to begin, a normalisation over channels
turns its input over and back, and most nodes cost more than what they compute. In rows, [positions, channels], a
convolution is a product of matrices and a normalisation has nothing to turn; attention and splines are written anew,
see `portevoix.vits.attention` and `portevoix.vits.spline`.

What is not known stays as it is, on tensors turned back. Needs the `onnx` package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from portevoix.errors import ModelUnsupported
from portevoix.vits.convolution import convolution
from portevoix.vits.graph import attribute, number
from portevoix.vits.margins import Margins, margins_input
from portevoix.vits.receptive import Reach
from portevoix.vits.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import onnx

    from portevoix.vits.graph import Graph
    from portevoix.vits.region import Unit

IDS = "input"
IN_TIME = ("duration_noise", "prior")
"""Inputs that are [1, channels, positions]."""
POINTWISE = frozenset({
    "Abs", "Add", "Div", "Erf", "Exp", "LeakyRelu", "Log", "Mul", "Neg", "Pow", "Relu", "Sigmoid", "Softplus", "Sqrt",
    "Sub", "Tanh",
})  # fmt: skip
CHANNELS = 1
"""The axis of channels, in the stock layout and in rows."""


class _Rows(NamedTuple):
    """A tensor in rows; `is_turned` where the stock graph has it as [1, ids, channels]."""

    name: str
    is_turned: bool


class Layout:
    """Lay out a part in rows, node by node.

    Args:
        graph: the part.
        units: what is written anew as a whole.
        needs: what tensors need around the wanted positions, for a part that is to take `margins`; None for others.
    """

    def __init__(self, graph: Graph, units: Sequence[Unit], needs: Mapping[str, Reach] | None = None) -> None:
        self._graph = graph
        self._units = {unit.region.output: unit for unit in units}
        self._in_units = set[str]().union(*(unit.region.tensors() for unit in units))
        self._writer = Writer("rows")
        self._rows: dict[str, _Rows] = {}
        self._turned_back: set[str] = set()
        self._needs = needs
        self._margins = None if needs is None else Margins(self._writer)
        self._for_each = set[str]().union(*(graph.below(name) for name in (IDS, *IN_TIME)))
        self._by_operation: dict[str, Callable[[onnx.NodeProto], bool]] = {
            "Concat": self._joined,
            "Conv": self._convolved,
            "Gather": self._looked_up,
            "Identity": self._renamed,
            "LayerNormalization": self._normalised,
            "Slice": self._sliced,
            "Split": self._split,
            "Transpose": self._transposed,
        }

    def model(self) -> onnx.ModelProto:
        """Return the part in rows, with the inputs and outputs that it had.

        Raises:
            ModelUnsupported: what a unit takes is not there in rows.
        """
        graph, writer = self._graph, self._writer
        for name in set(IN_TIME) & set(graph.inputs):
            self._rows[name] = _Rows(writer.add("Transpose", [self._flat(name)], perm=[1, 0]), is_turned=False)
        for node in graph.nodes:
            if (unit := self._units.get(node.output[0])) is not None:
                self._made(node, unit.write(writer, self._inputs(unit)))
            elif node.output[0] not in self._in_units and not self._lay_out(node):
                self._keep(node)
        for name in graph.outputs:
            self._crop(name, Reach(0, 0))
            self._turn_back(name)
        model = graph.rewired(writer.nodes, weights=writer.weights)
        if self._margins is not None:
            model.graph.input.append(margins_input())
        return model

    def _inputs(self, unit: Unit) -> list[str]:
        rows = [self._channels_first(name) for name in unit.region.inputs]
        if None in rows:
            raise ModelUnsupported("a part cannot be laid out in rows", "what comes before attention is not known")
        return [name for name in rows if name]

    def _lay_out(self, node: onnx.NodeProto) -> bool:
        """Write a node in rows; return whether it could be."""
        if node.op_type in POINTWISE:
            return self._computed(node)
        write = self._by_operation.get(node.op_type)
        return write is not None and write(node)

    def _keep(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            self._turn_back(name)
        self._writer.nodes.append(node)

    def _turn_back(self, name: str) -> None:
        """Make of rows the tensor that the stock graph has."""
        rows = self._rows.get(name)
        if rows is None or name in self._turned_back or name in IN_TIME:
            return
        writer = self._writer
        flat = rows.name if rows.is_turned else writer.add("Transpose", [rows.name], perm=[1, 0])
        writer.add("Unsqueeze", [flat, writer.integers([0])], into=name)
        self._turned_back.add(name)

    def _flat(self, name: str) -> str:
        return self._writer.add("Squeeze", [name, self._writer.integers([0])])

    def _channels_first(self, name: str) -> str | None:
        """Return the rows of a tensor that the stock graph has as [1, channels, ids], None for others."""
        rows = self._rows.get(name)
        return None if rows is None or rows.is_turned else rows.name

    def _made(self, node: onnx.NodeProto, rows: str, *, is_turned: bool = False) -> bool:
        self._rows[node.output[0]] = _Rows(rows, is_turned)
        return True

    def _renamed(self, node: onnx.NodeProto) -> bool:
        rows = self._rows.get(node.input[0])
        return rows is not None and self._made(node, rows.name, is_turned=rows.is_turned)

    def _transposed(self, node: onnx.NodeProto) -> bool:
        rows = self._rows.get(node.input[0])
        if rows is None or attribute(node, "perm", []) != [0, 2, 1]:
            return False
        return self._made(node, rows.name, is_turned=not rows.is_turned)

    def _looked_up(self, node: onnx.NodeProto) -> bool:
        table = self._graph.constant(node.input[0])
        if table is None or node.input[1] != IDS or number(node, "axis", 0):
            return False
        return self._made(node, self._writer.copy(node, [node.input[0], self._flat(IDS)]), is_turned=True)

    def _normalised(self, node: onnx.NodeProto) -> bool:
        rows = self._rows.get(node.input[0])
        if rows is None or not rows.is_turned:
            return False
        return self._made(node, self._writer.copy(node, [rows.name, *node.input[1:]]), is_turned=True)

    def _computed(self, node: onnx.NodeProto) -> bool:
        """Write an operation on each number for itself."""
        lies = {self._rows[name].is_turned for name in node.input if name in self._rows}
        if len(lies) != 1:
            return False
        is_turned = lies.pop()
        operands = [self._operand(name, is_turned=is_turned) for name in node.input]
        if None in operands:
            return False
        return self._made(node, self._writer.copy(node, [name for name in operands if name]), is_turned=is_turned)

    def _operand(self, name: str, *, is_turned: bool) -> str | None:
        """Return what stands beside rows for an operand, None where that is not known."""
        if name in self._rows:
            return self._rows[name].name
        stored = self._graph.constant(name)
        if stored is None:
            return self._same_for_all(name)
        if stored.size == 1:
            return self._writer.store(stored.reshape(()))
        along = -1 if is_turned else -2
        is_row = stored.ndim >= -along and stored.shape[along] == stored.size
        return self._writer.store(stored.reshape(1, -1)) if is_row else None

    def _same_for_all(self, name: str) -> str | None:
        """Return the row of a tensor that has one for all ids, as one of the scales or a speaker's channels."""
        return None if name in self._for_each else self._writer.add("Reshape", [name, self._writer.integers([1, -1])])

    def _convolved(self, node: onnx.NodeProto) -> bool:
        rows, known = self._channels_first(node.input[0]), convolution(self._graph, node)
        return rows is not None and known is not None and self._made(node, known.write(self._writer, rows))

    def _split(self, node: onnx.NodeProto) -> bool:
        rows = self._channels_first(node.input[0])
        sizes = self._graph.constant(node.input[1]) if len(node.input) > 1 else None
        if rows is None or sizes is None or number(node, "axis", 0) != CHANNELS:
            return False
        parts = self._writer.split(rows, sizes.tolist(), CHANNELS)
        self._rows |= {name: _Rows(part, is_turned=False) for name, part in zip(node.output, parts, strict=True)}
        return True

    def _sliced(self, node: onnx.NodeProto) -> bool:
        rows = self._channels_first(node.input[0])
        axes = self._graph.constant(node.input[3]) if len(node.input) > len(("input", "starts", "ends")) else None
        if rows is None or axes is None or axes.tolist() != [CHANNELS]:
            return False
        return self._made(node, self._writer.copy(node, [rows, *node.input[1:]]))

    def _joined(self, node: onnx.NodeProto) -> bool:
        parts = [self._channels_first(name) for name in node.input]
        if None in parts or number(node, "axis", 0) != CHANNELS:
            return False
        self._made(node, self._writer.add("Concat", [part for part in parts if part], axis=CHANNELS))
        self._crop(node.output[0], (self._needs or {}).get(node.output[0], Reach(0, 0)))
        return True

    def _crop(self, name: str, need: Reach) -> None:
        """Cut the positions of a tensor in rows that go beyond the need, where margins are known."""
        rows = self._rows.get(name)
        if self._margins is not None and rows is not None:
            self._rows[name] = _Rows(self._margins.cropped(rows.name, need, axis=0), rows.is_turned)
