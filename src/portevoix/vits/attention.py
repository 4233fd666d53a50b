"""Attention with relative positions, computed for the positions alone that matter.

Beside its content, each id heeds how far away the others are, up to a few ids (P. Shaw, J. Uszkoreit and A. Vaswani,
"Self-attention with relative position representations", 2018). Exporters write this as a product with embeddings of all
distances in the sentence, nearly all of which are zero. Here it is a product with those that are not, a band of the
matrix; to bring a band's rows [ids, width] into the matrix, one pads each by `ids` positions and reads the whole in
rows that are one shorter: each then begins one column further to the right. Needs the `onnx` package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from portevoix.vits.region import Region, convolutions, region_above

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from portevoix.vits.graph import Graph
    from portevoix.vits.writer import Writer

QUERY_KEY_VALUE = 3
EMBEDDINGS = ("heads", "distances", "channels")


@dataclass(frozen=True)
class Attention:
    """One layer's attention.

    Attributes:
        region: the nodes it stands for; inputs are query, key and value in the order of `order`.
        order: at which places the region's inputs are query, key and value.
        near_keys: embeddings of distances for the keys, float32 [1 or heads, distances, channels of a head].
        near_values: the same for the values.
    """

    region: Region
    order: tuple[int, ...]
    near_keys: np.ndarray
    near_values: np.ndarray

    def write(self, writer: Writer, rows: Sequence[str]) -> str:
        """Write it for query, key and value in rows; return its output in rows."""
        query, key, value = (rows[place] for place in self.order)
        channels = self.near_keys.shape[-1]
        asked = writer.add("Div", [self._heads(writer, query), writer.number(math.sqrt(channels))])
        content = writer.add("MatMul", [asked, self._heads(writer, key, is_turned=True)])
        near = writer.add("MatMul", [asked, writer.store(self.near_keys.transpose(0, 2, 1))])
        weights = writer.add("Softmax", [writer.add("Add", [content, self._banded(writer, near, query)])], axis=-1)
        heard = writer.add("MatMul", [weights, self._heads(writer, value)])
        near = writer.add("MatMul", [self._band(writer, weights, query), writer.store(self.near_values)])
        together = writer.add("Transpose", [writer.add("Add", [heard, near])], perm=[1, 0, 2])
        return writer.add("Reshape", [together, writer.integers([-1, self._head_count * channels])])

    @property
    def _head_count(self) -> int:
        return next(iter(self.region.inputs.values())) // int(self.near_keys.shape[-1])

    @property
    def _distances(self) -> int:
        return int(self.near_keys.shape[1])

    def _heads(self, writer: Writer, rows: str, *, is_turned: bool = False) -> str:
        """Return rows as [heads, ids, channels of a head], or with the last two turned."""
        apart = writer.add("Reshape", [rows, writer.integers([-1, self._head_count, self.near_keys.shape[-1]])])
        return writer.add("Transpose", [apart], perm=[1, 2, 0] if is_turned else [1, 0, 2])

    def _banded(self, writer: Writer, band: str, rows: str) -> str:
        """Return [heads, ids, ids] with the rows of [heads, ids, distances] around its diagonal, zeros elsewhere."""
        count, margin = writer.length(rows), self._distances // 2
        zeros = [writer.integers([0, 0, 0, 0, 0])]
        wide = writer.add("Pad", [band, writer.add("Concat", [*zeros, count], axis=0)])
        flat = writer.add("Reshape", [wide, writer.integers([self._head_count, -1])])
        ends = writer.add("Slice", [flat, writer.integers([0]), writer.add("Neg", [count]), writer.integers([1])])
        shape = self._shape(writer, count, self._distances - 1)
        return writer.part(writer.add("Reshape", [ends, shape]), 2, margin, -margin)

    def _band(self, writer: Writer, matrix: str, rows: str) -> str:
        """Return [heads, ids, distances] around the diagonal of [heads, ids, ids], zeros beyond its ends."""
        count, margin = writer.length(rows), self._distances // 2
        wide = writer.add("Pad", [matrix, writer.integers([0, 0, margin, 0, 0, margin])])
        flat = writer.add("Reshape", [wide, writer.integers([self._head_count, -1])])
        longer = writer.add("Pad", [flat, writer.add("Concat", [writer.integers([0, 0, 0]), count], axis=0)])
        shape = self._shape(writer, count, self._distances)
        return writer.part(writer.add("Reshape", [longer, shape]), 2, 0, self._distances)

    def _shape(self, writer: Writer, count: str, more: int) -> str:
        """Return the shape [heads, ids, ids + more]."""
        width = writer.add("Add", [count, writer.integers([more])])
        return writer.add("Concat", [writer.integers([self._head_count, -1]), width], axis=0)


def attentions(graph: Graph) -> Iterator[Attention]:
    """Yield the layers of attention that a graph has."""
    made = convolutions(graph)
    for node in graph.nodes:
        if node.op_type == "Softmax" and (found := _attention(graph, node.output[0], made)) is not None:
            yield found


def _attention(graph: Graph, weights: str, made: dict[str, int]) -> Attention | None:
    """Return the attention whose weights are the given tensor, None where it is something else."""
    below = graph.below(weights)
    output = next((node.input[0] for node in graph.nodes if node.op_type == "Conv" and node.input[0] in below), None)
    region = region_above(graph, output, made) if output is not None else None
    if region is None or len(region.inputs) != QUERY_KEY_VALUE or len(set(region.inputs.values())) != 1:
        return None
    stored = [graph.constant(name) for name in dict.fromkeys(name for node in region.nodes for name in node.input)]
    near = [values for values in stored if values is not None and values.ndim == len(EMBEDDINGS)]
    candidates = (
        Attention(region, order, *pair)
        for order in permutations(range(QUERY_KEY_VALUE))
        for pair in permutations(near, 2)
    )
    return next((one for one in candidates if region.is_computed_by(one)), None)
