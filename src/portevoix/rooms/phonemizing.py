"""The sentences and words of Piper voices, as the phonemizer's process reads them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from portevoix.errors import EngineDied, EngineFailed, ModelBroken, ModelUnsupported
from portevoix.rooms.phonemizer import PhonemizerPlan, PhonemizerProcess, VoiceReading, phonemizer_command
from portevoix.text.phonemes import PhonemeSentence, needs_networks
from portevoix.text.spoken_words import SpokenWord, spoken_words, words_to_measure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FETCHING_SECONDS = 600.0
"""How long the first text of a language may take whose networks piper-tts fetches by itself."""


class HousedPhonemizer:
    """Turn text into one voice's phoneme ids, as piper-tts does, in another process."""

    def __init__(self, process: PhonemizerProcess, reading: VoiceReading) -> None:
        """Read for the voice of `reading`, in a process that others may share and somebody else owns."""
        self._process = process
        self._reading = reading

    async def prove(self) -> None:
        """Turn a letter into phonemes, which also spares the first sentence the time of loading.

        Raises:
            ModelBroken: the voice's configuration lacks a key, or names an unknown kind of phonemes.
            ModelUnsupported: the phonemizer of this kind of voice is not installed, or does not know its language.
            EngineError: as in `sentences`.
        """
        seconds = FETCHING_SECONDS if needs_networks(self._reading.config) else self._limit_seconds("a")
        try:
            await self._process.ask(self._reading, {"text": "a"}, seconds)
        except EngineDied:
            raise
        except EngineFailed as error:
            raise ModelUnsupported("the voice cannot speak", str(error), "Choose another voice.") from error

    async def sentences(self, text: str) -> tuple[PhonemeSentence, ...]:
        """Return the sentences that espeak finds in `text`; none when nothing in it has a sound.

        Raises:
            EngineFailed: the phonemizer for this kind of voice refuses the text.
            EngineDied: its process was lost while it was at this text.
            EngineTimeout: it took too long, and was killed.
            EngineUnavailable: it cannot be started.
        """
        answer = await self._process.ask(self._reading, {"text": text}, self._limit_seconds(text))
        return tuple(
            PhonemeSentence(tuple(ids), tuple(ends), tuple(lengths), tuple((sound, end) for sound, end in sounds))
            for ids, ends, lengths, sounds in answer["sentences"]
        )

    async def words(self, text: str, sentences: Sequence[PhonemeSentence]) -> tuple[SpokenWord, ...]:
        """Return where the written words of `text` are spoken in its `sentences`; errors as in `sentences`."""
        words, lengths = words_to_measure(text, sentences), []
        if words:
            answer = await self._process.ask(self._reading, {"words": words}, self._limit_seconds(text))
            lengths = answer["lengths"]
        return spoken_words(text, sentences, lengths)

    def _limit_seconds(self, text: str) -> float:
        return self._process.plan.limit_seconds(len(text))


class Phonemizers:
    """Hold the processes of an engine: one for all that espeak-ng reads, one for what piper-tts has networks for."""

    def __init__(self, plan: PhonemizerPlan | None = None) -> None:
        """Start nothing yet."""
        plan = plan or PhonemizerPlan()
        self._light = PhonemizerProcess(plan)
        self._heavy = PhonemizerProcess(replace(plan, command=phonemizer_command(memory_bytes=0)))

    def begin(self) -> None:
        """Begin to start the process that most voices need."""
        self._light.begin()

    async def of(self, config: Path) -> HousedPhonemizer:
        """Return the phonemizer of the voice with this `.onnx.json`, proven; errors as in `HousedPhonemizer.prove`."""
        reading = await asyncio.to_thread(_reading, config)
        process = self._heavy if needs_networks(reading.config) else self._light
        phonemizer = HousedPhonemizer(process, reading)
        await phonemizer.prove()
        return phonemizer

    def processes(self) -> tuple[int, ...]:
        """Return the numbers of those that are alive."""
        return tuple(pid for process in (self._light, self._heavy) if (pid := process.pid))

    async def aclose(self) -> None:
        """End the processes; they may be used again."""
        await self._light.aclose()
        await self._heavy.aclose()


def _reading(config: Path) -> VoiceReading:
    try:
        content = config.read_bytes()
        fields = json.loads(content)
    except (ValueError, OSError, RecursionError) as error:
        raise _broken(config, str(error)) from error
    if not isinstance(fields, dict):
        raise _broken(config, "it is not a JSON object")
    return VoiceReading(hashlib.sha256(content).hexdigest()[:16], fields)


def _broken(config: Path, why: str) -> ModelBroken:
    return ModelBroken(f"{config.name} is not a Piper voice's configuration", why, "Fetch the voice again.")
