from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, version_converter

from portevoix.errors import ModelUnsupported
from portevoix.vits.config import read_config
from portevoix.vits.level import Level
from portevoix.vits.making import make_parts, prove, proven_parts, speak
from portevoix.vits.network import Manner, WholeNetwork
from portevoix.vits.parts import Parts
from portevoix.vits.sessions import open_session
from portevoix.vits.split import split
from portevoix.vits.voice import VitsVoice
from tests.unit.vits.conftest import DUO, ENGLISH, FRENCH, copied, sentence, spoken


def altered(tmp_path, change, name=DUO):
    """Copy a voice and change its graph."""
    model = copied(name, tmp_path)
    onnx.save(change(onnx.load(model)), model)
    return model


def with_other_names(voice):
    made = [output for node in voice.graph.node for output in node.output if output not in {"", "output"}]
    names = {name: f"n{number}" for number, name in enumerate(made)}
    names |= {tensor.name: f"w{number}" for number, tensor in enumerate(voice.graph.initializer)}
    for tensor in voice.graph.initializer:
        tensor.name = names[tensor.name]
    for number, node in enumerate(voice.graph.node):
        node.name = f"node{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return voice


def with_durations_as_output(voice):
    ceiling = [node.output[0] for node in voice.graph.node if node.op_type == "Ceil"][-1]
    voice.graph.output.append(helper.make_tensor_value_info(ceiling, onnx.TensorProto.FLOAT, None))
    return voice


def with_opset_17(voice):
    return version_converter.convert_version(voice, 17)


def without_upsampling(voice):
    for node in voice.graph.node:
        if node.op_type == "ConvTranspose":
            node.op_type = "Vocoder"
    return voice


def with_another_input(voice):
    voice.graph.input.append(helper.make_tensor_value_info("style", onnx.TensorProto.FLOAT, [1]))
    return voice


def with_an_unknown_step_in_the_decoder(voice):
    tanh = [node for node in voice.graph.node if node.op_type == "Tanh"][-1]
    tanh.op_type = "Softsign"
    return voice


def proved_error(model):
    """Return how far the parts of a changed voice are from the changed voice itself."""
    config = read_config(model.with_name(model.name + ".json"))
    network = make_parts(model, config).network()
    manner = Manner(speaker=config.speaker_count - 1, noise_scale=0.0, noise_w_scale=0.0)
    whole = WholeNetwork(open_session("voice", model)).speak(sentence(50), manner)
    return np.abs(speak(network, sentence(50), manner) - whole).max()


@pytest.mark.parametrize("change", [with_other_names, with_durations_as_output, with_opset_17])
def test_splits_voices_that_differ_only_in_form(tmp_path, change):
    assert proved_error(altered(tmp_path, change)) < 1e-5


@pytest.mark.parametrize("name", [FRENCH, ENGLISH, DUO])
def test_splits_voices_with_and_without_drawn_durations_and_speakers(voice_files, name):
    voice = split(onnx.load(voice_files[name]))
    assert voice.draws_durations == (name != DUO)
    assert voice.has_speakers == (name == DUO)
    assert (voice.flow_reach, voice.decoder_reach, voice.hop_samples) == ((32, 32), (11, 11), 256)
    assert proved_error(voice_files[name]) < 1e-5


def test_splits_what_onnxruntime_simplified(tmp_path):
    model = copied(DUO, tmp_path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "simple.onnx")
    onnxruntime.InferenceSession(str(model), options)
    (tmp_path / "simple.onnx").replace(model)
    assert proved_error(model) < 1e-5
    left = {node.op_type for node in split(onnx.load(model)).encoder.graph.node}
    assert {"LayerNormalization", "Gemm"} < left
    assert "ReduceMean" not in left


async def test_speaks_whole_what_onnxruntime_has_fused(tmp_path, scheduler):
    model = copied(DUO, tmp_path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    onnxruntime.InferenceSession(str(model), options)
    (tmp_path / "fused.onnx").replace(model)
    voice = VitsVoice.load(model, scheduler=scheduler)
    assert not voice.is_split
    assert voice.why_not_split
    heard = await spoken(voice, sentence(40))
    assert len(heard.pieces) == 1
    assert len(heard.durations) == 0
    assert np.abs(heard.samples).max() > 0.1


@pytest.mark.parametrize(
    ("change", "why"),
    [(without_upsampling, "transposed convolution"), (with_another_input, "style")],
)
def test_says_why_a_graph_cannot_be_split(voice_files, change, why):
    with pytest.raises(ModelUnsupported) as refusal:
        split(change(onnx.load(voice_files[FRENCH])))
    assert why in refusal.value.why


def test_a_decoder_that_cannot_be_rewritten_is_still_split(voice_files):
    voice = onnx.load(voice_files[FRENCH])
    upsampling = next(node for node in voice.graph.node if node.op_type == "ConvTranspose")
    weights = next(tensor for tensor in voice.graph.initializer if tensor.name == upsampling.input[1])
    values = onnx.numpy_helper.to_array(weights)
    odd = np.concatenate([values, np.zeros_like(values[..., :2])], axis=-1)
    weights.CopyFrom(onnx.numpy_helper.from_array(odd, weights.name))
    for entry in upsampling.attribute:
        if entry.name == "kernel_shape":
            entry.ints[:] = [18]
        if entry.name == "pads":
            entry.ints[:] = [5, 5]
    assert split(voice).decoder is None


def test_an_unknown_step_among_the_convolutions_is_not_split(voice_files):
    with pytest.raises(ModelUnsupported, match="cannot be streamed") as refusal:
        split(with_an_unknown_step_in_the_decoder(onnx.load(voice_files[FRENCH])))
    assert "Softsign" in refusal.value.why


def test_parts_that_speak_differently_are_refused(voice_files):
    config = read_config(voice_files[FRENCH].with_name(voice_files[FRENCH].name + ".json"))
    french, english = (make_parts(voice_files[name], config) for name in (FRENCH, ENGLISH))
    mixed = Parts(french.facts, {**french.models, "flow": english.models["flow"]})
    whole = WholeNetwork(open_session("voice", voice_files[FRENCH]))
    prove(french.network(), whole, config)
    with pytest.raises(ModelUnsupported, match="cannot be streamed"):
        prove(mixed.network(), whole, config)


def test_a_voice_whose_fast_forms_are_not_the_same_is_spoken_by_the_plain_ones(voice_files, caplog):
    """A fast decoder that hands on what it is given is found out when the parts are compared with the whole."""
    config = read_config(voice_files[FRENCH].with_name(voice_files[FRENCH].name + ".json"))
    french, english = (split(onnx.load(voice_files[name])) for name in (FRENCH, ENGLISH))
    whole = WholeNetwork(open_session("voice", voice_files[FRENCH]))
    ends = [[helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)] for name in ("latents", "samples")]
    idle = helper.make_graph([helper.make_node("Identity", ["latents"], ["samples"])], "idle", *ends)
    decoder = helper.make_model(idle, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    parts = proven_parts(replace(french, decoder=decoder), whole, config)
    assert parts.models["decoder"] == french.plain_decoder.SerializeToString()
    assert "parts.not_simplified" in caplog.messages
    with pytest.raises(ModelUnsupported):
        proven_parts(replace(french, plain_flow=english.plain_flow, flow=english.flow), whole, config)


def test_both_decoders_give_the_same_samples_wherever_a_chunk_lies(voice_files):
    voice = split(onnx.load(voice_files[FRENCH]))
    fast, plain = (open_session("d", form.SerializeToString()) for form in (voice.decoder, voice.plain_decoder))
    latents = np.random.default_rng(1).standard_normal((1, 8, 60)).astype(np.float32)
    for before, after in [(0, 0), (11, 11), (5, 0), (0, 3), (20, 30)]:
        margins = np.array([before, after])
        one, other = (form.run({"latents": latents, "margins": margins})[0] for form in (fast, plain))
        assert one.size == other.size == (60 - before - after) * 256
        assert np.abs(one - other).max() < 1e-5


def test_the_reach_is_as_small_as_can_be(voice_files):
    """One frame less on either side is heard."""
    voice = split(onnx.load(voice_files[FRENCH]))
    decoder = open_session("decoder", voice.plain_decoder.SerializeToString())
    latents = np.random.default_rng(1).standard_normal((1, 8, 80)).astype(np.float32) * 3
    whole = decoder.run({"latents": latents, "margins": np.array([30, 30])})[0]
    for before, after, is_exact in [(11, 11, True), (9, 11, False), (11, 9, False)]:
        near = latents[:, :, 30 - before : 50 + after]
        heard = decoder.run({"latents": near, "margins": np.array([before, after])})[0]
        assert (np.abs(heard - whole).max() < 1e-6) == is_exact


def test_level_is_unused_where_it_is_not_wanted():
    samples = np.array([0.5, -2.0], dtype=np.float32)
    assert Level().applied(samples).tolist() == [0.5, -1.0]
