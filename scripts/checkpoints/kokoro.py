"""Make a small Kokoro model: a hand-made network with its inputs, for tests of loading and speaking.

    python scripts/checkpoints/kokoro.py FOLDER

Runs in the neural environment. Each phoneme is a tone of 60 ms, divided by the speed; the voice makes its pitch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOICES = ("af_heart", "bf_emma", "ff_siwis", "jf_alpha", "am_adam")
ROWS, STYLE = 510, 256
SAMPLES_PER_PHONEME = 1440
RATE = 24_000


def build(folder: Path) -> None:
    """Write the model's files to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_network(), folder / "kokoro-v1.0.onnx")
    styles = {name: np.full((ROWS, 1, STYLE), 150.0 + 50.0 * number, np.float32) for number, name in enumerate(VOICES)}
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **styles)


def _network() -> onnx.ModelProto:
    """Return a network that sounds as long as its phonemes take, at the pitch that the style tells."""
    numbers = {
        "each": np.float32(SAMPLES_PER_PHONEME), "nothing": np.float32(0), "step": np.float32(1),
        "turn": np.float32(2 * np.pi / RATE), "loudness": np.float32(0.3), "first": np.array([0, 0], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Size", ["tokens"], ["count"]),
        helper.make_node("Cast", ["count"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("Squeeze", ["speed"], ["pace"]),
        helper.make_node("Mul", ["counted", "each"], ["long"]),
        helper.make_node("Div", ["long", "pace"], ["length"]),
        helper.make_node("Range", ["nothing", "length", "step"], ["time"]),
        helper.make_node("GatherND", ["style", "first"], ["pitch"]),
        helper.make_node("Mul", ["pitch", "turn"], ["angle"]),
        helper.make_node("Mul", ["time", "angle"], ["phase"]),
        helper.make_node("Sin", ["phase"], ["wave"]),
        helper.make_node("Mul", ["wave", "loudness"], ["audio"]),
    ]
    graph = helper.make_graph(
        nodes,
        "kokoro",
        [
            helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "n"]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, STYLE]),
            helper.make_tensor_value_info("speed", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    build(parser.parse_args().folder)
