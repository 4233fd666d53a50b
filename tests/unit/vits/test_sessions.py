from __future__ import annotations

from pathlib import Path

from portevoix.vits.sessions import CPU, Device, cuda_settings, open_session, run_options

MODEL = Path("tests/fixtures/voices/fr_FR-petit-low.onnx")


def test_a_gpu_s_arena_is_limited_and_grows_by_what_is_asked_for():
    """Its own default doubles with each request that is larger than all before, up to all of the GPU's memory."""
    settings = cuda_settings(Device("cuda", 1, memory_limit_bytes=800_000_000))
    assert settings["device_id"] == 1
    assert settings["gpu_mem_limit"] == 800_000_000
    assert settings["arena_extend_strategy"] == "kSameAsRequested"
    assert "gpu_mem_limit" not in cuda_settings(Device("cuda"))


def test_a_gpu_s_arena_shrinks_after_each_run():
    options = run_options(Device("cuda", 1))
    assert options.get_run_config_entry("memory.enable_memory_arena_shrinkage") == "gpu:1"
    assert run_options(CPU) is None


def test_a_session_plans_no_memory_by_shape():
    options = open_session("voice", MODEL).inner.get_session_options()
    assert (options.enable_mem_pattern, options.enable_mem_reuse) == (False, False)
