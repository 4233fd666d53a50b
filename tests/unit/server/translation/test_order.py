from __future__ import annotations

import base64

import pytest

from portevoix.errors import AudioNotReadable, InvalidParameter, UnknownFormat
from portevoix.server.translation.order import _inline_recording, _typed, _wants_audio, read_order

LEAST = {"text": "Hello", "target_lang": "fr"}


def order(**fields):
    return read_order({**LEAST, **fields}, request_id="r")


def test_the_least_that_can_be_asked_for():
    made = order()
    assert (made.translation.text, made.translation.target, made.translation.source) == ("Hello", "fr", None)
    assert (made.speech, made.format_name, made.is_streamed, made.delivery, made.message_id) == (
        None, "wav", False, "base64", None,
    )  # fmt: skip


def test_what_is_not_known_is_told():
    assert order().warnings == ()
    assert order(speaker_audio_path="a.wav", tone="glad").warnings == (
        "Not known here, and not used: speaker_audio_path, tone.",
    )


def test_speech_is_in_the_language_of_the_translation():
    made = order(enable_tts=True, target_lang="fr-CA", voice="v", speed=1.5, message_id=7, output_format="mp3")
    assert (made.speech.language, made.speech.voice, made.speech.speed, made.speech.text) == ("fr-CA", "v", 1.5, "")
    assert (made.format_name, made.message_id) == ("mp3", "7")


def test_a_model_is_an_engine_unless_it_stands_for_the_chain():
    assert order(enable_tts=True, model="chatterbox").speech.engine == "chatterbox"
    assert order(enable_tts=True, model="tts-1").speech.engine is None


def test_parameters_are_handed_on():
    made = order(enable_tts=True, cloning_params={"temperature": 0.5, "exaggeration": 1})
    assert made.speech.parameters == (("exaggeration", 1), ("temperature", 0.5))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_parameter_that_is_no_finite_number_is_refused(number):
    fields = {"enable_tts": True, "cloning_params": _typed("cloning_params", f'{{"temperature": {number}}}')}
    with pytest.raises(InvalidParameter, match="finite") as caught:
        order(**fields)
    assert caught.value.param == "cloning_params.temperature"


def test_a_stored_voice_is_borrowed_by_its_name():
    assert order(enable_tts=True, voice="other", speaker_audio="grandma").speech.voice == "grandma"


def test_streaming_means_speech():
    assert order(stream=True).speech is not None
    assert read_order(LEAST, wants_audio=True).is_streamed


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": None}, "text"), ({"text": 7}, "text"), ({"target_lang": None}, "target_lang"),
        ({"source_lang": 1}, "source_lang"), ({"enable_tts": "yes"}, "enable_tts"), ({"stream": 1}, "stream"),
        ({"audio_delivery": "post"}, "audio_delivery"), ({"message_id": []}, "message_id"),
        ({"enable_tts": True, "cloning_params": []}, "cloning_params"),
        ({"enable_tts": True, "cloning_params": {"a": []}}, "cloning_params.a"),
        ({"enable_tts": True, "speed": "fast"}, "speed"), ({"text": "\ud800"}, "text"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(fields, param):
    with pytest.raises(InvalidParameter) as caught:
        order(**fields)
    assert caught.value.param == param


def test_an_unknown_format_is_refused():
    with pytest.raises(UnknownFormat):
        order(output_format="midi")


def test_a_recording_may_stand_in_the_json():
    body = base64.b64encode(b"RIFF").decode()
    assert _inline_recording({"speaker_audio": f"data:audio/wav;base64,{body}"}) == b"RIFF"
    assert _inline_recording({"speaker_audio": "grandma"}) == b""
    with pytest.raises(AudioNotReadable):
        _inline_recording({"speaker_audio": "data:audio/wav;base64,!!"})
    with pytest.raises(InvalidParameter):
        _inline_recording({"speaker_audio": "data:audio/wav,abc"})


@pytest.mark.parametrize(
    ("accept", "wants"),
    [("audio/*", True), ("audio/mpeg, */*", True), ("application/json, audio/wav", False), ("*/*", False), ("", False),
     ("text/html, audio/ogg;q=0.5", True)],
)  # fmt: skip
def test_what_a_client_accepts(accept, wants):
    assert _wants_audio(accept) is wants


def test_a_forms_fields_are_texts_that_stand_for_values():
    assert _typed("text", "true") == "true"
    assert _typed("enable_tts", "True") is True
    assert _typed("stream", "") is None
    assert _typed("cloning_params", '{"a": 1}') == {"a": 1}
    assert _typed("speed", "1.5") == 1.5
    with pytest.raises(InvalidParameter):
        _typed("cloning_params", "{")
