"""What every heavy engine owes, whether it runs in a room or in this process: one suite, run both ways.

`keep_contract` goes through all of it with one engine, which is loaded once, for that takes seconds. As a program it
does so inside the environment of heavy engines, with the engine in its own process:

    python -m tests.housed_contract PLAN.json

It knows nothing of pytest, which is not in that environment.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
import wave
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np

from portevoix.engine import Phase, Surroundings
from portevoix.errors import CannotClone, CannotSay, EngineError
from portevoix.rooms.narration import CHUNK_SECONDS
from portevoix.speech import Reference, Utterance

SENTENCES = {"fr": "Bonjour à tous, ceci est un essai.", "en": "Hello everybody, this is a trial."}
ODD = [
    "a", "1234567890", "C'est l'été !", "<b>gras</b> & [[x]]", "😀 a", "a\u0301", "x" * 300, "Да нет", "你好，世界。",
    "!!!", "😀😀", "a\0b\x07c", "", "   ", "\ud800 x", "<|AUDIO_OUT|> [fr] <unk> <pad>", "un\ndeux\r\ntrois", "مرحبا",
]  # fmt: skip
HEARD_SECONDS = 4.0


@dataclass(frozen=True)
class Plan:
    """Say which engine is tried, and with what.

    Attributes:
        engine: `package.module:Class`.
        options: of the engine.
        models: folder of the models.
        rooms: folder of the environments.
        scratch: folder for caches and recordings.
        default_language: language to prefer.
    """

    engine: str
    options: dict
    models: str
    rooms: str
    scratch: str
    default_language: str = "fr"

    def build(self, **options):
        module, _, name = self.engine.partition(":")
        kind = getattr(import_module(module), name)
        around = Surroundings(
            (), Path(self.scratch) / "cache", default_language=self.default_language,
            models_folder=Path(self.models), rooms_folder=Path(self.rooms),
        )  # fmt: skip
        return kind(kind.Options(**{**self.options, **options}), around)


async def keep_contract(plan, *more):
    """Return what was not kept, of this suite and of `more`: a traceback by the name of the promise."""
    engine = plan.build()
    broken = {}
    try:
        for promise in (*PROMISES, *more):
            began = time.perf_counter()
            try:
                await promise(engine, plan)
            except Exception:
                broken[promise.__name__] = traceback.format_exc()
            print(f"{engine.name}: {promise.__name__} {time.perf_counter() - began:.2f} s", file=sys.stderr)  # noqa: T201
    finally:
        await engine.aclose()
    assert not engine.processes()
    return broken


def first_voice(engine):
    return next(voice for voice in engine.voices() if voice.is_installed)


def utterance(engine, text="", **facts):
    voice = facts.pop("voice", None) or first_voice(engine)
    text = text or SENTENCES.get(voice.family, SENTENCES["en"])
    return Utterance(text, voice, facts.pop("language", voice.language), **facts)


async def hear(engine, said, most_seconds=float("inf")):
    chunks, seconds = [], 0.0
    async with aclosing(engine.stream(said)) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            seconds += chunk.seconds
            if seconds > most_seconds:
                break
    return chunks


def joined(chunks):
    return np.concatenate([chunk.samples for chunk in chunks])


async def an_unknown_language_is_told_before_anything_is_loaded(engine, plan):
    voice = first_voice(engine)
    try:
        await hear(engine, utterance(engine, "Sveiki.", language="xx-Zzzz"))
    except CannotSay as error:
        assert voice.name in str(error)
    else:
        raise AssertionError("it spoke")
    assert engine.state().phase is Phase.IDLE


async def a_recording_that_is_gone_is_told_before_anything_is_loaded(engine, plan):
    if not engine.can_clone:
        return
    gone = Reference(str(Path(plan.scratch) / "gone.wav"), "0" * 64, "Bonjour.")
    try:
        await hear(engine, utterance(engine, reference=gone))
    except CannotClone:
        assert engine.state().phase is Phase.IDLE
    else:
        raise AssertionError("it spoke")


async def it_loads_once_for_all_who_ask(engine, plan):
    await asyncio.gather(*(engine.load() for _ in range(3)))
    state = engine.state()
    assert state.phase is Phase.READY, state
    assert state.device == "cpu", state
    assert engine.is_loaded


async def its_voices_are_its_own(engine, plan):
    voices = engine.voices()
    assert len({voice.name for voice in voices}) == len(voices)
    assert all(voice.engine == engine.name and voice.licence for voice in voices)
    assert engine.voices() is voices
    assert first_voice(engine).fingerprint


async def it_speaks_in_chunks(engine, plan):
    chunks = await hear(engine, utterance(engine))
    samples = joined(chunks)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.all(np.abs(samples) <= 1)
    assert np.sqrt(np.mean(samples**2)) > 0.01
    assert len({chunk.sample_rate for chunk in chunks}) == 1
    assert 0.5 < len(samples) / chunks[0].sample_rate < 20
    assert max(chunk.seconds for chunk in chunks) <= CHUNK_SECONDS + 0.001
    assert len(chunks) > 1


async def every_installed_voice_speaks(engine, plan):
    for voice in [voice for voice in engine.voices() if voice.is_installed][:3]:
        assert await hear(engine, utterance(engine, voice=voice))


async def it_speaks_again_after_being_left(engine, plan):
    before = engine.processes()
    for _ in range(3):
        async with aclosing(engine.stream(utterance(engine, SENTENCES["fr"] * 3))) as stream:
            await anext(stream)
    assert await hear(engine, utterance(engine))
    assert engine.processes() == before, "it was killed although it could have stopped"
    assert engine.users == 0


async def two_at_once_both_arrive(engine, plan):
    both = await asyncio.gather(*(hear(engine, utterance(engine)) for _ in range(2)))
    lengths = [sum(chunk.seconds for chunk in chunks) for chunks in both]
    assert abs(lengths[0] - lengths[1]) < 0.2 * lengths[0], lengths


async def odd_text_is_spoken_or_refused_in_words(engine, plan):
    for text in ODD:
        try:
            assert await hear(engine, Utterance(text, first_voice(engine), first_voice(engine).language))
        except EngineError as error:
            assert all((error.what, error.why)), (text, repr(error))
            assert any(sign.isalnum() for sign in text) or isinstance(error, CannotSay), (text, repr(error))
        assert engine.state().phase is Phase.READY, (text, engine.state())


async def ten_thousand_characters_begin_to_be_spoken(engine, plan):
    said = utterance(engine, ("Voici une phrase de plus, assez longue pour compter. " * 200)[:10_000])
    assert sum(chunk.seconds for chunk in await hear(engine, said, HEARD_SECONDS)) > HEARD_SECONDS
    assert await hear(engine, utterance(engine))


async def equal_utterances_give_equal_samples(engine, plan):
    one, two = [joined(await hear(engine, utterance(engine, seed=3))) for _ in range(2)]
    assert np.array_equal(one, two)


async def it_goes_faster_when_told(engine, plan):
    slow, fast = [
        sum(chunk.seconds for chunk in await hear(engine, utterance(engine, speed=speed))) for speed in (0.75, 1.5)
    ]
    assert 1.3 < slow / fast < 2.7, (slow, fast)


async def it_speaks_like_a_recording(engine, plan):
    if not engine.can_clone:
        return
    recording = write_recording(Path(plan.scratch) / "somebody.wav")
    reference = Reference(str(recording), "ab" * 32, "Bonjour, je suis quelqu'un.")
    own = joined(await hear(engine, utterance(engine)))
    borrowed = joined(await hear(engine, utterance(engine, reference=reference)))
    assert not np.array_equal(own, borrowed), "the recording changes nothing"
    kept = {path: path.read_bytes() for path in engine.cache_folder.iterdir()}
    assert any("ab" * 32 in path.name for path in kept)
    assert all(not path.name.startswith(".") for path in kept)
    again = joined(await hear(engine, utterance(engine, reference=reference)))
    assert np.array_equal(borrowed, again)
    assert {path: path.read_bytes() for path in engine.cache_folder.iterdir()} == kept
    await _survives_a_broken_preparation(engine, reference, kept)


async def _survives_a_broken_preparation(engine, reference, kept):
    for path in kept:
        path.write_bytes(b"cut")
    assert await hear(engine, utterance(engine, reference=reference))
    assert all(path.read_bytes() != b"cut" for path in kept)


async def a_recording_that_cannot_be_used_is_told(engine, plan):
    if not engine.can_clone:
        return
    stump = Path(plan.scratch) / "stump.wav"
    stump.write_bytes(write_recording(Path(plan.scratch) / "whole.wav").read_bytes()[:20])
    try:
        await hear(engine, utterance(engine, reference=Reference(str(stump), "cd" * 32, "Bonjour.")))
    except CannotClone as error:
        assert error.why
    else:
        raise AssertionError("it spoke")
    assert await hear(engine, utterance(engine))


async def without_a_transcript_it_says_so(engine, plan):
    if not engine.needs_transcript:
        return
    recording = write_recording(Path(plan.scratch) / "untold.wav")
    try:
        await hear(engine, utterance(engine, reference=Reference(str(recording), "ef" * 32)))
    except CannotClone as error:
        assert "transcript" in error.hint
    else:
        raise AssertionError("it spoke")


async def it_gives_its_memory_back_and_comes_again(engine, plan):
    assert engine.bytes > 0
    assert engine.device == "cpu"
    listening = asyncio.create_task(hear(engine, utterance(engine)))
    await asyncio.sleep(0)
    await engine.unload()
    assert await listening, "who was listening has heard all of it"
    assert not engine.is_loaded
    assert engine.state().phase is Phase.IDLE
    assert engine.bytes == 0
    assert await hear(engine, utterance(engine))


def write_recording(path, seconds=6.0, rate=24_000):
    """Write a WAV file of a buzz with pauses, mono and 16 bit, and return its path."""
    times = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * 140 * number * times) / number for number in range(1, 12))
    samples = 0.1 * buzz * np.clip(np.sin(2 * np.pi * 3 * times) + 0.4, 0, 1)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


PROMISES = (
    an_unknown_language_is_told_before_anything_is_loaded,
    a_recording_that_is_gone_is_told_before_anything_is_loaded,
    it_loads_once_for_all_who_ask,
    its_voices_are_its_own,
    it_speaks_in_chunks,
    every_installed_voice_speaks,
    it_speaks_again_after_being_left,
    two_at_once_both_arrive,
    odd_text_is_spoken_or_refused_in_words,
    ten_thousand_characters_begin_to_be_spoken,
    equal_utterances_give_equal_samples,
    it_goes_faster_when_told,
    it_speaks_like_a_recording,
    a_recording_that_cannot_be_used_is_told,
    without_a_transcript_it_says_so,
    it_gives_its_memory_back_and_comes_again,
)


def main():
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    inside = replace(plan, options={**plan.options, "room": False})
    broken = asyncio.run(keep_contract(inside))
    Path(plan.scratch, "broken.json").write_text(json.dumps(broken), encoding="utf-8")


if __name__ == "__main__":
    main()
