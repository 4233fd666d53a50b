from __future__ import annotations

from pathlib import Path

import pytest

from portevoix.errors import EngineUnavailable
from portevoix.system.gpus import Gpu, find_gpus, pick_gpu

TWO = (Gpu(0, "NVIDIA GeForce RTX 3090", 24 << 30), Gpu(1, "NVIDIA A100", 80 << 30))


def nvidia_smi(folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_gpus_are_those_that_the_tool_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, "echo '0, NVIDIA GeForce RTX 3090, 24576'; echo '1, NVIDIA A100, 81920'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == TWO


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "echo '0, half'"])
def test_a_tool_that_fails_finds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    nvidia_smi(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == ()


def test_without_the_tool_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == ()


@pytest.mark.parametrize(
    ("device", "name", "index"), [("cuda", None, 0), ("cuda:1", None, 1), ("cuda", "a100", 1), ("cuda:0", "3090", 0)]
)
def test_a_gpu_is_pinned_by_index_and_by_name(device: str, name: str | None, index: int) -> None:
    assert pick_gpu(TWO, device, name).index == index


@pytest.mark.parametrize(("device", "name"), [("cuda:2", None), ("cuda:0", "A100"), ("tpu", None), ("cuda", "H200")])
def test_a_gpu_that_is_not_there_is_told_with_those_that_are(device: str, name: str | None) -> None:
    with pytest.raises(EngineUnavailable, match="cuda:1 is NVIDIA A100"):
        pick_gpu(TWO, device, name)
