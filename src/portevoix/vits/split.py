"""Write a voice's encoder, flow and decoder as graphs of their own.

The parts compute what the whole computes: nodes are copied, noise becomes an input, and masks, which hold nothing but
ones when a sentence is spoken alone, go. Needs the `onnx` package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper

from portevoix.vits.cut import Cut, find_cut, unsplittable
from portevoix.vits.decoder import plain_decoder, rewritten_decoder
from portevoix.vits.graph import RANDOM, Graph
from portevoix.vits.margins import with_margins
from portevoix.vits.receptive import reaches, timed_tensors
from portevoix.vits.simplification import simplified, simplified_flow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from portevoix.vits.receptive import Reach

MODEL_INPUT_TYPES = {
    "input": (TensorProto.INT64, [1, "ids"]),
    "input_lengths": (TensorProto.INT64, [1]),
    "scales": (TensorProto.FLOAT, [3]),
    "sid": (TensorProto.INT64, [1]),
}


@dataclass(frozen=True)
class SplitVoice:
    """The parts of a voice as models, and what one must know to run them.

    Attributes:
        encoder: input, input_lengths, scales, [sid], [duration_noise] -> means, deviations, durations; simplified.
        plain_encoder: the same as `encoder`, node by node as in the stock graph.
        flow: prior, margins, [sid] -> latents; simplified.
        plain_flow: the same as `flow`, node by node as in the stock graph.
        decoder: latents, margins, [sid] -> samples; the fast form, or None where it cannot be written.
        plain_decoder: the same as `decoder`, node by node as in the stock graph.
        flow_reach: frames of the prior needed around the latents that are wanted.
        decoder_reach: frames of latents needed around the frames to be heard.
        hop_samples: samples in a frame.
        channels: channels of the prior.
        draws_durations: whether the encoder takes `duration_noise`.
        has_speakers: whether the parts take `sid`.
    """

    encoder: onnx.ModelProto
    plain_encoder: onnx.ModelProto
    flow: onnx.ModelProto
    plain_flow: onnx.ModelProto
    decoder: onnx.ModelProto | None
    plain_decoder: onnx.ModelProto
    flow_reach: Reach
    decoder_reach: Reach
    hop_samples: int
    channels: int
    draws_durations: bool
    has_speakers: bool


def split(model: onnx.ModelProto) -> SplitVoice:
    """Split a stock export by structure.

    Raises:
        ModelUnsupported: the graph is not of the stock shape; its `why` says what is different.
    """
    graph = Graph(model)
    cut = find_cut(graph)
    flow_nodes = graph.above([cut.latents], stop=[cut.prior])
    decoder_nodes = graph.above([cut.samples], stop=[cut.latents])
    decoder_reaches = reaches(graph, decoder_nodes, cut.latents, cut.samples)
    flow, needs = _flow(graph, cut, flow_nodes)
    plain, hop_samples = plain_decoder(graph, cut, decoder_nodes)
    encoder = _encoder(graph, cut)
    return SplitVoice(
        encoder=simplified(encoder),
        plain_encoder=encoder,
        flow=simplified_flow(flow, needs),
        plain_flow=with_margins(flow),
        decoder=rewritten_decoder(graph, cut, decoder_nodes, decoder_reaches),
        plain_decoder=plain,
        flow_reach=needs["prior"],
        decoder_reach=decoder_reaches[cut.latents],
        hop_samples=hop_samples,
        channels=_channels(graph, flow_nodes, cut),
        draws_durations=cut.duration_noise is not None,
        has_speakers="sid" in graph.inputs,
    )


def _encoder(graph: Graph, cut: Cut) -> onnx.ModelProto:
    results = {"means": cut.means, "deviations": cut.deviations, "durations": cut.durations}
    noise = {cut.duration_noise: "duration_noise"} if cut.duration_noise else {}
    nodes = graph.above(results.values(), stop=noise)
    if any(node.op_type in RANDOM for node in nodes):
        raise unsplittable("its encoder draws noise in an unknown place")
    nodes = [_renamed(node, noise) for node in nodes]
    inputs = [
        helper.make_tensor_value_info(name, *MODEL_INPUT_TYPES[name])
        for name in graph.inputs
        if any(name in node.input for node in nodes)
    ]
    if noise:
        inputs.append(helper.make_tensor_value_info("duration_noise", TensorProto.FLOAT, [1, 2, "ids"]))
    return part_model(graph, "encoder", nodes=nodes, inputs=inputs, results=results)


def _flow(graph: Graph, cut: Cut, nodes: list[onnx.NodeProto]) -> tuple[onnx.ModelProto, dict[str, Reach]]:
    """Return the flow without its masks, and what each of its tensors needs around a wanted frame."""
    timed = timed_tensors(nodes, cut.prior)
    framewise = graph.below(cut.durations) - graph.below(cut.prior)
    unmasked = [_without_mask(node, timed, framewise) for node in nodes]
    needed = _reachable(unmasked, cut.latents, cut.prior)
    speaker = [name for name in ("sid",) if any(name in node.input for node in needed)]
    if any(set(node.input) & (set(graph.inputs) - {"sid"}) or node.op_type in RANDOM for node in needed):
        raise unsplittable("its flow takes more than the prior and a speaker")
    inputs = [helper.make_tensor_value_info(cut.prior, TensorProto.FLOAT, [1, "channels", "frames"])]
    inputs += [helper.make_tensor_value_info(name, *MODEL_INPUT_TYPES[name]) for name in speaker]
    needs = reaches(graph, needed, cut.prior, cut.latents)
    needs["prior"] = needs[cut.prior]
    model = part_model(
        graph, "flow", nodes=needed, inputs=inputs, results={"latents": cut.latents}, renamed={cut.prior: "prior"}
    )
    return model, needs


def _without_mask(node: onnx.NodeProto, timed: set[str], framewise: set[str]) -> onnx.NodeProto:
    """Replace a product with the mask of frames by its other operand: alone in a batch, the mask is all ones."""
    kept = [name for name in node.input if name in timed]
    masks = [name for name in node.input if name in framewise]
    if not (kept and masks):
        return node
    if node.op_type != "Mul":
        raise unsplittable(f"a {node.op_type} in its flow uses the mask of frames")
    return helper.make_node("Identity", kept, list(node.output))


def _reachable(nodes: list[onnx.NodeProto], target: str, source: str) -> list[onnx.NodeProto]:
    wanted, found = {target}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            found.append(node)
            wanted.update(name for name in node.input if name != source)
    return found[::-1]


def _channels(graph: Graph, nodes: list[onnx.NodeProto], cut: Cut) -> int:
    """Return the channels of the latents, from the weights of the convolution that takes them."""
    taker = next((node for node in graph.users(cut.latents) if node.op_type == "Conv"), None)
    weights = None if taker is None else graph.constant(taker.input[1])
    if weights is None or not nodes:
        raise unsplittable("the width of its latents is not stored in it")
    return int(weights.shape[1])


def _renamed(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    if not set(node.input) & set(names):
        return node
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    return copy


def part_model(
    graph: Graph,
    name: str,
    *,
    nodes: Iterable[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    results: dict[str, str],
    renamed: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """Return a model of copied nodes whose outputs have the names that `results` maps to tensors."""
    renamed = renamed or {}
    nodes = [_renamed(node, renamed) for node in nodes]
    weights = graph.weights(nodes)
    nodes += [helper.make_node("Identity", [tensor], [result]) for result, tensor in results.items()]
    for entry in inputs:
        entry.name = renamed.get(entry.name, entry.name)
    outputs = [helper.make_tensor_value_info(result, TensorProto.FLOAT, None) for result in results]
    return helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, weights),
        opset_imports=graph.model.opset_import,
        ir_version=graph.model.ir_version,
    )
