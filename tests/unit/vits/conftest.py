from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from portevoix.vits.scheduler import Scheduler
from portevoix.vits.voice import VitsVoice

VOICES = Path(__file__).parents[2] / "fixtures" / "voices"
FRENCH, ENGLISH, DUO = "fr_FR-petit-low", "en_US-small-low", "en_US-duo-low"


def copied(name: str, folder: Path) -> Path:
    """Copy a fixture voice, so that its parts are kept away from the repository."""
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(VOICES / f"{name}{suffix}", folder)
    return folder / f"{name}.onnx"


def sentence(count: int, seed: int = 0) -> np.ndarray:
    """Return `count` ids, every second of them a pad."""
    ids = np.random.default_rng(seed).integers(14, 60, count)
    ids[1::2] = 0
    return ids


async def spoken(voice, ids, **manner) -> SimpleNamespace:
    """Speak a sentence and put its pieces together."""
    pieces = [piece async for piece in voice.stream(ids, **manner)]
    return SimpleNamespace(
        pieces=pieces,
        samples=np.concatenate([piece.samples for piece in pieces]),
        durations=np.concatenate([piece.id_samples for piece in pieces]),
    )


@pytest.fixture(scope="session")
def scheduler():
    with_two = Scheduler(workers=2)
    yield with_two
    with_two.close()


@pytest.fixture(scope="session")
def voice_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    return {name: copied(name, folder) for name in (FRENCH, ENGLISH, DUO)}


@pytest.fixture(scope="session")
def french(voice_files, scheduler):
    return VitsVoice.load(voice_files[FRENCH], scheduler=scheduler)


@pytest.fixture(scope="session")
def duo(voice_files, scheduler):
    return VitsVoice.load(voice_files[DUO], scheduler=scheduler)
