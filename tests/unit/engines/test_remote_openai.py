"""A speech server elsewhere as an engine, against a real one that does everything wrong."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import aclosing

import numpy as np
import pytest

from portevoix.codecs import complete, read_wav, to_int16
from portevoix.config import load
from portevoix.config.rows import rows
from portevoix.engine import Phase, Surroundings
from portevoix.engines.remote_openai import RemoteOpenAI, RemoteOpenAIOptions
from portevoix.errors import ConfigError, EngineError, EngineFailed, EngineTimeout, EngineUnavailable
from portevoix.remote.answers import RemoteUnavailable
from portevoix.speech import Utterance, Voice
from tests.speech_server import RATE, Reply, plays, refuses, speech_server, tone

TEXT = "Bonjour à tous, ceci est un essai."
KEY = "sk-secret-0815"
HTML = b"<html><body>Please log in to the network</body></html>"


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def double():
    async with speech_server() as one:
        yield one


@pytest.fixture
async def make(double):
    made = []

    def build(clock=None, **options):
        options = {"base_url": double.url, **options}
        surroundings = Surroundings(clock=clock) if clock else Surroundings()
        made.append(RemoteOpenAI(RemoteOpenAIOptions(**options), surroundings))
        return made[-1]

    yield build
    for engine in made:
        await engine.aclose()


def asking(text=TEXT, **changes):
    return Utterance(text, Voice("alloy", "remote_openai", ""), "fr", **changes)


async def hear(engine, utterance=None):
    async with aclosing(engine.stream(utterance or asking())) as chunks:
        return [chunk async for chunk in chunks]


def joined(chunks):
    return np.concatenate([chunk.samples for chunk in chunks])


async def fault(engine, utterance=None) -> EngineError:
    """Return what an engine fails with, after whatever it said."""
    with pytest.raises(EngineError) as caught:
        await hear(engine, utterance)
    return caught.value


# What it asks for


async def test_it_asks_as_openai_does(double, make):
    await hear(make(model="kokoro", api_key=KEY), asking(speed=1.25, request_id="one:2"))
    assert double.asked == [
        {"model": "kokoro", "input": TEXT, "voice": "alloy", "response_format": "pcm", "speed": 1.25}
    ]
    assert double.headers[-1]["authorization"] == f"Bearer {KEY}"
    assert double.headers[-1]["x-request-id"] == "one:2"


async def test_without_a_key_none_is_sent(double, make):
    await hear(make())
    assert "authorization" not in double.headers[-1]


async def test_fields_of_other_servers_can_be_added(double, make):
    engine = make(extra_fields={"stream": True}, language_field="lang", instructions="Kindly.")
    await hear(engine)
    await hear(engine, asking(parameters=(("instructions", "Angrily."),)))
    assert [(one["stream"], one["lang"], one["instructions"]) for one in double.asked] == [
        (True, "fr", "Kindly."), (True, "fr", "Angrily."),
    ]  # fmt: skip


async def test_a_name_that_no_header_can_carry_is_left_out(double, make):
    assert await hear(make(), asking(request_id="été\r\nX-Evil: 1"))
    assert "x-request-id" not in double.headers[-1]


async def test_a_lone_surrogate_is_spoken_around(double, make):
    assert await hear(make(), asking("Bonjour \ud800 tous"))
    assert double.asked[0]["input"] == "Bonjour ? tous"


async def test_connections_are_kept(double, make):
    engine = make()
    for _ in range(3):
        await hear(engine)
    assert double.connections == 1


# What comes back


async def test_raw_samples_of_any_cut_arrive_exactly(double, make):
    double.replies = [plays(tone(1.5), piece=4_801)]
    chunks = await hear(make())
    assert {chunk.sample_rate for chunk in chunks} == {RATE}
    assert to_int16(joined(chunks)).tobytes() == tone(1.5)
    assert len(chunks) > 5


async def test_sound_is_passed_on_before_the_answer_is_over(double, make):
    double.replies = [plays(tone(2.0), hang=48_000)]
    async with aclosing(make().stream(asking())) as chunks:
        first = await anext(chunks)
    assert first.seconds > 0


async def test_leaving_closes_the_connection(double, make):
    double.replies = [plays(tone(2.0), hang=48_000), plays(tone(2.0))]
    engine = make()
    async with aclosing(engine.stream(asking())) as chunks:
        await anext(chunks)
    await asyncio.wait_for(double.left.wait(), 30)
    assert await hear(engine)


async def test_leaving_before_the_answer_closes_the_connection(double, make):
    double.replies = [Reply(hang=-1)]
    engine = make()
    await engine.load()
    task = asyncio.create_task(hear(engine))
    await asyncio.wait_for(double.is_asked.wait(), 30)
    task.cancel()
    await asyncio.wait_for(double.left.wait(), 30)


@pytest.mark.parametrize(("media_type", "rate"), [
    ("audio/pcm;rate=16000", 16_000), ('audio/L16; codec=pcm; rate="22050"', 22_050), ("audio/pcm; rate=oops", RATE),
    ("audio/pcm", RATE), ("application/octet-stream", RATE), (None, RATE),
])  # fmt: skip
async def test_the_rate_of_raw_samples_is_told_or_known(double, make, media_type, rate):
    double.replies = [plays(tone(2.0), media_type)]
    assert {chunk.sample_rate for chunk in await hear(make())} == {rate}


async def test_the_rate_of_raw_samples_can_be_configured(double, make):
    assert {chunk.sample_rate for chunk in await hear(make(pcm_sample_rate=16_000))} == {16_000}


def encoded(kind: str, rate: int = 16_000) -> tuple[bytes, np.ndarray]:
    times = np.arange(2 * rate) / rate
    samples = (0.4 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    return complete(kind, rate, [samples]), samples


@pytest.mark.parametrize(("kind", "media_type"), [
    ("mp3", "audio/mpeg"), ("aac", "audio/aac"), ("flac", "audio/flac"), ("opus", "audio/ogg"), ("wav", "audio/wav"),
    ("wav", "audio/pcm"), ("wav", "application/octet-stream"), ("flac", "application/octet-stream"),
    ("opus", "audio/opus"),
])  # fmt: skip
async def test_what_comes_is_taken_for_what_it_says_it_is(double, make, kind, media_type):
    content, samples = encoded(kind)
    double.replies = [plays(content, media_type, piece=1_001)]
    chunks = await hear(make(response_format="pcm"))
    heard = joined(chunks)
    assert len(heard) / chunks[0].sample_rate == pytest.approx(2.0, abs=0.15)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(np.sqrt(np.mean(samples**2)), rel=0.15)


async def test_mp3_is_decoded_while_it_arrives(double, make):
    content, _ = encoded("mp3")
    double.replies = [plays(content, "audio/mpeg", hang=len(content) // 2, piece=500)]
    async with aclosing(make(response_format="mp3").stream(asking())) as chunks:
        assert (await anext(chunks)).sample_rate == 16_000


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, None])
async def test_a_streamed_wav_may_leave_its_length_open(double, make, size):
    content = bytearray(encoded("wav")[0])
    if size is not None:
        struct.pack_into("<I", content, content.index(b"data") + 4, size)
    double.replies = [plays(bytes(content), "audio/wav", piece=333)]
    chunks = await hear(make())
    expected, rate = read_wav(encoded("wav")[0])
    assert chunks[0].sample_rate == rate
    assert np.array_equal(joined(chunks), expected)


async def test_what_follows_the_samples_of_a_wav_is_left_out(double, make):
    double.replies = [plays(encoded("wav")[0] + b"LIST" + bytes(9_000), "audio/wav")]
    assert len(joined(await hear(make()))) == 32_000


async def test_stereo_becomes_mono(double, make):
    pcm = np.repeat(np.frombuffer(tone(2.0), "<i2"), 2).tobytes()
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16)
    header = struct.pack("<4sI4s", b"RIFF", 36 + len(pcm), b"WAVE") + layout + struct.pack("<4sI", b"data", len(pcm))
    double.replies = [plays(header + pcm, "audio/wav")]
    assert len(joined(await hear(make()))) == 2 * RATE


async def test_sentence_by_sentence_nothing_leaves_a_broken_answer(double, make):
    double.replies = [plays(tone(2.0), cut=60_000), plays(tone(2.0))]
    engine = make(streams=False)
    heard = []
    with pytest.raises(EngineFailed):
        async with aclosing(engine.stream(asking())) as chunks:
            async for chunk in chunks:
                heard.append(chunk)
    assert heard == []
    assert engine.state().makes_sentences_whole
    assert sum(chunk.seconds for chunk in await hear(engine)) == pytest.approx(2.0)


# What goes wrong


@pytest.mark.parametrize(("reply", "kind", "words"), [
    (plays(HTML, "text/html"), EngineFailed, "text/html"),
    (plays(b'{"error": "no"}', "application/json"), EngineFailed, "application/json"),
    (plays(HTML * 100, "audio/mpeg"), EngineFailed, "broken audio"),
    (plays(HTML, "audio/wav"), EngineFailed, "WAVE"),
    (plays(bytes(range(256)) * 40, "audio/ogg"), EngineFailed, "decoded"),
    (plays(b""), EngineFailed, "empty"),
    (plays(b"", framing="length"), EngineFailed, "empty"),
    (plays(tone(2.0) + b"x"), EngineFailed, "middle of a sample"),
    (plays(tone(2.0), cut=60_000), EngineFailed, "broke off"),
    (plays(tone(2.0), cut=60_000, framing="length"), EngineFailed, "broke off"),
    (plays(tone(0.4), framing="close"), EngineFailed, "stopped early"),
    (plays(tone(0.4)), EngineFailed, "stopped early"),
    (plays(encoded("wav")[0], "audio/wav", cut=40_000, framing="close"), EngineFailed, "missing"),
    (plays(encoded("wav")[0][:30], "audio/wav"), EngineFailed, "within its header"),
    (plays(encoded("flac")[0][:5_000], "audio/flac"), EngineFailed, ""),
    (plays(tone(2.0), hang=60_000), EngineTimeout, "stopped in the middle"),
    (plays(tone(2.0), hang=0), EngineTimeout, "stopped in the middle"),
    (Reply(hang=-1), EngineTimeout, "no answer"),
    (Reply(tone(2.0), headers={"Content-Type": "audio/pcm", "Content-Encoding": "gzip"}), EngineFailed, "broke off"),
    (refuses(400, {"error": {"message": "voice is odd"}}), EngineFailed, "voice is odd"),
    (refuses(422, {"detail": [{"msg": "speed is odd", "input": TEXT}]}), EngineFailed, "speed is odd"),
    (refuses(500, {"error": "broken"}), EngineFailed, "broken"),
    (refuses(502, HTML), EngineFailed, "HTTP 502"),
    (refuses(404, {"error": {"message": "no voice alloy"}}), EngineUnavailable, "no voice alloy"),
    (refuses(401, {"error": {"message": f"bad key {KEY}"}}), RemoteUnavailable, "refuses the key"),
    (refuses(403), RemoteUnavailable, "refuses the key"),
    (refuses(429, {"error": {"message": "slow down"}}), RemoteUnavailable, "slow down"),
    (refuses(503), RemoteUnavailable, "busy"),
    (refuses(508), RemoteUnavailable, "leads back"),
    (refuses(307, Location="http://127.0.0.1:1/v1/audio/speech"), RemoteUnavailable, "leads elsewhere"),
    (refuses(204), EngineFailed, "HTTP 204"),
])  # fmt: skip
async def test_each_fault_is_told_in_its_own_words(double, make, reply, kind, words):
    double.replies = [reply]
    timeouts = {"first_byte_timeout_seconds": 0.3, "stall_timeout_seconds": 0.3} if reply.hang is not None else {}
    error = await fault(make(api_key=KEY, **timeouts))
    assert type(error) is kind
    assert words in str(error)
    assert KEY not in str(error) + error.hint
    assert TEXT not in str(error) + error.hint


@pytest.mark.parametrize("content", [{"message": f"cannot say {TEXT!r} with {KEY}"}, {"detail": f"{TEXT} {KEY} " * 90}])
async def test_neither_the_key_nor_the_text_is_repeated(double, make, content):
    double.replies = [refuses(400, content)]
    error = await fault(make(api_key=KEY))
    assert KEY not in str(error)
    assert TEXT not in str(error)
    assert len(str(error)) < 400


async def test_a_trickle_is_a_stall(double, make):
    double.replies = [Reply(trickles=True)]
    assert isinstance(await fault(make(stall_timeout_seconds=0.5)), EngineTimeout)


async def test_a_connection_closed_meanwhile_is_opened_again(double, make):
    double.replies = [plays(tone(2.0)), Reply(drop=True), plays(tone(2.0))]
    engine = make()
    await hear(engine)
    assert await hear(engine)
    assert len(double.asked) == 3


async def test_a_server_that_is_not_there_is_told_and_left_alone_for_a_while(make):
    hands = Hands()
    async with speech_server() as gone:
        pass
    engine = make(hands, base_url=gone.url)
    assert engine.state().phase is Phase.IDLE
    error = await fault(engine)
    assert isinstance(error, RemoteUnavailable)
    assert "cannot be reached" in str(error)
    assert error.hint
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.state().code == "remote_unavailable"
    hands.now += 6
    assert engine.state().phase is Phase.IDLE


async def test_retry_after_is_kept(double, make):
    hands = Hands()
    engine = make(hands)
    double.replies = [refuses(429, retry_after="70"), plays(tone(2.0))]
    await fault(engine)
    hands.now += 69
    assert engine.state().phase is Phase.UNAVAILABLE
    hands.now += 2
    assert engine.state().phase is Phase.IDLE
    assert await hear(engine)
    assert engine.state().phase is Phase.READY


async def test_a_server_that_hangs_while_listing_is_told(double, make):
    double.listing = Reply(hang=-1)
    with pytest.raises(RemoteUnavailable, match="does not answer"):
        await make(first_byte_timeout_seconds=0.3).load()


@pytest.mark.parametrize("reply", [refuses(401), refuses(302, Location="http://127.0.0.1:1/")])
async def test_a_refused_key_and_a_redirect_are_known_before_anybody_asks_for_speech(double, make, reply):
    double.listing = reply
    engine = make(api_key=KEY)
    with pytest.raises(RemoteUnavailable):
        await engine.load()
    assert double.asked == []
    assert engine.state().phase is Phase.UNAVAILABLE


# Configuration and voices


def test_without_an_address_it_says_what_to_do():
    state = RemoteOpenAI(RemoteOpenAIOptions(), Surroundings()).state()
    assert state.phase is Phase.UNAVAILABLE
    assert state.hint == "Set backends.remote_openai.base_url."


@pytest.mark.parametrize("address", [
    "127.0.0.1:8880/v1", "ftp://host/v1", "http:///v1", "http://me:secret@host/v1", "http://host/v1?key=1",
    "http://host:99999/v1", "file:///etc/passwd",
])  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused(address):
    with pytest.raises(ValueError, match=r"base_url|[Pp]ort"):
        RemoteOpenAIOptions(base_url=address)


async def test_the_key_may_be_in_a_variable(double, make, monkeypatch):
    engine = make(api_key_env="MY_KEY")
    assert "MY_KEY" in engine.state().why
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    await hear(make(api_key_env="MY_KEY"))
    assert double.headers[-1]["authorization"] == f"Bearer {KEY}"


async def test_a_key_that_no_header_can_carry_is_told(make):
    error = await fault(make(api_key="clé\r\nX: 1"))
    assert "cannot be sent" in str(error)
    assert "clé" not in str(error)


def test_the_key_is_not_shown():
    assert KEY not in repr(RemoteOpenAIOptions(api_key=KEY))


def names(engine):
    return [(voice.name, voice.language) for voice in engine.voices()]


@pytest.mark.parametrize(("listing", "expected"), [
    ({"voices": ["ff_siwis", "af_heart", "odd"]}, [("ff_siwis", "fr"), ("af_heart", "en-US"), ("odd", "")]),
    ({"voices": [{"id": "a", "language": "fr_FR"}, {"name": "fr_CA-x"}, {"id": "b", "installed": False}]},
     [("a", "fr-FR"), ("fr_CA-x", "fr-CA")]),
    ([{"voice_id": "x", "language": "a longer story"}, 3, None, {}, "x", "\n"], [("x", "")]),
    ({"object": "list", "data": [{"id": "m"}]}, [("m", "")]),
    ({"voices": {}}, [("alloy", "")]), ("nonsense", [("alloy", "")]), (None, [("alloy", "")]),
])  # fmt: skip
async def test_voices_are_read_in_every_shape(double, make, listing, expected):
    double.listing = plays(json.dumps(listing).encode(), "application/json")
    engine = make()
    await engine.load()
    assert names(engine) == expected


async def test_a_web_page_in_place_of_voices_is_no_list(double, make):
    double.listing = plays(HTML, "text/html")
    engine = make()
    await engine.load()
    assert names(engine) == [("alloy", "")]


async def test_configured_voices_come_first(double, make):
    double.listing = plays(b'{"voices": ["ff_siwis", "nova"]}', "application/json")
    engine = make(voices={"fr": "nova", "en": "echo"}, voice="sage")
    await engine.load()
    assert names(engine) == [("nova", "fr"), ("echo", "en"), ("sage", ""), ("ff_siwis", "fr")]


async def test_a_failed_listing_leaves_the_configured_voices(make):
    async with speech_server() as gone:
        pass
    engine = make(base_url=gone.url, voices={"fr": "nova"})
    with pytest.raises(RemoteUnavailable):
        await engine.load()
    assert names(engine) == [("nova", "fr")]


def configured(tmp_path, text, environ=()):
    path = tmp_path / "tts.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {"HOME": str(tmp_path), **dict(environ)}, {"remote_openai": RemoteOpenAI})


def test_one_key_gives_its_voices_to_the_engine_and_to_the_level(tmp_path):
    loaded = configured(tmp_path, "backends:\n  remote_openai:\n    base_url: http://h/v1\n    voices: {fr: nova}\n")
    backend = loaded.or_raise().settings.backends["remote_openai"]
    assert dict(backend.voices) == dict(backend.options.voices) == {"fr": "nova"}
    keys = [row.key for row in rows(loaded)]
    assert len(keys) == len(set(keys))


def test_the_key_comes_from_the_environment_and_is_not_shown(tmp_path):
    loaded = configured(tmp_path, "", {"PORTEVOIX_BACKENDS__REMOTE_OPENAI__API_KEY": KEY})
    assert loaded.settings.backends["remote_openai"].options.api_key == KEY
    assert KEY not in str(rows(loaded))


def test_a_faulty_address_is_told_with_its_line(tmp_path):
    loaded = configured(tmp_path, "backends:\n  remote_openai:\n    base_url: http://me:secret@h/v1\n")
    with pytest.raises(ConfigError, match="base_url") as error:
        loaded.or_raise()
    assert "secret" not in str(error.value)
