from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import helper

from portevoix.vits.making import faithful
from portevoix.vits.sessions import open_session
from portevoix.vits.simplification import (
    in_rows,
    simplified,
    with_inner_padding,
    with_joined_norms,
    without_idle_nodes,
)
from portevoix.vits.split import split
from tests.unit.vits.conftest import DUO, ENGLISH, FRENCH, sentence


def said(encoder, count, seed=0):
    noise = np.random.default_rng(seed).standard_normal((1, 2, count)).astype(np.float32)
    arrays = {
        "input": sentence(count, seed)[None],
        "input_lengths": np.array([count]),
        "scales": np.array([0.667, 1.0, 0.8], dtype=np.float32),
        "sid": np.array([0]),
        "duration_noise": 3 * noise,
    }
    return open_session("encoder", encoder.SerializeToString()).run(arrays)


def operations(model):
    return Counter(node.op_type for node in model.graph.node)


@pytest.fixture(scope="module")
def encoder(voice_files):
    return split(onnx.load(voice_files[FRENCH])).plain_encoder


@pytest.mark.parametrize("name", [FRENCH, ENGLISH, DUO])
@pytest.mark.parametrize("count", [1, 2, 50, 230])
def test_says_the_same_in_fewer_steps(voice_files, name, count):
    voice = split(onnx.load(voice_files[name]))
    plain, simple = (said(form, count) for form in (voice.plain_encoder, voice.encoder))
    for one, other in zip(plain[:2], simple[:2], strict=True):
        assert np.abs(one - other).max() < 1e-5
    assert np.array_equal(plain[2], simple[2])


def test_every_norm_becomes_one_node(encoder):
    before, after = operations(encoder), operations(with_joined_norms(encoder))
    assert before["ReduceMean"] == 2 * after["LayerNormalization"] > 0
    assert after["ReduceMean"] == 0


def test_masks_go(encoder):
    before, after = operations(encoder), operations(without_idle_nodes(encoder))
    assert after["Mul"] < before["Mul"]
    assert after["Less"] == 0


def test_padding_moves_into_convolutions(encoder):
    before, after = operations(encoder), operations(with_inner_padding(encoder))
    assert after["Pad"] < before["Pad"]
    assert after["Conv"] == before["Conv"]


def test_more_padding_on_one_side_stays_on_that_side():
    """One output for each input, two of whose four taps lie before it."""
    weights = {"amounts": np.array([0, 0, 2, 0, 0, 1]), "taps": np.ones((1, 1, 4), dtype=np.float32)}
    nodes = [
        helper.make_node("Pad", ["x", "amounts"], ["wide"]),
        helper.make_node("Conv", ["wide", "taps"], ["y"], kernel_shape=[4], pads=[0, 0], strides=[1], dilations=[1]),
    ]
    ends = [[helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1, "n"])] for name in "xy"]
    stored = [onnx.numpy_helper.from_array(values, name) for name, values in weights.items()]
    body = helper.make_graph(nodes, "padded", *ends, stored)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    sound = np.array([[[1, 10, 100, 1000]]], dtype=np.float32)
    for form in (model, with_inner_padding(model), without_idle_nodes(model)):
        (sums,) = open_session("padded", form.SerializeToString()).run({"x": sound})
        assert sums.tolist() == [[[11, 111, 1111, 1110]]]
    assert operations(with_inner_padding(model))["Pad"] == 0


def test_the_encoder_is_products_of_matrices(encoder):
    left = operations(simplified(encoder))
    assert left["Gemm"] > 0
    assert not {"Conv", "ScatterND", "NonZero", "GatherND"} & set(left)
    assert left["LayerNormalization"] == operations(with_joined_norms(encoder))["LayerNormalization"]


def test_operations_that_are_too_old_are_left(encoder):
    old = onnx.ModelProto()
    old.CopyFrom(encoder)
    old.opset_import[0].version = 11
    assert in_rows(old) is None
    assert operations(simplified(old))["Conv"] == operations(encoder)["Conv"]


def test_a_mask_of_something_else_stays(encoder):
    """Where the comparison is not with the sentence's length, nothing is known of what it says."""
    other = onnx.ModelProto()
    other.CopyFrom(encoder)
    for node in other.graph.node:
        if node.op_type == "Less":
            node.op_type = "Greater"
    assert operations(without_idle_nodes(other))["Mul"] == operations(other)["Mul"]


def test_what_only_resembles_a_norm_stays(encoder):
    other = onnx.ModelProto()
    other.CopyFrom(encoder)
    for node in other.graph.node:
        if node.op_type == "Sqrt":
            node.op_type = "Reciprocal"
    assert operations(with_joined_norms(other))["LayerNormalization"] == 0


def test_a_part_that_gives_something_else_is_not_used(encoder):
    other = onnx.ModelProto()
    other.CopyFrom(encoder)
    other.graph.initializer[0].raw_data = b"\0" * len(other.graph.initializer[0].raw_data)
    broken, short = onnx.ModelProto(), onnx.ModelProto()
    short.CopyFrom(simplified(encoder))
    kept = next(node for node in short.graph.node if node.output[0] == "means").input[0]
    bounds = [onnx.numpy_helper.from_array(np.array([number]), f"bound{number}") for number in (0, 3, 1)]
    short.graph.initializer.extend(bounds)
    short.graph.node.append(helper.make_node("Slice", [kept, *(bound.name for bound in bounds)], ["cut"]))
    short.graph.output[0].name = "cut"

    def results(part):
        return [values for seed in range(3) for values in said(onnx.load_from_string(part), 20, seed)]

    plain, simple = encoder.SerializeToString(), simplified(encoder)
    assert faithful(simple, encoder, results) == simple.SerializeToString()
    assert all(faithful(form, encoder, results) == plain for form in (other, broken, short))
