"""A worker that keeps the form of frames and not their sense is killed; nothing of it reaches who listens."""

from __future__ import annotations

import asyncio
import struct

import pytest

from portevoix.errors import EngineDied
from portevoix.rooms.frames import pack
from portevoix.rooms.worker import Worker
from tests.unit.rooms.test_room import PLAN, utterance

CHUNK = {"kind": "chunk", "id": 1, "marks": []}
DEEP = b"[" * 200_000
NONSENSE = [
    pack({"kind": "pong"}),
    pack({"kind": "failed", "error": "a text"}),
    pack({"kind": "failed"}),
    pack({"kind": "ready", "voices": 5}),
    pack({"kind": "ready", "voices": [{"name": "x"}]}),
    pack(CHUNK, bytes(8)),
    pack({**CHUNK, "rate": 0}, bytes(8)),
    pack({**CHUNK, "rate": -8000}, bytes(8)),
    pack({**CHUNK, "rate": 1e999}, bytes(8)),
    pack({**CHUNK, "rate": "many"}, bytes(8)),
    pack({**CHUNK, "rate": 8000}, bytes(7)),
    pack({**CHUNK, "rate": 8000, "marks": [[1]]}, bytes(8)),
    pack({"kind": "end", "id": 1, "error": "a text"}),
    pack({"kind": "end", "id": 1, "error": [1]}),
    struct.pack("<II", len(DEEP), 0) + DEEP,
]


@pytest.mark.parametrize("data", NONSENSE, ids=range(len(NONSENSE)))
async def test_the_utterance_fails_and_the_worker_is_gone(data: bytes) -> None:
    worker = Worker(PLAN)
    speaking = worker.speak(utterance())
    waiting = asyncio.create_task(anext(speaking))
    await asyncio.sleep(0)
    worker._hear(pack({"kind": "begun", "id": 1}))
    worker._hear(data)
    assert worker.gone.is_set()
    with pytest.raises(EngineDied, match="cannot be understood"):
        await waiting
    await worker.aclose()


def test_a_worker_does_not_know_who_we_are_at_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert "hf_secret" not in PLAN.surroundings().values()
