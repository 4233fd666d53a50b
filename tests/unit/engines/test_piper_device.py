"""How much of a GPU Piper may take: the share of the configuration, of the GPU that is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portevoix.app import build, read_configuration
from portevoix.engines.piper_native import PiperNative
from portevoix.errors import ConfigError
from portevoix.vits.sessions import CPU, Device, cuda_settings

GIBIBYTE = 1 << 30
Pick = Callable[..., Device]


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the driver's tool list two GPUs."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, NVIDIA GeForce RTX 3090, 24576'\necho '1, NVIDIA A100, 81920'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def pick(tmp_path: Path) -> Pick:
    """Return what chooses a device as the app that is configured so does."""

    def choose(fraction: float | None = None, **options: Any) -> Device:
        wanted = {} if fraction is None else {"gpu_memory_fraction": fraction}
        app = build(read_configuration({
            "backends": {"piper_native": options}, "advanced": wanted,
            "voice_folders": [str(tmp_path)], "cache_folder": str(tmp_path), "cache": {"enabled": False},
        }))  # fmt: skip
        engine = next(level.engine for level in app.levels if level.name == "piper_native")
        assert isinstance(engine, PiperNative)
        return engine._pick_device()

    return choose


@pytest.mark.usefixtures("gpus")
@pytest.mark.parametrize(
    ("fraction", "device", "index", "share_bytes"),
    [
        (None, "cuda:0", 0, 24 * GIBIBYTE // 10),
        (0.01, "cuda:1", 1, 80 * GIBIBYTE // 100),
        (0.5, "cuda:1", 1, 40 * GIBIBYTE),
        (1, "cuda", 0, 24 * GIBIBYTE),
    ],
)
def test_it_may_take_its_share_of_the_gpu_that_it_uses(
    pick: Pick, fraction: float | None, device: str, index: int, share_bytes: int
) -> None:
    chosen = pick(fraction, device=device)
    assert (chosen.kind, chosen.index) == ("cuda", index)
    assert chosen.memory_limit_bytes == pytest.approx(share_bytes, abs=1)
    assert cuda_settings(chosen)["gpu_mem_limit"] == chosen.memory_limit_bytes


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_is_found_by_its_name_gives_a_share_of_its_own_memory(pick: Pick) -> None:
    assert pick(0.25, device="cuda", device_name="a100") == Device("cuda", 1, 20 * GIBIBYTE)


def test_a_processor_has_no_limit(pick: Pick) -> None:
    assert pick(0.25, device="cpu") == CPU
    assert CPU.memory_limit_bytes is None


@pytest.mark.parametrize("fraction", [0, 0.009, -0.1, 1.001, 2, float("nan"), "much"])
def test_a_share_that_is_none_is_refused(pick: Pick, fraction: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        pick(fraction, device="cuda")
    assert any("gpu_memory_fraction" in problem for problem in caught.value.problems)
