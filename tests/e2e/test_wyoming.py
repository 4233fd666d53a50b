"""Wyoming through real sockets, with its own client, as Home Assistant uses it."""

from __future__ import annotations

import asyncio
import json
import socket
import warnings
from contextlib import asynccontextmanager

import numpy as np
import pytest

from portevoix.server.application import make_queue
from portevoix.server.stage import Stage
from portevoix.server.wyoming.server import WyomingServer
from tests.scripted import fails, hangs, hear_words, kind
from tests.served import SILENT, make_app, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the client imports audioop where there is one
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient, AsyncUnixClient
    from wyoming.error import Error
    from wyoming.event import Event, read_event, write_event
    from wyoming.info import Describe, Info
    from wyoming.ping import Ping, Pong
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
        SynthesizeVoice,
    )

TEXT = "one two three four five."
WORDS = TEXT.split()
ENGLISH = SynthesizeVoice(name="alpha-en")


@asynccontextmanager
async def running(*kinds, wyoming=None, **settings):
    place = {"enabled": True, "port": 0, **(wyoming or {})}
    app = make_app(*(kinds or (kind("alpha"), SILENT)), wyoming=place, **settings)
    queue = make_queue(app)
    async with WyomingServer(Stage(app, lambda _: None), queue) as server:
        server.app, server.queue = app, queue
        yield server
    await app.aclose()


def client_of(server) -> AsyncTcpClient:
    return AsyncTcpClient("127.0.0.1", server.port, read_timeout=10)


async def ask(server, *events) -> list[Event]:
    """Send events, and return what comes up to the end of the speech or of the connection."""
    async with client_of(server) as client:
        for event in events:
            await client.write_event(event.event())
        return await hear(client)


async def hear(client, *, is_stream: bool = False) -> list[Event]:
    heard = []
    while (event := await client.read_event()) is not None:
        heard.append(event)
        is_end = SynthesizeStopped.is_type(event.type) or (AudioStop.is_type(event.type) and not is_stream)
        if is_end:
            break
    return heard


def words_of(events: list[Event], vocabulary=WORDS) -> list[str]:
    chunks = [AudioChunk.from_event(event) for event in events if AudioChunk.is_type(event.type)]
    audio = b"".join(chunk.audio for chunk in chunks)
    if not audio:
        return []
    return hear_words(np.frombuffer(audio, "<i2") / np.float32(32768), chunks[0].rate, vocabulary)


def kinds_of(events: list[Event]) -> list[str]:
    return [event.type for event in events if event.type != "audio-chunk"]


async def until_idle(server) -> None:
    for _ in range(100_000):
        if not (server.queue.running or server.queue.waiting):
            return
        await asyncio.sleep(0)
    raise AssertionError("the server goes on speaking")


async def test_a_text_comes_as_audio():
    async with running() as server:
        heard = await ask(server, Synthesize(text=TEXT, voice=ENGLISH))
        start = AudioStart.from_event(heard[0])
        assert (start.rate, start.width, start.channels) == (16_000, 2, 1)
        assert kinds_of(heard) == ["audio-start", "audio-stop"]
        assert words_of(heard) == WORDS


async def test_every_voice_that_is_told_is_found_under_that_name():
    async with running(kind("alpha"), kind("beta", priority=20), SILENT) as server:
        async with client_of(server) as client:
            await client.write_event(Describe().event())
            (program,) = Info.from_event(await client.read_event()).tts
        assert program.supports_synthesize_streaming
        assert program.installed
        names = [voice.name for voice in program.voices]
        assert names == ["alpha-fr", "alpha-en", "beta-fr", "beta-en"]
        assert [voice.languages for voice in program.voices][:2] == [["fr-FR"], ["en-US"]]
        for name in names:
            heard = await ask(server, Synthesize(text=f"{name} speaks.", voice=SynthesizeVoice(name=name)))
            assert kinds_of(heard) == ["audio-start", "audio-stop"]
        spoken = [utterance.voice.name for level in server.app.levels for utterance in level.engine.asked]
        assert spoken == names


async def test_a_language_finds_its_voice():
    async with running() as server:
        for language in ("fr", "fr_FR", "en-GB"):
            await ask(server, Synthesize(text=f"{language}.", voice=SynthesizeVoice(language=language)))
        voices = [utterance.voice.name for utterance in server.app.levels[0].engine.asked]
        assert voices == ["alpha-fr", "alpha-fr", "alpha-en"]


async def test_a_stream_is_spoken_while_it_is_written_and_its_copy_is_not():
    async with running() as server, client_of(server) as client:
        await client.write_event(SynthesizeStart(voice=ENGLISH).event())
        for piece in ("one two", " three. Fo"):
            await client.write_event(SynthesizeChunk(text=piece).event())
        first = [await client.read_event() for _ in range(4)]
        assert words_of(first, ["one", "two", "three."]) == ["one", "two", "three."]
        await client.write_event(SynthesizeChunk(text="ur five.").event())
        await client.write_event(Synthesize(text="one two three. Four five.", voice=ENGLISH).event())
        await client.write_event(SynthesizeStop().event())
        heard = first + await hear(client, is_stream=True)
        assert kinds_of(heard) == ["audio-start", "audio-stop", "synthesize-stopped"]
        assert words_of(heard, ["one", "two", "three.", "Four", "five."]) == ["one", "two", "three.", "Four", "five."]
        await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
        assert words_of(await hear(client)) == WORDS


async def test_a_writer_who_pauses_holds_no_turn():
    alone = {"max_concurrent_requests": 1, "max_queued_requests": 0}
    async with running(server=alone) as server, client_of(server) as writer:
        await writer.write_event(SynthesizeStart(voice=ENGLISH).event())
        await writer.write_event(SynthesizeChunk(text="one two. Thr").event())
        heard = [await writer.read_event()]
        while words_of(heard, ["one", "two."]) != ["one", "two."]:
            heard.append(await writer.read_event())
        await until_idle(server)
        assert words_of(await ask(server, Synthesize(text=TEXT, voice=ENGLISH))) == WORDS
        await writer.write_event(SynthesizeChunk(text="ee.").event())
        await writer.write_event(SynthesizeStop().event())
        heard += await hear(writer, is_stream=True)
        assert words_of(heard, ["one", "two.", "Three."]) == ["one", "two.", "Three."]


async def test_a_late_voice_is_waited_for_since_silence_is_no_answer():
    late = kind("alpha", first_word_seconds=1.5, target_latency_ms=1)
    async with running(late, SILENT) as server:
        heard = await ask(server, Synthesize(TEXT, voice=ENGLISH))
    assert words_of(heard) == WORDS


async def test_an_empty_stream_is_stopped_and_an_empty_text_is_an_error():
    async with running() as server:
        heard = await ask(server, SynthesizeStart(voice=ENGLISH), SynthesizeStop())
        assert kinds_of(heard) == ["synthesize-stopped"]
        (error,) = await ask(server, Synthesize(text="…", voice=ENGLISH))
        assert Error.from_event(error).code == "nothing_to_say"


async def test_questions_are_answered_while_it_speaks():
    async with running(kind("alpha", fault=hangs(after_words=2))) as server, client_of(server) as client:
        await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
        assert AudioStart.is_type((await client.read_event()).type)
        await client.write_event(Ping(text="there?").event())
        await client.write_event(Describe().event())
        heard = []
        while not Info.is_type((event := await client.read_event()).type):
            heard.append(event)
        assert [Pong.from_event(event).text for event in heard if Pong.is_type(event.type)] == ["there?"]


async def test_texts_are_spoken_one_after_another():
    async with running() as server, client_of(server) as client:
        for word in WORDS:
            await client.write_event(Synthesize(text=f"{word}", voice=ENGLISH).event())
        for word in WORDS:
            assert words_of(await hear(client), [*WORDS]) == [word]


async def test_silence_is_told_as_an_error_and_never_as_audio():
    async with running(kind("alpha", fault=fails()), SILENT) as server:
        (error,) = await ask(server, Synthesize(text=TEXT, voice=ENGLISH))
        assert Error.from_event(error).code == "no_engine_could_speak"
        assert "alpha broke" in Error.from_event(error).text


async def test_what_breaks_off_has_no_stop():
    async with running(kind("alpha", fault=fails(after_words=2)), SILENT) as server:
        heard = await ask(server, Synthesize(text=TEXT, voice=ENGLISH))
        assert kinds_of(heard) == ["audio-start", "error"]
        assert words_of(heard) == ["one", "two"]


async def test_a_client_that_leaves_ends_the_work():
    alpha = kind("alpha", fault=hangs(after_words=2))
    async with running(alpha) as server:
        async with client_of(server) as client:
            await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
            await client.read_event()
            assert server.queue.running == 1
        await until_idle(server)
        assert alpha.made[0].listeners == 0


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Event("synthesize", {"text": 5}), "invalid_parameter"),
        (Event("synthesize"), "invalid_parameter"),
        (Event("synthesize", {"text": "x", "voice": "alpha-en"}), "invalid_parameter"),
        (Event("synthesize", {"text": "x", "voice": {"name": "nobody"}}), "voice_not_found"),
        (Event("synthesize", {"text": "x", "voice": {"language": "xx"}}), "language_not_supported"),
        (Event("synthesize", {"text": "x", "text_format": "html"}), "invalid_parameter"),
        (Event("synthesize", {"text": "<speak>x", "text_format": "ssml"}), "invalid_parameter"),
        (Event("synthesize", {"text": "<!DOCTYPE x><speak>x</speak>", "text_format": "ssml"}), "invalid_parameter"),
        (Event("synthesize", {"text": "x" * 2000}), "text_too_long"),
    ],
)
async def test_what_is_wrong_is_told(event, code):
    async with running(max_text_length=1500) as server, client_of(server) as client:
        await client.write_event(event)
        assert Error.from_event(await client.read_event()).code == code
        assert await client.read_event() is None


async def test_ssml_is_spoken_without_its_marks():
    async with running() as server:
        ssml = "<speak>one <unknown-mark level='3'>two</unknown-mark> three four five.</speak>"
        heard = await ask(server, Synthesize(text=ssml, voice=ENGLISH, text_format="ssml"))
        assert words_of(heard) == WORDS
        pieces = [SynthesizeChunk(text=ssml[:25]), SynthesizeChunk(text=ssml[25:]), SynthesizeStop()]
        async with client_of(server) as client:
            for event in (SynthesizeStart(voice=ENGLISH, text_format="ssml"), *pieces):
                await client.write_event(event.event())
            assert words_of(await hear(client, is_stream=True)) == WORDS


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\n",
        b"[1]\n",
        b'{"type": 5}\n',
        b'{"type": "synthesize", "data": [1]}\n',
        b'{"type": "synthesize", "data_length": -1}\n',
        b'{"type": "synthesize", "data_length": true}\n',
        b'{"type": "synthesize", "data_length": 99999999}\n',
        b'{"type": "synthesize", "payload_length": 99999999}\n',
        b'{"type": "synthesize", "data_length": 4}\n[1] ',
        b"[" * 3000 + b"\n",
        b"x" * 10_000,
    ],
)
async def test_bad_bytes_end_their_own_connection_alone(content):
    async with running(server={"max_body_bytes": 4096}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(content)
        told = json.loads(await reader.readline())
        assert json.loads(await reader.readexactly(told["data_length"]))["code"] == "unreadable_event"
        assert await reader.read() == b""
        writer.close()
        assert words_of(await ask(server, Synthesize(text=TEXT, voice=ENGLISH))) == WORDS


async def test_unknown_events_and_payloads_change_nothing():
    async with running() as server:
        strange = Event("transcribe", {"a": 1}, b"x" * 100_000)
        async with client_of(server) as client:
            for event in (strange, Synthesize(text=TEXT, voice=ENGLISH).event()):
                await client.write_event(event)
            heard = await hear(client)
        assert words_of(heard) == WORDS


async def test_a_unix_socket_and_its_end(tmp_path):
    path = tmp_path / "wyoming.sock"
    async with running(wyoming={"unix_socket": path}) as server:
        async with AsyncUnixClient(path, read_timeout=10) as client:
            await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
            assert words_of(await hear(client)) == WORDS
        assert server.port
    assert not path.exists()


async def test_it_is_off_unless_asked_for():
    async with running(wyoming={"enabled": False}) as server:
        assert server.port == 0


async def test_a_port_in_use_costs_wyoming_alone(caplog):
    async with running() as first, running(wyoming={"port": first.port}) as second:
        assert second.port == 0
        assert "wyoming.place_not_usable" in caplog.messages


async def test_more_clients_than_allowed_are_turned_away():
    async with running(wyoming={"max_connections": 1}) as server, client_of(server) as client:
        await client.write_event(Ping().event())
        assert Pong.is_type((await client.read_event()).type)
        async with client_of(server) as other:
            assert await other.read_event() is None
        await client.write_event(Ping().event())
        assert Pong.is_type((await client.read_event()).type)


async def test_more_texts_than_one_client_may_leave_are_refused():
    async with running(kind("alpha", fault=hangs())) as server, client_of(server) as client:
        for _ in range(20):
            await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
        assert Error.from_event(await client.read_event()).code == "overloaded"


async def test_a_stop_finishes_what_is_being_spoken():
    async with running(kind("alpha", seconds_per_word=0.01)) as server:
        client = client_of(server)
        await client.connect()
        await client.write_event(Synthesize(text=TEXT, voice=ENGLISH).event())
        heard = [await client.read_event()]
    heard += await hear(client)
    assert words_of(heard) == WORDS
    assert await client.read_event() is None
    await client.disconnect()


# in the whole server


def test_the_server_serves_it_and_finishes_what_is_being_spoken_when_it_stops(tmp_path):
    path = tmp_path / "wyoming.sock"
    app = make_app(kind("alpha", seconds_per_word=0.01), wyoming={"enabled": True, "port": 0, "unix_socket": path})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        with served(app):
            connection.connect(str(path))
            stream = connection.makefile("rwb")
            write_event(Synthesize(text=TEXT, voice=ENGLISH).event(), stream)
            heard = [read_event(stream)]
        while (event := read_event(stream)) is not None:
            heard.append(event)
        stream.close()
    assert kinds_of(heard) == ["audio-start", "audio-stop"]
    assert words_of(heard) == WORDS
