"""Words that nobody wrote: the native libraries live through them, or their process is replaced."""

from __future__ import annotations

import random
import string
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.engine import Engine, Phase, Surroundings
from portevoix.errors import EngineError
from portevoix.registry import built_in_engines
from portevoix.speech import Utterance

VOICES = Path("tests/fixtures/voices").absolute()
ALPHABETS = [
    string.ascii_letters,
    string.digits,
    string.punctuation,
    "éèêëàâäùûüôöîïçœæÉÀŒ«»’…—",
    "абвгдежзийклмнопрст",
    "日本語中文漢字かなカナ",
    "ابتثجحخدذرزسشصض",
    "\u0301\u0308\u200d\u00ad\u2028",
    "ÆØÅßþðŁ√∑€£¥%‰",
]

SIGNS = [".", ".,", "-", "'", "_", ". ", " . "]
"""A letter and a sign in endless turns is what native libraries bear worst."""


def word(dice: random.Random) -> str:
    alphabet = dice.choice(ALPHABETS)
    if dice.random() < 0.2:
        return (dice.choice(alphabet) + dice.choice(SIGNS)) * dice.choice([3, 30, 150])
    return "".join(dice.choice(alphabet) for _ in range(dice.choice([1, 2, 5, 12, 60])))


def text(dice: random.Random) -> str:
    return " ".join(word(dice) for _ in range(dice.choice([1, 3, 8])))[:300]


@pytest.mark.parametrize("name", ["piper_native", "sapi_french"])
async def test_any_word_is_spoken_or_refused_in_words(name: str, tmp_path: Path) -> None:
    dice = random.Random(20)
    kind = built_in_engines()[name]
    engine: Engine = kind(kind.Options(), Surroundings((VOICES,), tmp_path))
    await engine.load()
    voices = [voice for voice in engine.voices() if voice.is_installed and voice.family in ("fr", "en")]
    for _ in range(150):
        voice = dice.choice(voices)
        try:
            async with aclosing(engine.stream(Utterance(text(dice), voice, voice.language))) as chunks:
                async for _chunk in chunks:
                    pass
        except EngineError as error:
            assert error.what
    assert engine.state().phase is Phase.READY
    await engine.aclose()
