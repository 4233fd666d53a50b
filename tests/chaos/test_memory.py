"""A thousand sentences of random length: memory follows what is being said, not all that ever was."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.engine import Surroundings
from portevoix.engines.piper_native import PiperNative
from portevoix.speech import Utterance
from portevoix.system.memory import resident_bytes

VOICES = Path("tests/fixtures/voices").absolute()
SENTENCES = 1000
LONGEST_WORDS = 100
CEILING_BYTES = 60_000_000
"""How much more than after the longest sentence; all of the audio together is three times as much."""


def text(dice: random.Random) -> str:
    length = LONGEST_WORDS if dice.random() < 0.02 else dice.choice([1, 1, 2, 3, 5, 8])
    return " ".join(dice.choice(["un", "maison", "extraordinaire", "bonjour", "quatre"]) for _ in range(length))


async def growth_bytes(folder: Path) -> int:
    """Return by how much this process has grown since it said the longest sentence."""
    engine = PiperNative(PiperNative.Options(device="cpu"), Surroundings((VOICES,), folder))
    await engine.load()
    voice = next(voice for voice in engine.voices() if voice.is_installed and voice.family == "fr")
    dice, first, most = random.Random(5), 0, 0
    for _ in range(SENTENCES):
        said = text(dice) if first else "bonjour " * LONGEST_WORDS
        async with aclosing(engine.stream(Utterance(said, voice, voice.language))) as chunks:
            async for _chunk in chunks:
                pass
        first = first or resident_bytes(os.getpid())
        most = max(most, resident_bytes(os.getpid()))
    await engine.aclose()
    return most - first


@pytest.mark.timeout(600)
def test_a_thousand_sentences_of_random_length_stay_under_a_ceiling(tmp_path: Path) -> None:
    """In a process of its own, which no other test has filled."""
    command = [sys.executable, "-m", "tests.chaos.test_memory", str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert 0 <= int(done.stdout) < CEILING_BYTES


if __name__ == "__main__":
    sys.stdout.write(str(asyncio.run(growth_bytes(Path(sys.argv[1])))))
