"""ElevenLabs' API through real sockets: its own client, and what LiveKit's and Pipecat's send."""

from __future__ import annotations

import base64
import io
import json
from contextlib import contextmanager
from socket import create_connection

import av
import httpx
import numpy as np
import pytest
import websockets
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from websockets.sync.client import connect

from tests.scripted import fails, hangs, hear_words, kind
from tests.served import SILENT, make_app, served

TEXT = "one two three four five."
WORDS = TEXT.split()
FORMATS = {
    name: int(name.split("_")[1])
    for name in (
        "mp3_44100_128", "mp3_22050_32", "opus_48000_64", "pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000",
        "pcm_44100", "ulaw_8000", "alaw_8000", "wav_16000", "wav_44100",
    )
}  # fmt: skip
CLIENTS_OWN = pytest.mark.filterwarnings("ignore:ConnectionClosed.code is deprecated")


@pytest.fixture(scope="module")
def server():
    with served(make_app(kind("alpha"), SILENT)) as running:
        yield running


@pytest.fixture
def client(server):
    with httpx.Client() as http:
        made = ElevenLabs(api_key="any", base_url=server.url, httpx_client=http)
        made.text_to_speech._ws_base_url = server.url.replace("http", "ws")  # the client thinks of wss alone
        yield made


def decode(content: bytes, name: str) -> np.ndarray:
    codec = name.partition("_")[0]
    if codec == "pcm":
        return np.frombuffer(content, "<i2").astype(np.float32) / 32768
    container = {"ulaw": "mulaw", "alaw": "alaw", "mp3": "mp3", "opus": "ogg", "wav": "wav"}[codec]
    options = {"sample_rate": "8000"} if codec in ("ulaw", "alaw") else {}
    with av.open(io.BytesIO(content), format=container, options=options) as file:
        parts = [frame.to_ndarray() for frame in file.decode(audio=0)]
    scale = 32768 if parts[0].dtype == np.int16 else 1
    return np.concatenate([part[0] for part in parts]).astype(np.float32) / scale


def said(messages: list[dict], name: str = "pcm_16000", vocabulary=WORDS) -> list[str]:
    audio = b"".join(base64.b64decode(message.get("audio") or "") for message in messages)
    return hear_words(decode(audio, name), FORMATS[name], vocabulary) if audio else []


def hear_until(connection, words: list[str]) -> list[dict]:
    """Return the messages up to the one with the last of `words`; a busy machine joins several in one."""
    messages: list[dict] = []
    while said(messages, vocabulary=words) != words:
        messages.append(json.loads(connection.recv(60)))
    return messages


@contextmanager
def socket(server, kind_of: str = "multi-stream-input", voice: str = "alpha-en", **query):
    params = "&".join(f"{name}={value}" for name, value in {"output_format": "pcm_16000", **query}.items())
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/{voice}/{kind_of}?{params}"
    with connect(url, additional_headers={"xi-api-key": "any"}) as connection:
        yield connection


def tell(connection, *messages: dict) -> None:
    for message in messages:
        connection.send(json.dumps(message))


def closing(name: str) -> dict:
    return {"context_id": name, "close_context": True}


def hear(connection, contexts: int = 1) -> list[dict]:
    """Return messages until so many contexts are final, or the connection ends."""
    heard = []
    try:
        while sum(bool(message.get("isFinal") or message.get("error")) for message in heard) < contexts:
            heard.append(json.loads(connection.recv(10)))
    except websockets.exceptions.ConnectionClosed:
        pass
    return heard


def until_idle(server) -> None:
    with httpx.Client() as http:
        for _ in range(5000):
            queue = http.get(f"{server.url}/api/status").json()["queue"]
            if queue["running"] == queue["waiting"] == 0:
                return
    raise AssertionError("the server goes on speaking")


# REST, by ElevenLabs' own client


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_every_word_once(client, name):
    first = name.replace("_", "")
    whole = b"".join(client.text_to_speech.convert("alpha-en", text=TEXT, output_format=name))
    stream = b"".join(client.text_to_speech.stream("alpha-en", text=f"{first} {TEXT}", output_format=name))
    for content, words in ((whole, WORDS), (stream, [first, *WORDS])):
        samples = decode(content, name)
        assert hear_words(samples, FORMATS[name], words) == words
        assert len(samples) / FORMATS[name] == pytest.approx(0.15 * len(words), abs=0.13)


def test_a_clip_is_complete_and_a_stream_begins_at_once(server):
    url = f"{server.url}/v1/text-to-speech/alpha-en"
    whole = httpx.post(url, json={"text": "un deux."})
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert whole.headers["content-type"] == "audio/mpeg"
    with served(make_app(kind("alpha", fault=hangs(after_words=2)))) as slow:
        place = f"{slow.url}/v1/text-to-speech/alpha-en/stream?output_format=pcm_16000"
        with httpx.stream("POST", place, json={"text": TEXT}) as answer:
            assert next(answer.iter_raw())
        until_idle(slow)


def test_voices_and_models(client, server):
    voices = client.voices.get_all().voices
    assert [voice.voice_id for voice in voices] == ["alpha-fr", "alpha-en"]
    assert voices[0].labels["language"] == "fr"
    assert client.voices.get("alpha-fr") == voices[0]
    models = client.models.list()
    assert [model.model_id for model in models] == ["portevoix", "alpha"]
    assert all(model.can_do_text_to_speech for model in models)
    assert [language.language_id for language in models[0].languages] == ["en", "fr"]
    assert httpx.get(server.url + "/v1/models").json()["object"] == "list"


def test_a_clip_comes_with_the_times_of_its_characters(client):
    timed = client.text_to_speech.convert_with_timestamps("alpha-en", text=TEXT, output_format="pcm_16000")
    assert hear_words(decode(base64.b64decode(timed.audio_base_64), "pcm_16000"), 16_000, WORDS) == WORDS
    times = timed.alignment
    assert "".join(times.characters) == f"{TEXT} "
    starts = [times.character_start_times_seconds[TEXT.index(word)] for word in WORDS]
    assert starts == pytest.approx([0, 0.15, 0.3, 0.45, 0.6])
    assert times.character_end_times_seconds[-1] == pytest.approx(0.75)
    assert timed.normalized_alignment == times


@pytest.mark.parametrize("name", ["pcm_16000", "mp3_22050_32"])
def test_a_stream_comes_in_lines_with_the_times_of_their_characters(client, name):
    for _ in range(2):  # spoken, and from the cache
        lines = list(client.text_to_speech.stream_with_timestamps("alpha-en", text=TEXT, output_format=name))
        audio = b"".join(base64.b64decode(line.audio_base_64) for line in lines)
        assert hear_words(decode(audio, name), FORMATS[name], WORDS) == WORDS
        told = [line.alignment for line in lines if line.alignment]
        assert "".join(letter for times in told for letter in times.characters) == f"{TEXT} "
        starts = [start for times in told for start in times.character_start_times_seconds]
        assert starts == sorted(starts)
        assert starts[TEXT.index("five")] == pytest.approx(0.6)


def test_the_first_line_comes_while_the_rest_is_spoken():
    with served(make_app(kind("alpha", fault=hangs(after_words=2)))) as slow:
        place = f"{slow.url}/v1/text-to-speech/alpha-en/stream/with-timestamps?output_format=pcm_16000"
        with httpx.stream("POST", place, json={"text": TEXT}) as answer:
            first = json.loads(next(answer.iter_lines()))
            assert "".join(first["alignment"]["characters"]).split() == ["one"]
        until_idle(slow)


def test_voices_are_searched_page_by_page(client, server):
    first = client.voices.search(page_size=1)
    assert (first.has_more, first.total_count, [voice.voice_id for voice in first.voices]) == (True, 2, ["alpha-fr"])
    second = client.voices.search(page_size=1, next_page_token=first.next_page_token)
    assert (second.has_more, second.next_page_token) == (False, None)
    assert [voice.voice_id for voice in second.voices] == ["alpha-en"]
    assert [voice.voice_id for voice in client.voices.search(search="EN", language=["en"]).voices] == ["alpha-en"]
    refused = httpx.get(f"{server.url}/v2/voices", params={"page_size": 1000})
    assert (refused.status_code, refused.json()["detail"]["param"]) == (400, "page_size")


@pytest.mark.parametrize(
    ("place", "body", "status", "code"),
    [
        ("nobody", {"text": "x"}, 404, "voice_not_found"),
        ("alpha-en", {"text": ""}, 400, "empty_text"),
        ("alpha-en", {}, 400, "invalid_parameter"),
        ("alpha-en", {"text": "x", "voice_settings": 5}, 400, "invalid_parameter"),
        ("alpha-en", {"text": "x", "voice_settings": {"speed": 9}}, 400, "invalid_parameter"),
        ("alpha-en?output_format=wma_1", {"text": "x"}, 400, "format_not_supported"),
    ],
)
def test_errors_have_a_detail(server, place, body, status, code):
    answer = httpx.post(f"{server.url}/v1/text-to-speech/{place}", json=body)
    detail = answer.json()["detail"]
    assert (answer.status_code, detail["status"], detail["code"]) == (status, code, code)
    assert detail["message"]


def test_the_client_reads_an_error(client):
    with pytest.raises(ApiError) as caught:
        client.voices.get("nobody")
    assert caught.value.body["detail"]["status"] == "voice_not_found"


def test_speed_and_engine(server, client):
    alpha = server.app.levels[0].engine
    settings = {"stability": 0.5, "speed": 1.5}
    b"".join(client.text_to_speech.convert("alpha-en", text="fast.", model_id="alpha", voice_settings=settings))
    assert alpha.asked[-1].speed == 1.5


# text in pieces, by ElevenLabs' own client


@CLIENTS_OWN
@pytest.mark.parametrize("name", ["pcm_16000", "mp3_44100_128"])
def test_its_client_speaks_what_is_being_written(client, name):
    pieces = ["one two", " three. ", "Four", " five."]
    audio = client.text_to_speech.convert_realtime("alpha-en", text=iter(pieces), output_format=name)
    words = ["one", "two", "three.", "Four", "five."]
    assert hear_words(decode(b"".join(audio), name), FORMATS[name], words) == words


@CLIENTS_OWN
def test_its_client_sees_an_error():
    with served(make_app(kind("alpha", fault=fails(after_words=2)))) as server, httpx.Client() as http:
        made = ElevenLabs(api_key="any", base_url=server.url, httpx_client=http)
        made.text_to_speech._ws_base_url = server.url.replace("http", "ws")
        with pytest.raises(ApiError) as caught:
            list(made.text_to_speech.convert_realtime("alpha-en", text=iter([TEXT])))
    assert caught.value.status_code == 1011
    assert caught.value.body["error"] == "stream_interrupted"


# text in pieces, as the messages go


def test_audio_comes_before_the_text_has_ended(server):
    with socket(server, "stream-input") as connection:
        tell(connection, {"text": " ", "voice_settings": {"speed": 1}}, {"text": "one two. Thr"})
        hear_until(connection, ["one", "two."])
        tell(connection, {"text": "ee "}, {"text": "", "flush": False})
        heard = hear(connection)
        assert said(heard, vocabulary=["Three"]) == ["Three"]
        assert heard[-1] == {"isFinal": True}
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            connection.recv(10)


def test_a_flush_speaks_half_a_sentence_and_leaves_the_context_open(server):
    with socket(server) as connection:
        tell(connection, {"text": "one two ", "context_id": "a"}, {"context_id": "a", "flush": True})
        first = hear_until(connection, ["one", "two"])
        tell(connection, {"text": "three.", "context_id": "a", "flush": True}, closing("a"))
        heard = first + hear(connection)
        assert said(heard, vocabulary=["one", "two", "three."]) == ["one", "two", "three."]
        assert {message["contextId"] for message in heard} == {"a"}
        assert [message["isFinal"] for message in heard] == [False] * (len(heard) - 1) + [True]


def test_what_livekit_sends(server):
    query = {"model_id": "eleven_turbo_v2_5", "output_format": "mp3_22050_32", "enable_ssml_parsing": "false",
             "enable_logging": "true", "inactivity_timeout": 180, "apply_text_normalization": "auto",
             "sync_alignment": "true", "auto_mode": "true"}  # fmt: skip
    words = ["one", "two.", "Three", "four."]
    with socket(server, **query) as connection:
        tell(
            connection,
            {"text": " ", "voice_settings": {}, "context_id": "b1"},
            {"text": "one two. ", "context_id": "b1", "flush": True},
            {"text": "Three four. ", "context_id": "b1", "flush": True},
            {"text": "", "context_id": "b1", "flush": True},
            {"context_id": "b1", "close_context": True},
        )
        heard = hear(connection)
    assert said(heard, "mp3_22050_32", words) == words
    assert heard[-1] == {"isFinal": True, "contextId": "b1"}
    starts = [start for message in heard for start in (message.get("alignment") or {}).get("charStartTimesMs", [])]
    text = "".join(letter for message in heard for letter in (message.get("alignment") or {}).get("chars", []))
    assert text == "one two. Three four. "
    assert starts == sorted(starts)
    assert [starts[text.index(word)] for word in words] == [0, 150, 300, 450]


def test_what_pipecat_sends_and_how_it_adds_up_the_times(server):
    with socket(server, auto_mode="true", model_id="eleven_flash_v2_5") as connection:
        tell(
            connection,
            {"text": ""},
            {"text": " ", "context_id": "c", "voice_settings": {"stability": 0.5}},
            {"text": "one two.", "context_id": "c"},
            {"text": "", "context_id": "c"},
            {"text": "Three four.", "context_id": "c"},
            {"context_id": "c", "flush": True},
            {"context_id": "c", "close_context": True},
        )
        heard = hear(connection)
    words = ["one", "two.", "Three", "four."]
    assert said(heard, vocabulary=words) == words
    clock_ms, times = 0, []
    for message in heard:
        if alignment := message.get("alignment"):
            starts, durations = alignment["charStartTimesMs"], alignment["charDurationsMs"]
            assert len(alignment["chars"]) == len(starts) == len(durations)
            assert message["normalizedAlignment"] == alignment
            times += [clock_ms + start for start in starts]
            clock_ms += starts[-1] + durations[-1]
    assert clock_ms == 600
    assert times[:5] == [0, 50, 100, 150, 150]


def test_closing_what_was_not_flushed_interrupts_at_once():
    alpha = kind("alpha", faults=[hangs(after_words=2)])
    with served(make_app(alpha)) as server, socket(server) as connection:
        tell(connection, {"text": "one two three. Four five ", "context_id": "a"})
        hear_until(connection, ["one", "two"])
        tell(connection, {"context_id": "a", "close_context": True}, {"text": "six.", "context_id": "a", "flush": True})
        assert [message for message in hear(connection)] == [{"isFinal": True, "contextId": "a"}]  # noqa: C416
        tell(connection, {"context_id": "a", "close_context": True})
        assert said(hear(connection), vocabulary=["six."]) == ["six."]
        assert alpha.made[0].listeners == 0
        assert alpha.made[0].words == ["one", "two", "six."]


def test_contexts_do_not_mix(server):
    with socket(server) as connection:
        for word in WORDS:
            tell(connection, {"text": word, "context_id": word, "flush": True}, closing(word))
        heard = hear(connection, len(WORDS))
    for word in WORDS:
        assert said([message for message in heard if message["contextId"] == word]) == [word]


def test_closing_the_socket_speaks_what_was_flushed(server):
    with socket(server) as connection:
        tell(connection, {"text": TEXT, "flush": True}, {"close_socket": True}, {"text": "no more.", "flush": True})
        heard = hear(connection, 2)
        assert said(heard) == WORDS
        assert heard[-1] == {"isFinal": True, "contextId": "default"}
        assert connection.close_code == 1000


def test_an_empty_socket_is_closed_at_once(server):
    with socket(server) as connection:
        tell(connection, {"close_socket": True})
        assert hear(connection) == []
        assert connection.close_code == 1000


def test_an_error_ends_its_own_context():
    with served(make_app(kind("alpha", faults=[fails()]), max_text_length=50)) as server, socket(server) as connection:
        tell(connection, {"text": TEXT, "context_id": "broken", "flush": True})
        (told,) = hear(connection)
        assert (told["error"], told["code"], told["contextId"]) == ("no_engine_could_speak", 1011, "broken")
        tell(connection, {"text": "x" * 51, "context_id": "long"})
        (told,) = hear(connection)
        assert (told["error"], told["code"], told["contextId"]) == ("text_too_long", 1008, "long")
        tell(connection, {"text": " ", "context_id": "fast", "voice_settings": {"speed": 50}})
        assert hear(connection)[0]["error"] == "invalid_parameter"
        tell(connection, {"text": TEXT, "context_id": "good", "flush": True}, closing("good"))
        assert said(hear(connection)) == WORDS


def test_too_many_contexts_are_refused(server):
    with socket(server) as connection:
        for number in range(21):
            tell(connection, {"text": " ", "context_id": f"{number}"})
        (told,) = hear(connection)
        assert (told["error"], told["contextId"]) == ("overloaded", "20")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "unreadable_body"),
        ("no json", "unreadable_body"),
        ("[1]", "unreadable_body"),
        ("[" * 100_000, "unreadable_body"),
        (b"binary", "unreadable_body"),
        ('{"text": 5}', "invalid_parameter"),
        ('{"text": "\\ud800"}', "invalid_parameter"),
        ('{"text": "a", "flush": "yes"}', "invalid_parameter"),
        ('{"text": "a", "voice_settings": []}', "invalid_parameter"),
        (json.dumps({"text": "a", "context_id": "x" * 300}), "invalid_parameter"),
    ],
)
@pytest.mark.parametrize("path", ["stream-input", "multi-stream-input"])
def test_bad_messages_end_their_own_socket_alone(server, path, message, code):
    with socket(server, path) as connection:
        connection.send(message)
        (told,) = hear(connection)
        assert told["error"] == code
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            connection.recv(10)
        assert connection.close_code == 1008
    assert httpx.get(server.url + "/health/live").status_code == 200


def test_a_message_beyond_the_limit_ends_its_socket():
    with served(make_app(kind("alpha"), server={"max_body_bytes": 4096})) as server, socket(server) as connection:
        tell(connection, {"text": "x" * 5000})
        assert hear(connection) == []
        assert connection.close_code == 1009


def test_who_says_nothing_is_sent_away(server):
    with socket(server, inactivity_timeout=0.05) as connection:
        (told,) = hear(connection)
        assert told["error"] == "input_timeout_exceeded"
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            connection.recv(10)


def test_a_client_that_leaves_ends_the_work():
    alpha = kind("alpha", fault=hangs(after_words=2))
    with served(make_app(alpha)) as server:
        with socket(server) as connection:
            tell(connection, {"text": TEXT, "context_id": "a", "flush": True})
            connection.recv(10)
        until_idle(server)
        assert alpha.made[0].listeners == 0


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"voice": "nobody"}, 404, "voice_not_found"),
        ({"output_format": "wma"}, 400, "format_not_supported"),
        ({"inactivity_timeout": "never"}, 400, "invalid_parameter"),
        ({"inactivity_timeout": "nan"}, 400, "invalid_parameter"),
    ],
)
def test_a_wrong_order_is_refused_before_the_handshake(server, query, status, code):
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught, socket(server, **query):
        pass
    answer = caught.value.response
    assert (answer.status_code, json.loads(answer.body)["detail"]["status"]) == (status, code)


def refusal(url: str, **options) -> int:
    with pytest.raises(websockets.exceptions.InvalidStatus) as caught, connect(url, **options):
        pass
    return caught.value.response.status_code


def test_pages_of_other_sites_are_refused(server):
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/alpha-en/stream-input"
    assert refusal(url, additional_headers={"Origin": "https://elsewhere.example"}) == 403
    with create_connection(("127.0.0.1", server.port), 10) as rebound:
        assert refusal(url.replace("127.0.0.1", "elsewhere.example"), sock=rebound) == 403


def test_a_protocol_that_a_page_offers_is_taken(server):
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/alpha-en/stream-input?output_format=PCM_16000"
    with connect(f"{url}&inactivity_timeout=&auto_mode=True", subprotocols=["speech", "other"]) as connection:
        assert connection.subprotocol == "speech"
        tell(connection, {"text": TEXT}, {"text": ""})
        assert said(hear(connection)) == WORDS


def test_a_socket_is_found_whatever_the_base_url_ended_in(server):
    place = f"{server.url.replace('http', 'ws')}/v1//v1/text-to-speech/alpha-en/stream-input/?output_format=pcm_16000"
    with connect(place) as connection:
        tell(connection, {"text": TEXT}, {"text": ""})
        assert said(hear(connection)) == WORDS


def test_the_own_page_may_open_a_socket(server):
    url = f"{server.url.replace('http', 'ws')}/v1/text-to-speech/alpha-en/stream-input?output_format=pcm_16000"
    with connect(url, additional_headers={"Origin": server.url}) as connection:
        tell(connection, {"text": TEXT}, {"text": ""})
        assert said(hear(connection)) == WORDS


def test_an_unknown_path_is_no_socket(server):
    assert refusal(f"{server.url.replace('http', 'ws')}/v1/nothing") == 403
