from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from piper import PiperVoice, SynthesisConfig

from portevoix.errors import CannotSay, InvalidParameter, ModelBroken, ModelMissing, PortevoixError
from portevoix.vits.schedule import WHOLE_AT_ONCE, Schedule
from portevoix.vits.voice import VitsVoice
from portevoix.vits.windows import Windows
from tests.unit.vits.conftest import DUO, FRENCH, copied, sentence, spoken

STILL = {"noise_scale": 0.0, "noise_w_scale": 0.0, "is_leveled": False}


def int16(samples):
    return np.clip(samples * 32767.0, -32767.0, 32767.0).astype(np.int16).astype(int)


def stock_samples(model, ids, speaker=None, length_scale=1.0):
    manner = SynthesisConfig(speaker_id=speaker, length_scale=length_scale, noise_scale=0.0, noise_w_scale=0.0)
    return PiperVoice.load(model).phoneme_ids_to_audio([int(number) for number in ids], manner)


@pytest.mark.parametrize("count", [1, 2, 9, 60, 256])
async def test_speaks_the_samples_of_the_stock_voice(french, voice_files, count):
    heard = await spoken(french, sentence(count), **STILL)
    stock = stock_samples(voice_files[FRENCH], sentence(count))
    assert len(heard.samples) == len(stock)
    assert np.abs(int16(heard.samples) - int16(stock)).max() <= 1


@pytest.mark.parametrize("speaker", [0, 1])
async def test_speaks_the_samples_of_each_speaker_of_the_stock_voice(duo, voice_files, speaker):
    heard = await spoken(duo, sentence(80), speaker=speaker, **STILL)
    stock = stock_samples(voice_files[DUO], sentence(80), speaker)
    assert np.abs(int16(heard.samples) - int16(stock)).max() <= 1


@pytest.mark.parametrize("length_scale", [0.1, 10.0])
async def test_keeps_to_the_stock_voice_at_extreme_speeds(french, voice_files, length_scale):
    heard = await spoken(french, sentence(30), length_scale=length_scale, **STILL)
    stock = stock_samples(voice_files[FRENCH], sentence(30), length_scale=length_scale)
    assert np.abs(int16(heard.samples) - int16(stock)).max() <= 1


async def test_speaks_every_speaker_differently(duo):
    anna, ben = [await spoken(duo, sentence(40), speaker=number) for number in duo.speakers.values()]
    assert anna.samples.shape != ben.samples.shape or not np.allclose(anna.samples, ben.samples)


async def test_the_same_seed_gives_the_same_samples_and_another_one_others(french):
    one, same, other = [await spoken(french, sentence(40), seed=seed) for seed in (5, 5, 6)]
    assert np.array_equal(one.samples, same.samples)
    assert one.samples.shape != other.samples.shape or not np.allclose(one.samples, other.samples, atol=0.01)


@settings(max_examples=12)
@given(
    st.builds(Schedule, first=st.integers(1, 40), growth_alone=st.integers(1, 5), largest=st.integers(1, 90)),
    st.integers(1, 70),
)
def test_the_samples_do_not_depend_on_the_chunks(voice_files, scheduler, chopped, count):
    one = VitsVoice.load(voice_files[FRENCH], scheduler=scheduler, schedule=chopped)
    other = VitsVoice.load(voice_files[FRENCH], scheduler=scheduler, schedule=WHOLE_AT_ONCE)
    heard, whole = (asyncio.run(spoken(voice, sentence(count), seed=count)) for voice in (one, other))
    assert np.abs(heard.samples - whole.samples).max() < 1e-5


async def test_begins_with_a_few_frames(french):
    heard = await spoken(french, sentence(100))
    assert len(heard.pieces[0].samples) == 8 * 256


async def test_tells_how_long_each_id_lasts(french):
    heard = await spoken(french, sentence(100))
    assert len(heard.durations) == 100
    assert heard.durations.sum() == len(heard.samples)
    assert len(heard.pieces[0].id_samples) == 100


async def test_the_beginning_of_a_long_sentence_is_not_all_that_is_encoded_whole(french, voice_files, scheduler):
    """What follows the beginning is exactly what encoding the whole sentence says about it."""
    whole = VitsVoice.load(voice_files[FRENCH], scheduler=scheduler, windows=Windows(whole=10**6))
    once, twice = [await spoken(voice, sentence(500), **STILL) for voice in (whole, french)]
    assert len(twice.durations) == 500
    assert np.array_equal(once.durations[64:], twice.durations[64:])
    tail = once.durations[100:].sum()
    assert np.abs(once.samples[-tail:] - twice.samples[-tail:]).max() < 1e-5


async def test_tells_each_duration_of_a_long_sentence_once_and_in_order(french):
    heard = await spoken(french, sentence(500))
    told = 0
    for piece in heard.pieces:
        if len(piece.id_samples):
            assert piece.first_id == told
        told += len(piece.id_samples)
    assert told == 500
    assert len(heard.pieces[0].id_samples) >= 64


@pytest.mark.parametrize("count", [768, 770, 20_000])
async def test_speaks_enormous_sentences(french, count):
    heard = await spoken(french, sentence(count))
    assert len(heard.durations) == count
    assert heard.durations.sum() == len(heard.samples)
    assert np.isfinite(heard.samples).all()


async def test_ten_sentences_at_once_are_each_as_if_alone(french):
    alone = [await spoken(french, sentence(60, seed), seed=seed) for seed in range(10)]
    together = await asyncio.gather(*(spoken(french, sentence(60, seed), seed=seed) for seed in range(10)))
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.samples - other.samples).max() < 1e-5


async def test_a_listener_who_leaves_leaves_no_work_behind(french, scheduler):
    async with aclosing(french.stream(sentence(20_000))) as pieces:
        await anext(pieces)
    assert scheduler.listeners == 0
    assert len((await spoken(french, sentence(20))).samples)


async def test_nothing_exceeds_full_scale(french):
    for loudness in ({"volume": 20.0}, {"volume": 20.0, "is_leveled": False}):
        heard = await spoken(french, sentence(60), **loudness)
        assert np.abs(heard.samples).max() <= 1.0


async def test_volume_scales_the_sound(french):
    full, half = [await spoken(french, sentence(60), volume=volume, is_leveled=False) for volume in (1.0, 0.5)]
    assert np.allclose(half.samples, full.samples / 2)


@pytest.mark.parametrize(
    ("ids", "manner", "error"),
    [
        ([], {}, CannotSay),
        ([256], {}, CannotSay),
        ([-1], {}, CannotSay),
        ([14], {"speaker": 1}, InvalidParameter),
        ([14], {"speaker": -1}, InvalidParameter),
        ([14], {"length_scale": 0.0}, InvalidParameter),
        ([14], {"length_scale": float("nan")}, InvalidParameter),
        ([14], {"noise_scale": -1.0}, InvalidParameter),
        ([14], {"volume": float("inf")}, InvalidParameter),
    ],
)
async def test_refuses_what_cannot_be_spoken(french, ids, manner, error):
    with pytest.raises(error) as refusal:
        await spoken(french, ids, **manner)
    assert refusal.value.what


async def test_a_closed_voice_says_so(voice_files, scheduler):
    voice = VitsVoice.load(voice_files[FRENCH], scheduler=scheduler)
    voice.close()
    with pytest.raises(PortevoixError, match="closed"):
        await spoken(voice, sentence(4))


def test_tells_what_it_is(duo, voice_files):
    assert duo.is_split
    assert duo.why_not_split is None
    assert (duo.sample_rate, duo.espeak_voice) == (16000, "en-us")
    assert duo.speakers == {"anna": 0, "ben": 1}
    assert len(duo.fingerprint) == 64


async def test_a_truncated_model_is_broken(tmp_path, scheduler):
    model = copied(FRENCH, tmp_path)
    model.write_bytes(model.read_bytes()[:200_000])
    with pytest.raises(ModelBroken):
        VitsVoice.load(model, scheduler=scheduler)


def test_a_missing_model_is_missing(tmp_path, scheduler):
    model = copied(FRENCH, tmp_path)
    model.unlink()
    with pytest.raises(ModelMissing):
        VitsVoice.load(model, scheduler=scheduler)


def test_a_configuration_without_a_key_is_broken(tmp_path, scheduler):
    model = copied(FRENCH, tmp_path)
    path = model.with_name(model.name + ".json")
    values = json.loads(path.read_text())
    del values["audio"]
    path.write_text(json.dumps(values))
    with pytest.raises(ModelBroken, match=r"audio\.sample_rate"):
        VitsVoice.load(model, scheduler=scheduler)


def test_a_configuration_with_ids_that_the_model_does_not_have_is_broken(tmp_path, scheduler):
    model = copied(DUO, tmp_path)
    path = model.with_name(model.name + ".json")
    values = json.loads(path.read_text()) | {"num_symbols": 100_000}
    values["phoneme_id_map"] = {phoneme: [99_999] for phoneme in values["phoneme_id_map"]}
    path.write_text(json.dumps(values))
    with pytest.raises(ModelBroken, match=model.name):
        VitsVoice.load(model, scheduler=scheduler)


def test_a_network_that_is_no_voice_is_told(tmp_path, scheduler):
    model = copied(FRENCH, tmp_path)
    one, other = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("one", "other"))
    graph = helper.make_graph([helper.make_node("Identity", ["one"], ["other"])], "copy", [one], [other])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 15)]), model)
    with pytest.raises(ModelBroken, match="cannot speak"):
        VitsVoice.load(model, scheduler=scheduler)
