"""Where a voice's graph can be cut in four, found by structure and never by node names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portevoix.errors import ModelUnsupported
from portevoix.vits.graph import RANDOM, TRANSPARENT, Graph, attribute

if TYPE_CHECKING:
    import onnx

STOCK_INPUTS = frozenset({"input", "input_lengths", "scales", "sid"})


@dataclass(frozen=True)
class Cut:
    """The tensors at which the encoder, the expansion to frames, the flow and the decoder meet.

    Attributes:
        means: [1, ids, channels], the prior's mean for each id.
        deviations: [1, ids, channels], the logarithm of the prior's deviation for each id.
        durations: [1, 1, ids], whole frames for each id.
        duration_noise: [1, 2, ids], standard normal noise, or None where durations are not drawn.
        prior: [1, channels, frames], what the flow takes.
        latents: [1, channels, frames], what the decoder takes.
        samples: [1, 1, samples], what the decoder gives.
    """

    means: str
    deviations: str
    durations: str
    duration_noise: str | None
    prior: str
    latents: str
    samples: str


def find_cut(graph: Graph) -> Cut:
    """Find the cut of a stock export.

    Raises:
        ModelUnsupported: the graph is no VITS of the stock shape; its `why` says what is missing.
    """
    unknown = set(graph.inputs) - STOCK_INPUTS
    if unknown or not {"input", "input_lengths", "scales"} <= set(graph.inputs):
        raise unsplittable(f"its inputs are {', '.join(graph.inputs)}")
    samples, upsampling = _first_upsampling(graph)
    durations = _durations(graph, samples)
    framewise = graph.below(durations)
    latents = _latents(graph, upsampling, framewise)
    noise = _noise(graph, latents)
    prior_noise = [name for name in noise if name in framewise]
    duration_noise = [name for name in noise if name not in framewise]
    if len(prior_noise) != 1 or len(duration_noise) > 1:
        raise unsplittable(f"it draws noise in {len(noise)} places, not in one or two")
    prior, deviations = _prior(graph, prior_noise[0], framewise)
    means = _spread_over_frames(graph, _other_input(graph, prior, prior_noise[0]), framewise)
    cut = Cut(means, deviations, durations, next(iter(duration_noise), None), prior, latents, samples)
    _check_parts_are_closed(graph, cut)
    return cut


def unsplittable(why: str) -> ModelUnsupported:
    """Return the error that says why a graph must be spoken whole."""
    return ModelUnsupported("the voice cannot be streamed inside a sentence", why, "It is spoken sentence by sentence.")


def _first_upsampling(graph: Graph) -> tuple[str, onnx.NodeProto]:
    output: str
    for output in graph.outputs:
        path = graph.above([output])
        upsamplings = [node for node in path if node.op_type == "ConvTranspose"]
        if upsamplings:
            return _before_shaping(graph, output), upsamplings[0]
    raise unsplittable("its decoder has no transposed convolution")


def _before_shaping(graph: Graph, output: str) -> str:
    """Return the samples as [1, 1, samples], before the exporter's last changes of shape."""
    node = graph.maker(output)
    while node is not None and node.op_type in {"Identity", "Reshape", "Squeeze", "Unsqueeze"}:
        output = node.input[0]
        node = graph.maker(output)
    return output


def _durations(graph: Graph, samples: str) -> str:
    ceilings: list[str] = [node.output[0] for node in graph.above([samples]) if node.op_type == "Ceil"]
    if not ceilings:
        raise unsplittable("nothing in it rounds durations up to frames")
    return ceilings[-1]


def _latents(graph: Graph, upsampling: onnx.NodeProto, framewise: set[str]) -> str:
    tensor = upsampling.input[0]
    while (node := graph.maker(tensor)) is not None:
        if node.op_type == "Conv" and attribute(node, "kernel_shape", [1])[-1] > 1:
            return str(node.input[0])
        inward = [name for name in node.input if name in framewise]
        if node.op_type not in {"LeakyRelu", "Add", "Identity", "Conv"} or len(inward) != 1:
            break
        tensor = inward[0]
    raise unsplittable("no convolution stands before its first upsampling")


def _noise(graph: Graph, latents: str) -> list[str]:
    return [node.output[0] for node in graph.above([latents]) if node.op_type in RANDOM]


def _prior(graph: Graph, noise: str, framewise: set[str]) -> tuple[str, str]:
    """Follow the noise to where it joins the mean; on the way it is scaled by the deviation."""
    tensor, deviations = noise, None
    while len(users := graph.users(tensor)) == 1 and users[0].op_type in {"Mul", "Add"}:
        node = users[0]
        if node.op_type == "Add":
            if deviations is None:
                break
            return node.output[0], deviations
        exponent = _behind(graph, _other_input(graph, node.output[0], tensor))
        if exponent is not None and exponent.op_type == "Exp":
            deviations = _spread_over_frames(graph, exponent.input[0], framewise)
        tensor = node.output[0]
    raise unsplittable("its prior is not a mean plus scaled noise")


def _other_input(graph: Graph, made: str, known: str) -> str:
    """Return the operand of a two-operand node that does not come from `known`."""
    node = graph.maker(made)
    below = graph.below(known)
    others: list[str] = [name for name in node.input if name not in below] if node is not None else []
    if len(others) != 1:
        raise unsplittable("the noise of its prior is used in an unknown way")
    return others[0]


def _behind(graph: Graph, tensor: str) -> onnx.NodeProto | None:
    node = graph.maker(tensor)
    while node is not None and node.op_type in TRANSPARENT:
        node = graph.maker(node.input[0])
    return node


def _spread_over_frames(graph: Graph, tensor: str, framewise: set[str]) -> str:
    """Return the per-id tensor that a product with the alignment spreads over frames to make `tensor`."""
    node = _behind(graph, tensor)
    if node is None or node.op_type != "MatMul" or node.input[1] in framewise:
        raise unsplittable("its prior is not spread over frames by an alignment")
    return str(node.input[1])


def _check_parts_are_closed(graph: Graph, cut: Cut) -> None:
    """See that the decoder needs nothing but the latents and the speaker, and that the encoder needs no frames."""
    behind = graph.above([cut.samples], stop=[cut.latents])
    reached = {name for node in behind for name in node.input} & set(graph.inputs)
    if reached - {"sid"} or any(node.op_type in RANDOM for node in behind):
        raise unsplittable("its decoder takes more than latents and a speaker")
    if graph.below(cut.durations) & {cut.means, cut.deviations}:
        raise unsplittable("its prior depends on its durations")
