from __future__ import annotations

import asyncio
import base64
import io
import json
import wave

import numpy as np
import pytest

from portevoix.engine import Phase
from portevoix.server.queue import Queue
from tests.scripted import fails, hear_words, kind
from tests.served import SILENT, connected, make_app
from tests.translating import ScriptedTranslation, failure, translator_of, with_translator

TEXT = "The cat sleeps. A dog barks."
TRANSLATED = "fr ehT tac sleeps. fr A god barks."
WORDS = TRANSLATED.split()


def app_of(*engines, speech=None, **settings):
    """Return an app with a scripted voice, and the translator of `engines`."""
    voice = speech or kind("alpha", languages=("fr-FR", "en-US"))
    app = make_app(voice, **settings)
    return with_translator(app, translator_of(*(engines or [ScriptedTranslation()]), max_text_length=100_000))


def order(text=TEXT, **fields):
    return {"text": text, "source_lang": "en", "target_lang": "fr", **fields}


async def post(app, fields=None, **options):
    async with connected(app) as client:
        return await client.post("/translate", **({"json": fields} if fields is not None else {}), **options)


def samples_of(content):
    with wave.open(io.BytesIO(content)) as file:
        rate, count = file.getframerate(), file.getnframes()
        return np.frombuffer(file.readframes(count), "<i2").astype(np.float32) / 32768, rate


async def test_a_translation_without_speech():
    answer = await post(app_of(), order(message_id="m"))
    told = answer.json()
    assert answer.status_code == 200
    assert (told["translated_text"], told["source_lang"], told["target_lang"]) == (TRANSLATED, "en", "fr")
    assert (told["engine"], told["model"], told["licence"]) == ("scripted", "m-en-fr", "MIT")
    assert told["chain"] == ["en", "fr"]
    assert (told["speech"], told["message_id"], told["detected"], told["pivoted"]) == (None, "m", None, False)
    assert [(pair["source"], pair["target"]) for pair in told["sentences"]] == [
        ("The cat sleeps.", "fr ehT tac sleeps."), ("A dog barks.", "fr A god barks."),
    ]  # fmt: skip
    assert set(told["times"]) == {"first_sentence_seconds", "translation_seconds", "total_seconds"}


async def test_the_detected_language_is_told():
    told = (await post(app_of(), order("The train leaves at noon.", source_lang="auto"))).json()
    assert told["detected"]["source_lang"] == "en"
    assert told["detected"]["confidence"] > 0.5


async def test_the_speech_is_the_translation_in_its_language():
    told = (await post(app_of(), order(enable_tts=True))).json()
    speech = told["speech"]
    samples, rate = samples_of(base64.b64decode(speech["audio"]))
    assert hear_words(samples, rate, WORDS) == WORDS
    assert (speech["voice"], speech["engine"], speech["error"]) == ("alpha-fr", "alpha", None)
    assert speech["seconds"] == pytest.approx(len(samples) / rate, abs=0.01)
    assert told["translated_text"] == TRANSLATED


@pytest.mark.parametrize("model", ["big_v2", "big-v2", "BIG-V2"])
async def test_a_model_is_named_as_the_library_or_the_engine_is(model):
    app = make_app(kind("alpha"), kind("big_v2", priority=90))
    app = with_translator(app, translator_of(ScriptedTranslation()))
    told = (await post(app, order(enable_tts=True, model=model))).json()
    assert told["speech"]["engine"] == "big_v2"


async def test_the_speech_may_wait_behind_a_link():
    async with connected(app_of()) as client:
        speech = (await client.post("/translate", json=order(enable_tts=True, audio_delivery="link"))).json()["speech"]
        assert speech["audio"] is None
        assert speech["expires_seconds"] == 600
        answer = await client.get(speech["url"])
        assert answer.headers["content-type"] == "audio/wav"
        samples, rate = samples_of(answer.content)
        assert hear_words(samples, rate, WORDS) == WORDS
        gone = await client.get("/translate/speech/nobody")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "link_expired")


@pytest.mark.parametrize("asking", [{"headers": {"accept": "audio/*"}}, {}])
async def test_the_speech_may_be_the_answer(asking):
    fields = order(message_id="m") if asking else order(message_id="m", stream=True)
    answer = await post(app_of(), fields, **asking)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    told = {name: answer.headers[f"x-translation-{name}"] for name in ("engine", "model", "chain", "source")}
    assert told == {"engine": "scripted", "model": "m-en-fr", "chain": "en>fr", "source": "en"}
    assert (answer.headers["x-message-id"], answer.headers["x-tts-voice"]) == ("m", "alpha-fr")
    samples = np.frombuffer(answer.content[44:], "<i2").astype(np.float32) / 32768
    assert hear_words(samples, 16_000, WORDS) == WORDS


async def test_first_audio_comes_before_the_third_sentence_is_translated():
    heard = asyncio.Event()

    async def wait_for_audio(sentences):
        if any("number gamma" in sentence for sentence in sentences):
            await heard.wait()

    numbers = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "iota", "kappa", "lambda"]
    engine = ScriptedTranslation(before=wait_for_audio)
    engine.answer = lambda sentence, _: sentence.split()[-1]
    app = app_of(engine)
    async with connected(app) as client:
        endpoint = client._transport.app
        pieces = []

        async def send(message):
            pieces.append(message)
            if message["type"] == "http.response.body" and len(message["body"]) > 44:
                heard.set()

        text = " ".join(f"Sentence number {number}." for number in numbers)
        await run_application(endpoint, order(text, stream=True), send)
    content = b"".join(message.get("body", b"") for message in pieces)
    samples = np.frombuffer(content[44:], "<i2").astype(np.float32) / 32768
    spoken = [f"{number}." for number in numbers]
    assert hear_words(samples, 16_000, spoken) == spoken


def events_of(content):
    return [json.loads(line.removeprefix("data: ")) for line in content.decode().splitlines() if line]


async def test_a_stream_may_tell_the_translation_besides_its_sound():
    answer = await post(app_of(), order(message_id="m", stream_format="sse", output_format="PCM"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-translation-engine"] == "scripted"
    events = events_of(answer.content)
    kinds = ("translation.sentence", "speech.word", "speech.audio.delta")
    places = {name: [place for place, event in enumerate(events) if event["type"] == name] for name in kinds}
    sentences = [events[place] for place in places["translation.sentence"]]
    assert "".join(one["before"] + one["target"] for one in sentences) == TRANSLATED
    assert [one["source"] for one in sentences] == ["The cat sleeps.", "A dog barks."]
    words = [events[place]["text"] for place in places["speech.word"]]
    assert words == WORDS
    for first, sentence in ((0, 0), (4, 1)):
        assert places["translation.sentence"][sentence] < places["speech.word"][first], "written before it is spoken"
    *_, translated, spoken = events
    assert (translated["type"], translated["translated_text"]) == ("translation.done", TRANSLATED)
    assert translated["message_id"] == "m"
    assert (spoken["type"], spoken["portevoix"]["engine"]) == ("speech.audio.done", "alpha")
    sound = b"".join(base64.b64decode(events[place]["audio"]) for place in places["speech.audio.delta"])
    assert len(sound) // 2 == pytest.approx(spoken["portevoix"]["audio_seconds"] * 24_000, rel=0.05)


async def test_events_begin_before_the_third_sentence_is_translated():
    told = asyncio.Event()

    async def wait_until_told(sentences):
        if any("gamma" in sentence for sentence in sentences):
            await told.wait()

    app, pieces = app_of(ScriptedTranslation(before=wait_until_told)), []
    async with connected(app) as client:

        async def send(message):
            pieces.append(message.get("body", b""))
            if b"speech.audio.delta" in pieces[-1]:
                told.set()

        text = " ".join(f"Sentence number {name}." for name in ("alpha", "beta", "gamma", "delta"))
        await run_application(client._transport.app, order(text, stream_format="sse"), send)
    assert sum(b"translation.sentence" in piece for piece in pieces) == 4


async def test_events_tell_what_broke_and_are_cut():
    app, pieces = app_of(ScriptedTranslation(faults=[None, failure("no ink")])), []
    async with connected(app) as client:

        async def send(message):
            pieces.append(message)

        await run_application(client._transport.app, order(stream_format="sse"), send)
    *_, error = events_of(b"".join(one.get("body", b"") for one in pieces))
    assert (error["type"], error["error"]["code"]) == ("error", "translation_failed")
    assert pieces[-1]["more_body"]


async def run_application(application, fields, send):
    """Ask an ASGI application directly, with each message of the answer as it is sent."""
    body = json.dumps(fields).encode()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        message = next(messages, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/translate",
        "raw_path": b"/translate", "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 8001),
        "client": ("127.0.0.1", 1), "root_path": "", "state": {},
        "headers": [(b"host", b"127.0.0.1:8001"), (b"content-type", b"application/json")],
    }  # fmt: skip
    await application(scope, receive, send)


async def test_a_translation_without_its_speech_is_still_there():
    for fields, code in [
        ({"voice": "nobody"}, "voice_not_found"),
        ({"model": "nobody"}, "engine_not_found"),
        ({"cloning_params": {"nothing": 1}}, "invalid_parameter"),
        ({"speed": 9}, "invalid_parameter"),
    ]:
        answer = await post(app_of(), order(enable_tts=True, **fields))
        told = answer.json()
        assert (answer.status_code, told["translated_text"]) == (200, TRANSLATED)
        assert (told["speech"]["audio"], told["speech"]["error"]["code"]) == (None, code)
        assert told["speech"]["error"]["message"]


async def test_speech_that_breaks_off_is_missing_speech():
    answer = await post(app_of(speech=kind("alpha", fault=fails(after_words=2))), order(enable_tts=True))
    assert answer.status_code == 200
    assert answer.json()["translated_text"] == TRANSLATED
    assert answer.json()["speech"]["error"]["code"] == "stream_interrupted"


async def test_emergency_silence_is_no_speech():
    app = make_app(kind("alpha", phase=Phase.UNAVAILABLE, why="gone"), SILENT)
    told = (await post(with_translator(app, translator_of(ScriptedTranslation())), order(enable_tts=True))).json()
    assert told["translated_text"] == TRANSLATED
    assert told["speech"]["error"]["code"] == "engine_silent"


@pytest.mark.parametrize("fields", [{"enable_tts": True}, {"stream": True}])
async def test_an_untranslated_text_is_never_spoken(fields):
    speech = kind("alpha")
    answer = await post(app_of(ScriptedTranslation(faults=[failure("no ink")]), speech=speech), order(**fields))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "translation_failed")
    assert "no ink" in answer.json()["error"]["message"]
    assert all(not engine.asked for engine in speech.made)


async def test_a_translation_that_fails_in_mid_text_is_an_error_and_none_of_it_is_given():
    answer = await post(app_of(ScriptedTranslation(faults=[None, failure()])), order(enable_tts=True))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "translation_failed")


async def test_a_stream_whose_translation_fails_is_cut():
    app = app_of(ScriptedTranslation(faults=[None, failure()]))
    async with connected(app) as client:
        messages = []

        async def send(message):
            messages.append(message)

        await run_application(client._transport.app, order(stream=True), send)
    assert messages[0]["status"] == 200
    assert messages[-1]["more_body"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"text": ""}, 400, "empty_text"),
        ({"text": " \n"}, 400, "empty_text"),
        ({"text": "\0"}, 400, "empty_text"),
        ({"text": "x" * 100_001}, 400, "text_too_long"),
        ({"target_lang": "en"}, 400, "same_language"),
        ({"target_lang": "klingon"}, 400, "language_unknown"),
        ({"source_lang": "klingon"}, 400, "language_unknown"),
        ({"target_lang": "ja"}, 404, "translation_not_supported"),
        ({"text": "xyzzy", "source_lang": "auto"}, 400, "language_not_detected"),
        ({"text": "Le train part à midi de la gare.", "source_lang": "auto"}, 400, "same_language"),
        ({"text": "El tren sale al mediodía de la estación.", "source_lang": "en"}, 400, "language_differs"),
        ({"engine": "nobody"}, 404, "engine_not_found"),
        ({"output_format": "midi"}, 400, "format_not_supported"),
        ({"enable_tts": 1}, 400, "invalid_parameter"),
        ({"stream_format": "film"}, 400, "invalid_parameter"),
    ],
)
async def test_bad_input_has_its_own_clear_answer(fields, status, code):
    engine = ScriptedTranslation()
    answer = await post(app_of(engine), order(**fields))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert len(answer.json()["error"]["message"]) > 20
    assert engine.asked == []


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("😀", "😀"), ("42", "42"), ("a\0 cat", "fr a tac"), ("<b>the cat</b>", "fr <b>the cat</b>"),
        ("# the cat\n\n* a dog", "# fr eht tac\n\n* fr a god"),
    ],
)  # fmt: skip
async def test_odd_texts_come_through(text, translated):
    assert (await post(app_of(), order(text))).json()["translated_text"] == translated


async def test_a_text_without_words_is_spoken_where_it_can_be():
    told = (await post(app_of(), order("42", enable_tts=True))).json()
    assert (told["engine"], told["speech"]["error"]) == ("none", None)
    told = (await post(app_of(), order("😀", enable_tts=True))).json()
    assert told["speech"]["error"]["code"] == "nothing_to_say"
    assert told["warnings"]


async def test_a_hundred_thousand_characters():
    text = ("The cat sleeps. " * 7000)[:100_000]
    answer = await post(app_of(), order(text))
    assert answer.status_code == 200
    assert len(answer.json()["sentences"]) == 6250


async def test_a_recording_that_is_none_costs_the_speech_alone():
    form = {"data": {"text": TEXT, "source_lang": "en", "target_lang": "fr", "enable_tts": "true", "message_id": "m"},
            "files": {"speaker_audio": ("voice.wav", b"nonsense", "audio/wav")}}  # fmt: skip
    answer = await post(app_of(), **form)
    told = answer.json()
    assert (answer.status_code, told["translated_text"], told["message_id"]) == (200, TRANSLATED, "m")
    assert told["speech"]["error"]["code"] == "audio_not_readable"
    answer = await post(app_of(), **{**form, "headers": {"accept": "audio/*"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "audio_not_readable")


async def test_a_form_without_a_file_is_a_request_as_well():
    fields = {"text": (None, TEXT), "source_lang": (None, "en"), "target_lang": (None, "fr")}
    answer = await post(app_of(), files=fields)
    assert answer.json()["translated_text"] == TRANSLATED


async def test_no_engine_at_all_says_what_to_install():
    app = with_translator(make_app(kind("alpha")), translator_of(ScriptedTranslation(why_unavailable="not installed")))
    answer = await post(app, order())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_translator")
    assert "apt install apertium" in answer.json()["error"]["message"]
    assert "portevoix models get" in answer.json()["error"]["message"]


async def test_what_can_be_translated():
    engines = (
        ScriptedTranslation(pairs=("en-fr", "fr-es")),
        ScriptedTranslation(name="second", priority=20, pairs=("en-fr", "es-fr"), is_rule_based=True),
    )
    app = app_of(*engines, ScriptedTranslation(name="third", why_unavailable="not installed"))
    async with connected(app) as client:
        told = (await client.get("/translate/languages")).json()
    pairs = {(pair["source_lang"], pair["target_lang"]): pair for pair in told["pairs"]}
    assert set(pairs) == {("en", "fr"), ("en", "es"), ("fr", "es"), ("es", "fr")}
    assert (pairs["en", "fr"]["engine"], pairs["es", "fr"]["engine"]) == ("scripted", "second")
    assert pairs["en", "es"]["chain"] == ["en", "fr", "es"]
    assert pairs["en", "es"]["pivoted"]
    assert pairs["es", "fr"]["rule_based"]
    assert [(engine["name"], engine["state"]) for engine in told["engines"]] == [
        ("scripted", "ready"), ("third", "unavailable"), ("second", "ready"),
    ]  # fmt: skip
    assert told["ready"]
    assert told["languages"][0] == {"code": "en", "name": "English", "targets": ["es", "fr"]}


async def test_translations_take_turns():
    begun, release = asyncio.Event(), asyncio.Event()

    async def wait(_):
        begun.set()
        await release.wait()

    app = app_of(ScriptedTranslation(before=wait))
    async with connected(app, queue=Queue(1, 0, 5.0)) as client:
        first = asyncio.create_task(client.post("/translate", json=order()))
        await begun.wait()
        second = await client.post("/translate", json=order())
        assert (second.status_code, second.json()["error"]["code"]) == (429, "overloaded")
        assert second.headers["retry-after"]
        release.set()
        assert (await first).status_code == 200
