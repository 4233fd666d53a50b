from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from portevoix.engine import Phase, Surroundings
from portevoix.engines.piper_native import MEMORY_PER_FILE_BYTE, PiperNative, PiperNativeOptions
from portevoix.errors import CannotSay, EngineUnavailable, InvalidParameter, ModelBroken, ModelMissing, Overloaded
from portevoix.speech import Utterance, Voice
from tests.hand_clock import HandClock

VOICES = Path("tests/fixtures/voices").absolute()
Make = Callable[..., PiperNative]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def make(tmp_path: Path, clock: HandClock) -> AsyncIterator[Make]:
    made: list[PiperNative] = []

    def build(*folders: Path, **options) -> PiperNative:
        surroundings = Surroundings(folders or (VOICES,), tmp_path / "cache", clock=clock)
        made.append(PiperNative(PiperNativeOptions(**options), surroundings))
        return made[-1]

    yield build
    for engine in made:
        await engine.aclose()


def copy(name: str, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(VOICES / f"{name}{suffix}", folder)
    return folder / f"{name}.onnx"


async def speak(engine: PiperNative, text: str, voice: str = "fr_FR-petit-low", **wishes) -> np.ndarray:
    return await speak_with(engine, next(one for one in engine.voices() if one.name == voice), text, **wishes)


async def speak_with(engine: PiperNative, voice: Voice, text: str, **wishes) -> np.ndarray:
    async with aclosing(engine.stream(Utterance(text, voice, voice.language, **wishes))) as chunks:
        return np.concatenate([chunk.samples async for chunk in chunks])


async def test_streams_inside_the_sentence(make: Make) -> None:
    engine = make()
    await engine.load()
    voice = next(one for one in engine.voices() if one.name == "fr_FR-petit-low")
    async with aclosing(engine.stream(Utterance("Bonjour à tous les amis du monde.", voice, "fr"))) as chunks:
        lengths = [len(chunk.samples) async for chunk in chunks]
    assert len(lengths) > 1
    assert lengths[0] < sum(lengths) / 4
    assert engine.state().why == ""


async def test_a_wish_for_eight_bits_is_answered(make: Make, tmp_path: Path) -> None:
    engine = make(copy("fr_FR-petit-low", tmp_path / "voices").parent, precision="int8")
    await engine.load()
    state = engine.state()
    assert "int8" in state.why
    assert not state.makes_sentences_whole
    exact, small = [await speak(one, "Bonjour à tous.", seed=7) for one in (make(), engine)]
    assert np.corrcoef(exact, small)[0, 1] > 0.95


async def test_the_same_request_gives_the_same_samples(make: Make) -> None:
    engine = make()
    first, again = await speak(engine, "Bonjour à tous.", seed=7), await speak(engine, "Bonjour à tous.", seed=7)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, await speak(engine, "Bonjour à tous.", seed=8))


async def test_words_have_their_times(make: Make) -> None:
    engine = make()
    await engine.load()
    voice = next(one for one in engine.voices() if one.name == "fr_FR-petit-low")
    text = "La maison est belle. Le chat dort."
    async with aclosing(engine.stream(Utterance(text, voice, "fr"))) as stream:
        chunks = [chunk async for chunk in stream]
    marks = [mark for chunk in chunks for mark in chunk.marks]
    assert [text[mark.start : mark.end] for mark in marks] == text.replace(".", "").split()
    length = sum(chunk.seconds for chunk in chunks)
    assert 0 < marks[0].end_seconds < marks[-1].end_seconds <= length


async def test_phonemes_have_their_times_exact_to_the_frame(make: Make) -> None:
    engine = make()
    await engine.load()
    voice = next(one for one in engine.voices() if one.name == "fr_FR-petit-low")
    async with aclosing(engine.stream(Utterance("Le chat dort. La maison.", voice, "fr"))) as stream:
        chunks = [chunk async for chunk in stream]
    marks, rate = [mark for chunk in chunks for mark in chunk.marks], chunks[0].sample_rate
    spelled = ["".join(phoneme for phoneme, _ in mark.phonemes) for mark in marks]
    spoken = [word.replace("ˈ", "").replace("-", "") for word in spelled]  # stress and liaison are written as well
    assert spoken == ["lə", "ʃa", "dɔʁ", "la", "mɛzɔ̃"]
    for mark in marks:
        ends = [mark.start_seconds, *(end for _, end in mark.phonemes)]
        assert ends == sorted(ends)
        assert ends[-1] == mark.end_seconds
        assert all(end * rate % 256 == pytest.approx(0, abs=1e-6) for end in ends)


async def test_speakers_by_number_and_by_name(make: Make) -> None:
    engine = make()
    zero = await speak(engine, "Hello.", "en_US-duo-low", speaker=0)
    one = await speak(engine, "Hello.", "en_US-duo-low", speaker=1)
    names = next(voice for voice in engine.voices() if voice.name == "en_US-duo-low").speakers
    assert not np.array_equal(zero, one)
    assert np.array_equal(one, await speak(engine, "Hello.", "en_US-duo-low", speaker=names[1]))
    assert np.array_equal(one, await speak(make(speaker_id=1), "Hello.", "en_US-duo-low"))


async def test_a_configured_speaker_is_for_the_voice_that_has_it(make: Make) -> None:
    """`speaker_id` is meant for one voice; another one, or a wrong number, speaks as its own first speaker."""
    assert len(await speak(make(speaker_id=1), "Bonjour.", "fr_FR-petit-low"))
    zero = await speak(make(), "Hello.", "en_US-duo-low", speaker=0)
    assert np.array_equal(zero, await speak(make(speaker_id=7), "Hello.", "en_US-duo-low"))


@pytest.mark.parametrize("speaker", [2, -1, "nobody"])
async def test_a_speaker_that_is_not_there_is_the_callers_error(make: Make, speaker) -> None:
    with pytest.raises(InvalidParameter) as caught:
        await speak(make(), "Hello.", "en_US-duo-low", speaker=speaker)
    assert caught.value.param == "speaker"


async def test_a_text_without_phonemes_is_not_a_failure(make: Make) -> None:
    with pytest.raises(CannotSay):
        await speak(make(), "…")


@pytest.mark.parametrize("device", ["cuda:0", "cuda", "cuda:7"])
async def test_a_gpu_that_is_not_there_says_so(make: Make, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    engine = make(device=device)
    with pytest.raises(EngineUnavailable, match="no NVIDIA GPU was found"):
        await engine.load()
    state = engine.state()
    assert state.phase is Phase.UNAVAILABLE
    assert device in state.why
    assert "cpu" in state.hint


async def test_no_voice_says_what_to_do(make: Make, tmp_path: Path) -> None:
    engine = make(tmp_path / "empty")
    with pytest.raises(ModelMissing, match="fr_FR-siwis-medium"):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.state().code == "model_missing"
    assert str(tmp_path / "empty") in engine.state().hint


async def test_a_given_model_that_is_not_there_says_so(make: Make) -> None:
    engine = make(Path("nowhere"), model_path="C:\\models\\fr_FR-siwis-medium.onnx")
    with pytest.raises(ModelMissing):
        await engine.load()
    assert "model_path" in engine.state().hint


async def test_a_voice_that_is_put_there_while_running_is_found(make: Make, tmp_path: Path, clock: HandClock) -> None:
    engine = make(tmp_path / "voices")
    assert engine.state().phase is Phase.UNAVAILABLE
    copy("fr_FR-petit-low", tmp_path / "voices")
    clock.seconds += 1
    assert engine.state().phase is Phase.IDLE
    assert len(await speak(engine, "Bonjour."))
    assert engine.state().phase is Phase.READY


@pytest.mark.parametrize("damage", ["half", "text", "zeros"])
async def test_a_damaged_model_is_told_and_tried_again_when_mended(
    make: Make, tmp_path: Path, clock: HandClock, damage: str
) -> None:
    model = copy("fr_FR-petit-low", tmp_path / "voices")
    whole = model.read_bytes()
    model.write_bytes({"half": whole[: len(whole) // 2], "text": b"not a model", "zeros": bytes(len(whole))}[damage])
    engine = make(tmp_path / "voices")
    with pytest.raises(ModelBroken):
        await engine.load()
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.state().code == "model_broken"
    assert not any(voice.is_installed for voice in engine.voices())
    model.write_bytes(whole)
    clock.seconds += 1
    await engine.load()
    assert engine.state().phase is Phase.READY


async def test_one_broken_voice_does_not_take_the_others_along(make: Make, tmp_path: Path) -> None:
    copy("fr_FR-petit-low", tmp_path / "voices").write_bytes(b"not a model")
    copy("en_US-small-low", tmp_path / "voices")
    engine = make(tmp_path / "voices")
    await engine.load()
    assert len(await speak(engine, "Hello.", "en_US-small-low"))


@pytest.mark.parametrize(
    "change",
    [{"espeak": {"voice": "xx-nobody"}}, {"default_speaker_id": 7}, {"inference": {"length_scale": float("nan")}}],
    ids=["language", "speaker", "scale"],
)
async def test_a_configuration_that_cannot_be_spoken_with_takes_no_other_voice_along(
    make: Make, tmp_path: Path, change: dict[str, object]
) -> None:
    config = copy("en_US-duo-low", tmp_path / "voices").with_suffix(".onnx.json")
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | change), encoding="utf-8")
    copy("fr_FR-petit-low", tmp_path / "voices")
    engine = make(tmp_path / "voices")
    await engine.load()
    assert len(await speak(engine, "Bonjour."))
    broken = next(voice for voice in engine.voices() if voice.name == "en_US-duo-low")
    assert not broken.is_installed
    assert broken.why_not


def exchange(model: Path, name: str) -> None:
    """Put another voice's files where a voice is."""
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(VOICES / f"{name}{suffix}", model.with_name(f"{model.stem}{suffix}"))


def fingerprint_of(engine: PiperNative, voice: str) -> str:
    return next(one.fingerprint for one in engine.voices() if one.name == voice)


@pytest.mark.parametrize("name", ["fr_FR-petit-low", "en_US-duo-low"])
async def test_a_voice_whose_files_are_replaced_speaks_with_the_new_ones(
    make: Make, tmp_path: Path, clock: HandClock, name: str
) -> None:
    model, other = copy(name, tmp_path / "voices"), "en_US-small-low"
    engine = make(model.parent)
    old = await speak(engine, "Hello.", name, seed=7)
    exchange(model, other)
    clock.seconds += 1
    new = await speak(engine, "Hello.", name, seed=7)
    assert not np.array_equal(new, old)
    assert np.allclose(new, await speak(make(), "Hello.", other, seed=7), atol=1e-3)
    assert engine._residency.occupied_bytes("cpu") == MEMORY_PER_FILE_BYTE * model.stat().st_size
    model.unlink()
    clock.seconds += 1
    assert np.array_equal(new, await speak_with(engine, Voice(name, engine.name, "fr"), "Hello.", seed=7))


async def test_while_somebody_speaks_a_replaced_voice_stays_and_tells_the_fingerprint_of_what_is_heard(
    make: Make, tmp_path: Path, clock: HandClock
) -> None:
    name, other = "fr_FR-petit-low", "en_US-small-low"
    model = copy(name, tmp_path / "voices")
    engine = make(model.parent)
    old = await speak(engine, "Hello.", name, seed=7)
    voice = next(one for one in engine.voices() if one.name == name)
    async with aclosing(engine.stream(Utterance("Bonjour à tous les amis du monde. " * 5, voice, "fr"))) as chunks:
        await anext(chunks)
        exchange(model, other)
        clock.seconds += 1
        assert fingerprint_of(engine, name) == voice.fingerprint
        assert np.array_equal(old, await speak(engine, "Hello.", name, seed=7))
        assert len((await anext(chunks)).samples)
    assert fingerprint_of(engine, name) != voice.fingerprint
    assert not np.array_equal(old, await speak(engine, "Hello.", name, seed=7))


async def test_everybody_who_asks_waits_for_one_loading(make: Make) -> None:
    engine = make()
    lengths = [len(one) for one in await asyncio.gather(*(speak(engine, "Bonjour.") for _ in range(6)))]
    assert len(set(lengths)) == 1


async def test_it_can_be_used_again_after_closing(make: Make) -> None:
    engine = make()
    await speak(engine, "Bonjour.")
    await engine.aclose()
    assert engine.state().phase is Phase.IDLE
    assert len(await speak(engine, "Bonjour."))


async def test_who_would_make_others_wait_is_told_so_and_who_listens_goes_on(make: Make) -> None:
    engine = make()
    await engine.load()
    scheduler = engine._scheduler
    assert scheduler is not None
    voice = next(one for one in engine.voices() if one.name == "fr_FR-petit-low")
    fingerprint = engine._loaded["fr_FR-petit-low"].network.fingerprint
    for _ in range(50):
        scheduler._admissions.measured(fingerprint, work_seconds=10.0, audio_seconds=1.0)
    first = engine.stream(Utterance("Bonjour à tous.", voice, "fr"))
    await anext(first)
    with pytest.raises(Overloaded) as caught:
        await anext(engine.stream(Utterance("Moi aussi.", voice, "fr")))
    assert caught.value.retry_after_seconds >= 1
    goes_on = engine.stream(Utterance("Et ensuite.", voice, "fr", continues=True))
    assert len((await anext(goes_on)).samples)
    await goes_on.aclose()
    await first.aclose()
    assert len(await speak(engine, "Et maintenant."))
