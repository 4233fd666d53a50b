"""The calls of Piper's own server, as its users make them."""

from __future__ import annotations

import io
import wave

import httpx
import numpy as np
import pytest

from tests.scripted import fails, hear_words, kind
from tests.served import SILENT, make_app, served

TEXT = "one two three four five."


@pytest.fixture(scope="module")
def server():
    with served(make_app(kind("alpha"), SILENT)) as running:
        yield running


def synthesize(server, path: str = "/synthesize", **fields) -> httpx.Response:
    return httpx.post(server.url + path, json={"text": TEXT, "voice": "alpha-en", **fields}, timeout=20)


@pytest.mark.parametrize("path", ["/synthesize", "/"])
def test_a_complete_wav_with_exact_sizes(server, path):
    answer = synthesize(server, path, noise_scale=0.6, noise_w_scale=0.8)
    with wave.open(io.BytesIO(answer.content)) as file:
        frames = file.readframes(file.getnframes())
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content) == 44 + len(frames)
    assert answer.headers["x-tts-engine"] == "alpha"
    assert answer.headers["x-tts-ignored"] == "noise_scale, noise_w_scale"
    assert hear_words(np.frombuffer(frames, "<i2") / np.float32(32768), 16_000, TEXT.split()) == TEXT.split()


def test_the_text_alone_as_older_servers_took_it(server):
    plain = {"Content-Type": "text/plain; charset=utf-8"}
    answer = httpx.post(f"{server.url}/", content=TEXT.encode(), headers=plain, timeout=60)
    with wave.open(io.BytesIO(answer.content)) as file:
        frames = file.readframes(file.getnframes())
    assert hear_words(np.frombuffer(frames, "<i2") / np.float32(32768), 16_000, TEXT.split()) == TEXT.split()
    for content, code in ((b"", "empty_text"), (b"\xff", "unreadable_body")):
        refused = httpx.post(f"{server.url}/", content=content, headers=plain, timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)


def test_the_page_is_still_at_the_root(server):
    assert httpx.get(server.url + "/").headers["content-type"].startswith("text/html")


def test_length_scale_is_the_pace_turned_round(server):
    lengths = [len(synthesize(server, length_scale=scale).content) - 44 for scale in (0.5, 1, 2)]
    assert lengths == [12_000, 24_000, 48_000]


def test_speaker_id_comes_before_speaker(server):
    synthesize(server, text="speakers two.", speaker="anna", speaker_id=3)
    synthesize(server, text="speaker one.", speaker="anna")
    alpha = server.app.levels[0].engine
    assert [utterance.speaker for utterance in alpha.asked[-2:]] == [3, "anna"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"text": ""}, 400, "empty_text"),
        ({"text": None}, 400, "invalid_parameter"),
        ({"voice": "nobody"}, 404, "voice_not_found"),
        ({"length_scale": 0}, 400, "invalid_parameter"),
        ({"length_scale": "slow"}, 400, "invalid_parameter"),
        ({"noise_scale": []}, 400, "invalid_parameter"),
        ({"speaker_id": 1.5}, 400, "invalid_parameter"),
    ],
)
def test_what_is_wrong_is_refused(server, fields, status, code):
    answer = synthesize(server, **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_voices_in_pipers_shape(server):
    voices = httpx.get(server.url + "/voices").json()
    assert voices == {
        name: {
            "audio": {"sample_rate": 16_000},
            "espeak": {"voice": code.lower().replace("_", "-")},
            "language": {"code": code, "family": code[:2]},
            "num_speakers": 1,
            "speaker_id_map": {},
        }
        for name, code in (("alpha-fr", "fr_FR"), ("alpha-en", "en_US"))
    }
    assert all(synthesize(server, voice=name).status_code == 200 for name in voices)


def test_what_breaks_off_is_an_error_and_never_half_a_clip():
    with served(make_app(kind("alpha", fault=fails(after_words=2)))) as server:
        answer = synthesize(server)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stream_interrupted")
