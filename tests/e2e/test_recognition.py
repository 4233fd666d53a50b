"""Where flite is installed: the judge can tell right speech from wrong, cut, swapped and noisy speech."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from portevoix.codecs import read_wav
from tests.recognition import UNDERSTOOD, word_error_rate

TEXTS = [
    "the weather is very nice today and the sun is shining",
    "please open the window and close the door",
    "he went to the market and bought some bread and milk",
    "there are many people in the city on a monday morning",
    "she reads a long book about the history of the world",
    "my brother works in a small office near the river",
    "we want to go home because it is late at night",
    "the train will leave the station in five minutes",
    "children like to play with water in the summer",
    "a good friend is somebody who listens to you",
]

FEW = 4
"""Damage is so plain that a few clips are enough to see it."""

if shutil.which("flite"):

    @pytest.fixture(scope="module")
    def clips(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[np.ndarray, int]]:
        folder = tmp_path_factory.mktemp("flite")
        return [_flite(text, folder / f"{number}.wav") for number, text in enumerate(TEXTS)]

    def _flite(text: str, path: Path) -> tuple[np.ndarray, int]:
        subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
        return read_wav(path)

    def _mean(clips: list[tuple[np.ndarray, int]], texts: list[str]) -> float:
        rates = [word_error_rate(samples, rate, text) for (samples, rate), text in zip(clips, texts, strict=True)]
        return float(np.mean(rates))

    def test_right_speech_is_understood(clips) -> None:
        assert _mean(clips, TEXTS) < UNDERSTOOD

    def test_another_text_is_told(clips) -> None:
        assert _mean(clips[:FEW], TEXTS[1 : FEW + 1]) > UNDERSTOOD

    def test_half_of_the_speech_is_told(clips) -> None:
        assert _mean([(samples[: len(samples) // 2], rate) for samples, rate in clips[:FEW]], TEXTS[:FEW]) > UNDERSTOOD

    def test_noise_is_told(clips) -> None:
        dice = np.random.default_rng(1)
        few = clips[:FEW]
        noisy = [(samples + dice.normal(0, 0.2, len(samples)).astype(np.float32), rate) for samples, rate in few]
        assert _mean(noisy, TEXTS[:FEW]) > UNDERSTOOD

    def test_speech_backwards_is_told(clips) -> None:
        assert _mean([(samples[::-1], rate) for samples, rate in clips[:FEW]], TEXTS[:FEW]) > UNDERSTOOD
