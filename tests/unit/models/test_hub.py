from __future__ import annotations

import logging

import pytest

from portevoix.models.hub import ENDPOINT, Hub, hub_of, total_timeout_of


def test_the_environment_names_mirror_token_and_silence() -> None:
    assert hub_of({}) == Hub(ENDPOINT)
    environ = {"HF_ENDPOINT": "https://mirror.example/hf/", "HF_TOKEN": " abc\n", "HF_HUB_OFFLINE": "1"}
    assert hub_of(environ) == Hub("https://mirror.example/hf", "abc", is_offline=True)


def test_the_configuration_comes_before_the_environment() -> None:
    environ = {"HF_ENDPOINT": "https://mirror.example", "HF_HUB_OFFLINE": "0"}
    assert hub_of(environ, endpoint="http://127.0.0.1:1", is_offline=True) == Hub("http://127.0.0.1:1", is_offline=True)
    assert not hub_of(environ).is_offline


def test_addresses_are_those_of_the_hub() -> None:
    assert Hub().url("a/b", "refs/pr/1", "x y/z.onnx") == f"{ENDPOINT}/a/b/resolve/refs%2Fpr%2F1/x%20y/z.onnx"


@pytest.mark.parametrize(("text", "seconds"), [("", 60.0), ("5", 5.0), ("soon", 60.0), ("-1", 60.0), ("inf", 60.0)])
def test_the_longest_time_is_a_number_of_seconds(text: str, seconds: float, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert total_timeout_of({"TTS_DOWNLOAD_TIMEOUT": text}, 60.0) == seconds
    assert bool(caplog.records) == (text in ("soon", "-1", "inf"))
