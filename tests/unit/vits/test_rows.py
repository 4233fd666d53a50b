from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from portevoix.vits.attention import attentions
from portevoix.vits.graph import Graph
from portevoix.vits.rows import Layout
from portevoix.vits.sessions import open_session
from portevoix.vits.simplification import simplified, without_idle_nodes
from portevoix.vits.spline import splines
from portevoix.vits.split import split
from tests.unit.vits.conftest import DUO, ENGLISH, FRENCH

CHANNELS = 6
RANDOM = np.random.default_rng(0)


def operations(model):
    return Counter(node.op_type for node in model.graph.node)


def part(nodes, weights):
    """Return a part that makes `latents` of `prior`."""
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, "positions"])]
        for name in ("prior", "latents")
    ]
    stored = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "part", *ends, stored)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def in_rows(model):
    return Layout(Graph(model), ()).model()


def run(model, prior, **more):
    return open_session("part", model.SerializeToString()).run({"prior": prior, **more})[0]


def assert_same(model, rows, counts=(1, 2, 30)):
    for count in counts:
        prior = RANDOM.standard_normal((1, CHANNELS, count), dtype=np.float32)
        assert np.abs(run(model, prior) - run(rows, prior)).max() < 1e-5


def convolved(kernel, bias=None, **attributes):
    weights = {"kernel": kernel} | ({} if bias is None else {"bias": bias})
    node = helper.make_node("Conv", ["prior", *weights], ["latents"], kernel_shape=kernel.shape[2:], **attributes)
    return part([node], weights)


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ((9, CHANNELS, 1), {}),
        ((9, CHANNELS, 3), {"pads": [1, 1]}),
        ((2, CHANNELS, 5), {"pads": [2, 2]}),
        ((9, CHANNELS, 5), {"pads": [4, 0]}),
        ((2, CHANNELS, 4), {"pads": [0, 3]}),
        ((2, CHANNELS, 3), {"pads": [9, 9], "dilations": [9]}),
        ((CHANNELS, 1, 3), {"pads": [3, 3], "dilations": [3], "group": CHANNELS}),
        ((CHANNELS, 1, 1), {"group": CHANNELS}),
    ],
)
@pytest.mark.parametrize("has_bias", [True, False])
def test_convolutions_become_products(shape, attributes, has_bias):
    bias = RANDOM.standard_normal(shape[0], dtype=np.float32) if has_bias else None
    model = convolved(RANDOM.standard_normal(shape, dtype=np.float32), bias, **attributes)
    rows = in_rows(model)
    assert "Conv" not in operations(rows)
    assert_same(model, rows)


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [
        ((9, CHANNELS, 3), {"pads": [1, 0]}),
        ((9, CHANNELS, 3), {"pads": [1, 1], "strides": [2]}),
        ((4, 3, 3), {"pads": [1, 1], "group": 2}),
        ((9, CHANNELS, 3), {"auto_pad": "SAME_UPPER"}),
    ],
)
def test_other_convolutions_stay(shape, attributes):
    model = convolved(RANDOM.standard_normal(shape, dtype=np.float32), **attributes)
    rows = in_rows(model)
    assert operations(rows)["Conv"] == 1
    assert_same(model, rows, counts=(8, 30))


def test_what_is_not_known_stands_between_rows():
    """A running sum over time is not known; before and after it things are in rows, the other way round too."""
    kernel = RANDOM.standard_normal((CHANNELS, CHANNELS, 1), dtype=np.float32)
    weights = {"kernel": kernel, "time": np.array(2), "column": kernel[0], "row": kernel[:, 0, 0]}
    nodes = [
        helper.make_node("Conv", ["prior", "kernel"], ["a"], kernel_shape=[1]),
        helper.make_node("CumSum", ["a", "time"], ["b"]),
        helper.make_node("Add", ["a", "column"], ["c"]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["d", "row"], ["e"]),
        helper.make_node("Transpose", ["e"], ["f"], perm=[0, 2, 1]),
        helper.make_node("Add", ["b", "f"], ["latents"]),
    ]
    model = part(nodes, weights)
    assert_same(model, in_rows(model))


@pytest.mark.parametrize("name", [FRENCH, ENGLISH, DUO])
def test_a_flow_gives_what_is_inside_its_margins(voice_files, name):
    voice = split(onnx.load(voice_files[name]))
    assert operations(voice.flow)["Conv"] <= int(voice.has_speakers) * operations(voice.plain_flow)["Conv"]
    before, after = voice.flow_reach
    prior = RANDOM.standard_normal((1, voice.channels, before + after + 9), dtype=np.float32)
    whole = run(voice.plain_flow, prior, margins=np.array([0, 0]), sid=np.array([0]))
    for left, right in [(0, 0), (before, after), (3, 0), (0, 5), (before + 4, after + 4)]:
        wanted = whole[..., left : whole.shape[-1] - right]
        for form in (voice.flow, voice.plain_flow):
            heard = run(form, prior, margins=np.array([left, right]), sid=np.array([0]))
            assert heard.shape == wanted.shape
            assert np.abs(heard - wanted).max() < 1e-5


@pytest.fixture(scope="module")
def encoder(voice_files):
    return without_idle_nodes(split(onnx.load(voice_files[FRENCH])).plain_encoder)


def test_layers_of_attention_and_splines_are_known(encoder):
    graph = Graph(encoder)
    assert len(list(attentions(graph))) == operations(encoder)["Softmax"] - 2 * len(list(splines(graph))) > 0
    assert len(list(splines(graph))) == operations(encoder)["CumSum"] / 2 > 0


def changed(model, operation, change):
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for node in other.graph.node:
        if node.op_type == operation:
            change(node)
    return other


def test_what_only_resembles_attention_or_a_spline_stays(encoder):
    """Nearly the same nodes, which compute something else."""
    graph = Graph(changed(encoder, "Softplus", lambda node: setattr(node, "op_type", "Exp")))
    assert not list(splines(graph))
    axis = lambda node: node.attribute[0].CopyFrom(helper.make_attribute("axis", 2))  # noqa: E731
    assert not list(attentions(Graph(changed(encoder, "Softmax", axis))))


def test_a_changed_encoder_says_the_same_in_rows(encoder):
    """Attention that is not known is computed as it stands."""
    other = changed(encoder, "Softplus", lambda node: setattr(node, "op_type", "Exp"))
    arrays = {
        "input": RANDOM.integers(14, 60, (1, 40)),
        "input_lengths": np.array([40]),
        "scales": np.array([0.667, 1.0, 0.8], dtype=np.float32),
        "duration_noise": RANDOM.standard_normal((1, 2, 40), dtype=np.float32),
    }
    stock, rows = (open_session("encoder", form.SerializeToString()).run(arrays) for form in (other, simplified(other)))
    assert all(np.allclose(one, two, 1e-4, 1e-4) for one, two in zip(stock, rows, strict=True))
