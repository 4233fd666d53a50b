"""The server through real sockets, with scripted engines, as real clients see it."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import subprocess
import wave

import av
import httpx
import numpy as np
import openai
import pytest

from tests.scripted import fails, falls_mute, hangs, hear_words, kind
from tests.served import SILENT, make_app, served

TEXT = "one two three four five."
WORDS = TEXT.split()
SECONDS = 0.15 * len(WORDS)
MEDIA_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
               "pcm": "audio/pcm"}  # fmt: skip
CODEC_SECONDS = 0.13
"""What a codec may add at both ends: two frames of AAC at 16 kHz."""


def order(text: str = TEXT, **fields):
    return {"model": "tts-1", "input": text, "voice": "alpha-en", **fields}


def post(server, text: str = TEXT, **fields) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/audio/speech", json=order(text, **fields), timeout=20)


def decode(content: bytes, format_name: str) -> tuple[np.ndarray, int]:
    """Return float samples and Hz of a clip."""
    if format_name == "pcm":
        return np.frombuffer(content, "<i2").astype(np.float32) / 32768, 24_000
    with av.open(io.BytesIO(content)) as file:
        frames = [frame for frame in file.decode(audio=0)]  # noqa: C416 - a generator is closed with its file
    parts = [frame.to_ndarray() for frame in frames]
    scale = 32768 if parts[0].dtype == np.int16 else 1
    return np.concatenate([part[0] for part in parts]).astype(np.float32) / scale, frames[0].sample_rate


def raw(server, request: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def raw_order(body: dict, version: str = "1.1") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST /v1/audio/speech HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def until_idle(server) -> None:
    """Ask the server again and again until it speaks for nobody."""
    with httpx.Client() as client:
        for _ in range(5000):
            if client.get(f"{server.url}/api/status").json()["queue"]["running"] == 0:
                return
    raise AssertionError("the server goes on speaking")


@pytest.fixture(scope="module")
def server():
    with served(make_app(kind("alpha"), SILENT)) as running:
        yield running


@pytest.fixture(scope="module")
def breaking():
    """Serve an engine that always breaks after two words, and has nobody to take over."""
    with served(
        make_app(kind("alpha", fault=fails(after_words=2)), circuit_breaker={"failure_threshold": 1000})
    ) as running:
        yield running


@pytest.mark.parametrize("format_name", MEDIA_TYPES)
def test_every_format_says_every_word_once_fresh_and_remembered(server, format_name):
    for cache in ("miss", "hit"):
        _check_format(server, format_name, cache)


def _check_format(server, format_name, cache):
    text = f"{format_name} {TEXT}"
    answer = post(server, text, response_format=format_name)
    samples, rate = decode(answer.content, format_name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES[format_name]
    assert answer.headers["x-tts-cache"] == cache
    assert answer.headers["x-tts-engine"] == "alpha"
    assert answer.headers["x-tts-voice"] == "alpha-en"
    assert ("content-length" in answer.headers) == (cache == "hit")
    assert len(samples) / rate == pytest.approx(SECONDS + 0.15, abs=CODEC_SECONDS)
    assert hear_words(samples, rate, text.split()) == text.split()


def test_both_path_styles(server):
    for path in ("/v1/audio/speech", "/audio/speech"):
        assert httpx.post(server.url + path, json=order(response_format="wav")).status_code == 200


def test_pcm_is_whole_samples_at_24_khz(server):
    sizes = []
    with httpx.stream(
        "POST", f"{server.url}/v1/audio/speech", json=order("uno due tre.", response_format="pcm")
    ) as answer:
        for piece in answer.iter_raw():
            sizes.append(len(piece))
    assert not any(size % 2 for size in sizes)
    assert sum(sizes) == pytest.approx(2 * 24_000 * 0.45, abs=200)


def test_a_known_clip_has_exact_sizes_and_a_fresh_one_says_it_has_none(server):
    fresh, known = (post(server, "ein zwei drei.", response_format="wav").content for _ in range(2))
    assert fresh[4:8] == fresh[40:44] == b"\xff\xff\xff\xff"
    with wave.open(io.BytesIO(known)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.getnframes() == 7200
        assert file.readframes(file.getnframes()) == known[44:]
    with wave.open(io.BytesIO(fresh)) as file:
        assert np.allclose(decode(fresh, "wav")[0], decode(known, "wav")[0], atol=1e-3)
        assert file.getframerate() == 16_000


def test_the_first_bytes_come_while_the_engine_works():
    with served(make_app(kind("alpha", fault=hangs(after_words=2)))) as server:
        with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=order(response_format="wav")) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_raw())[:4] == b"RIFF"
        until_idle(server)


@pytest.mark.parametrize("fields", [{}, {"stream_format": "sse"}, {"response_format": "wav"}])
def test_a_client_that_leaves_ends_the_work(fields):
    text = "mot " * 10_000
    alpha = kind("alpha", seconds_per_word=0.001)
    with served(make_app(alpha, max_text_length=0, advanced={"read_ahead_seconds": 3600.0})) as server:
        with httpx.stream("POST", f"{server.url}/v1/audio/speech", json=order(text, **fields)) as answer:
            next(answer.iter_raw())
        until_idle(server)
        (engine,) = alpha.made
        assert engine.listeners == 0
        assert 0 < len(engine.words) < 5000
        assert post(server, "apres.", response_format="wav").status_code == 200


def test_a_client_that_leaves_before_the_first_word_ends_the_work():
    alpha = kind("alpha", faults=[hangs()])
    with served(make_app(alpha)) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(raw_order(order()))
            while not (alpha.made and alpha.made[0].listeners):
                httpx.get(f"{server.url}/health/live")
        until_idle(server)
        assert alpha.made[0].listeners == 0
        assert post(server, response_format="wav").headers["x-tts-engine"] == "alpha"


def test_a_failure_before_the_first_word_is_the_next_engine():
    alpha, beta = kind("alpha", fault=fails()), kind("beta", priority=20)
    with served(make_app(alpha, beta, SILENT)) as server:
        answer = post(server, response_format="wav")
    assert answer.status_code == 200
    assert answer.headers["x-tts-engine"] == "beta"
    assert answer.headers["x-tts-fallback"].startswith("alpha failed: alpha broke")
    assert answer.headers["cache-control"] == "no-store"


def test_when_nobody_can_speak_it_is_silence_and_says_so():
    with served(make_app(kind("alpha", fault=falls_mute()), SILENT)) as server:
        answer = post(server, response_format="pcm")
    assert answer.status_code == 200
    assert answer.headers["x-tts-engine"] == "silent_emergency"
    assert answer.headers["x-tts-fallback"].startswith("alpha failed: ")
    assert not any(answer.content)


def test_when_there_is_not_even_silence_it_is_an_error_with_every_reason():
    with served(make_app(kind("alpha", fault=fails()), kind("beta", fault=fails()))) as server:
        answer = post(server)
    error = answer.json()["error"]
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert (error["code"], error["type"]) == ("no_engine_could_speak", "server_error")
    assert "alpha broke" in error["message"]
    assert "beta broke" in error["message"]


@pytest.mark.parametrize("format_name", MEDIA_TYPES)
def test_a_failure_in_mid_answer_never_looks_complete(breaking, format_name):
    content = raw(breaking, raw_order(order(response_format=format_name)))
    head, _, body = content.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"transfer-encoding: chunked" in head.lower()
    assert not body.endswith(b"0\r\n\r\n")
    with pytest.raises(httpx.RemoteProtocolError):
        post(breaking, response_format=format_name)


def test_a_failure_in_mid_answer_is_told_as_an_event_before_the_cut(breaking):
    body = raw(breaking, raw_order(order(response_format="wav", stream_format="sse")))
    events = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert [event["type"] for event in events][-2:] == ["speech.audio.delta", "error"]
    assert events[-1]["error"]["code"] == "stream_interrupted"
    assert not body.endswith(b"0\r\n\r\n")


def test_a_client_that_cannot_see_a_cut_gets_whole_clips_or_errors(server, breaking):
    whole = raw(server, raw_order(order("vieux client.", response_format="wav"), "1.0"))
    assert b"content-length:" in whole.lower()
    assert whole.partition(b"\r\n\r\n")[2][4:8] != b"\xff\xff\xff\xff"
    failed = raw(breaking, raw_order(order(response_format="wav"), "1.0"))
    assert failed.startswith(b"HTTP/1.1 503")


def test_events_carry_the_clip(server):
    answer = post(server, "tick tack.", response_format="wav", stream_format="sse")
    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert answer.headers["content-type"] == "text/event-stream"
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert hear_words(*decode(audio, "wav"), ["tick", "tack."]) == ["tick", "tack."]
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] == 10 + 6
    assert events[-1]["portevoix"]["engine"] == "alpha"


def test_events_tell_when_each_word_is_heard_where_that_is_asked_for(server):
    for turn in ("fresh", "known"):
        fields = {"response_format": "pcm", "stream_format": "sse", "word_times": True}
        answer = post(server, "uno due. tre.", **fields)
        events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]
        words = [event for event in events if event["type"] == "speech.word"]
        assert [word["text"] for word in words] == ["uno", "due.", "tre."], turn
        assert words[0]["start_seconds"] == 0
        assert words[1]["start_seconds"] == words[0]["end_seconds"] == pytest.approx(0.15)
        assert words[2]["start_seconds"] >= words[1]["end_seconds"]
        assert "x-tts-ignored" not in answer.headers
        assert events[0]["type"] == "speech.word", "known with the first audio"


BAD = [
    (b"", 400, "unreadable_body"), (b"{", 400, "unreadable_body"), (b"[]", 400, "unreadable_body"),
    (b'{"model": "tts-1", "input": "a", "speed": NaN}', 400, "unreadable_body"),
    (b'{"model": "tts-1", "input": "a", "speed": 1e999}', 400, "invalid_parameter"),
    (b'{"model": "tts-1", "input": "a", "speed": true}', 400, "invalid_parameter"),
    (b'{"model": "tts-1", "input": "a", "speed": 5}', 400, "invalid_parameter"),
    (b'{"model": "tts-1", "input": "\\ud800"}', 400, "invalid_parameter"),
    (b'{"model": "tts-1", "input": "\\u0000"}', 400, "nothing_to_say"),
    (b'{"model": "tts-1", "input": ""}', 400, "empty_text"),
    (b'{"model": "tts-1", "input": " \\n\\t"}', 400, "empty_text"),
    ('{"model": "tts-1", "input": "😀🎉"}'.encode(), 400, "nothing_to_say"),
    (b'{"model": "tts-1", "input": 5}', 400, "invalid_parameter"),
    (b'{"input": "a"}', 400, "invalid_parameter"),
    (b'{"model": "tts-1", "input": "a", "voice": "nobody"}', 404, "voice_not_found"),
    (b'{"model": "tts-1", "input": "a", "voice": "a\\u0000\\r\\nX: y"}', 404, "voice_not_found"),
    (b'{"model": "tts-1", "input": "a", "engine": "nobody"}', 404, "engine_not_found"),
    (b'{"model": "tts-1", "input": "a", "language": "xx"}', 404, "language_not_supported"),
    (b'{"model": "tts-1", "input": "a", "response_format": "ogg"}', 400, "format_not_supported"),
    (b'{"model": "tts-1", "input": "' + b"a" * 100_001 + b'"}', 400, "text_too_long"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), BAD)
def test_bad_input_has_its_own_answer_and_moves_no_breaker(body, status, code):
    alpha = kind("alpha")
    with served(make_app(alpha, max_text_length=100_000)) as server:
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(f"{server.url}/v1/audio/speech", content=body, headers=headers)
        engines = httpx.get(f"{server.url}/api/engines").json()["engines"]
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert engines[0]["breaker"] == {"state": "closed", "failures": 0, "failure_threshold": 3, "rest_seconds": 0.0}
    assert alpha.made[0].asked == []


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_huge_body_is_refused_before_it_is_read(server, is_chunked):
    def pieces():
        for _ in range(160):
            yield b"x" * 65_536

    headers = {"Content-Type": "application/json"}
    content = pieces() if is_chunked else b"x" * 160 * 65_536
    answer = httpx.post(f"{server.url}/v1/audio/speech", content=content, headers=headers, timeout=20)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"


def test_a_body_that_is_no_json_is_refused_by_its_type(server):
    answer = httpx.post(f"{server.url}/v1/audio/speech", data={"input": "a"})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["error"]["message"]


def test_random_bytes_are_a_bad_request(server):
    assert raw(server, b"\x00\xff\x16\x03 nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_a_connection_serves_again_after_every_kind_of_answer(server):
    with httpx.Client(base_url=server.url) as client:
        ports = set()
        for fields in ({}, {"voice": "nobody"}, {"response_format": "wav"}, {"speed": "x"}, {"stream_format": "sse"}):
            answer = client.post("/v1/audio/speech", json=order(**fields))
            ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


def test_more_than_it_can_do_is_refused_at_once_and_it_stays_alive():
    alpha = kind("alpha", faults=[hangs()])
    app = make_app(alpha, server={"max_concurrent_requests": 1, "max_queued_requests": 0})
    with served(app) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(raw_order(order()))
            while not (alpha.made and alpha.made[0].listeners):
                httpx.get(f"{server.url}/health/live")
            refused = post(server)
            assert httpx.get(f"{server.url}/health/live").json() == {"status": "alive"}
            assert "tts_queue_refused_total 1.0" in httpx.get(f"{server.url}/metrics").text
        until_idle(server)
        assert post(server).status_code == 200
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"] == {
        "message": "there is too much to do: 1 requests are being spoken and 0 wait. Ask again in a moment.",
        "type": "rate_limit_error", "param": None, "code": "overloaded",
    }  # fmt: skip


def test_a_wrong_order_is_refused_even_when_nobody_has_time():
    alpha = kind("alpha", faults=[hangs()])
    with (
        served(make_app(alpha, server={"max_concurrent_requests": 1, "max_queued_requests": 0})) as server,
        socket.create_connection(("127.0.0.1", server.port)) as connection,
    ):
        connection.sendall(raw_order(order()))
        while not (alpha.made and alpha.made[0].listeners):
            httpx.get(f"{server.url}/health/live")
        assert post(server, voice="nobody").status_code == 404


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as one:
        yield one


@pytest.mark.parametrize("voice", ["alloy", "cedar", "alpha-en", {"id": "alpha-en"}])
def test_openai_whole(client, voice):
    answer = client.audio.speech.create(model="tts-1", input="hello from openai", voice=voice, response_format="wav")
    assert hear_words(*decode(answer.content, "wav"), ["hello", "from", "openai"])


def test_openai_streaming(client):
    asked = client.audio.speech.with_streaming_response
    with asked.create(model="gpt-4o-mini-tts", input="a long story", voice="alloy", response_format="pcm") as answer:
        content = b"".join(answer.iter_bytes(1024))
        assert answer.headers["x-tts-engine"] == "alpha"
    assert len(content) == pytest.approx(2 * 24_000 * 0.45, abs=200)


def test_openai_lists_what_there_is(client):
    assert "alpha" in [model.id for model in client.models.list()]
    assert client.models.retrieve("tts-1").owned_by == "portevoix"


def test_openai_knows_our_errors(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.speech.create(model="tts-1", input="a", voice="nobody")
    assert (caught.value.code, caught.value.param) == ("voice_not_found", "voice")
    with pytest.raises(openai.BadRequestError):
        client.audio.speech.create(model="tts-1", input="", voice="alloy")
    with pytest.raises(openai.BadRequestError):
        client.audio.speech.create(model="tts-1", input="a", voice="alloy", speed=9)


def test_openai_sees_a_cut(breaking):
    with (
        openai.OpenAI(base_url=f"{breaking.url}/v1", api_key="none", max_retries=0) as client,
        pytest.raises(Exception, match="(?i)incomplete|connection"),  # its transport's own error
    ):
        client.audio.speech.create(model="tts-1", input=TEXT, voice="alpha-en")


def curl(server, tmp_path, **fields) -> tuple[int, bytes]:
    program = shutil.which("curl")
    assert program is not None, "curl is part of every machine that this runs on"
    file = tmp_path / "clip"
    done = subprocess.run(
        [program, "-s", "-o", str(file), f"{server.url}/v1/audio/speech", "-H", "Content-Type: application/json",
         "-d", json.dumps(order(**fields))],
        check=False, timeout=20,
    )  # fmt: skip
    return done.returncode, file.read_bytes()


def test_curl_gets_a_file_and_sees_a_cut(server, breaking, tmp_path):
    code, content = curl(server, tmp_path, response_format="flac")
    assert (code, content[:4]) == (0, b"fLaC")
    code, _ = curl(breaking, tmp_path, response_format="wav")
    assert code == 18, "curl's name for a partial file"
