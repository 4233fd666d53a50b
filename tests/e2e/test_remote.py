"""A Portevoix as another one's level, over real sockets."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from portevoix.app import build
from portevoix.codecs import read_wav
from portevoix.engines.remote_openai import RemoteOpenAI, SecondRemoteOpenAI
from tests.scripted import fails, hear_words, kind
from tests.served import SILENT, configured, served

WORDS = "alpha beta gamma delta"


def app_with(*engines, **options):
    """Return an app in which `remote_openai` has options."""
    kinds = {one.name: one for one in engines}
    loaded = configured(kinds)
    backends = dict(loaded.settings.backends)
    for name in ("remote_openai", "remote_openai_2"):
        if name in backends:
            backends[name] = replace(backends[name], enabled=True, options=replace(backends[name].options, **options))
    return build(replace(loaded, settings=replace(loaded.settings, backends=backends)), engines=kinds)


def ask(one, **fields):
    fields = {"model": "tts-1", "input": WORDS, "response_format": "wav", "language": "en", **fields}
    with httpx.Client(timeout=60) as client:
        return client.post(f"{one.url}/v1/audio/speech", json=fields)


def heard(answer):
    assert answer.status_code == 200, answer.text
    samples, rate = read_wav(answer.content)
    return hear_words(samples, rate, WORDS.split())


def engine_of(one, name="remote_openai"):
    return next(level.engine for level in one.app.levels if level.name == name)


@pytest.mark.parametrize("response_format", ["pcm", "wav"])
def test_another_portevoix_speaks_as_a_level(response_format):
    far = kind("far", languages=("en-US",))
    with served(app_with(far, SILENT)) as there:
        app = app_with(RemoteOpenAI, SILENT, base_url=f"{there.url}/v1", response_format=response_format)
        with served(app) as here:
            answer = ask(here, voice="far-en")
            assert heard(answer) == WORDS.split()
            assert answer.headers["X-TTS-Engine"] == "remote_openai"
            assert "X-TTS-Fallback" not in answer.headers
            voices = httpx.get(f"{here.url}/v1/audio/voices").json()["voices"]
    assert ("remote_openai", "far-en", "en-US") in {(v["engine"], v["name"], v["language"]) for v in voices}
    assert [one.text for one in far.made[0].asked] == [WORDS]


def test_when_the_other_one_breaks_in_the_middle_the_next_level_says_the_rest():
    far = kind("far", languages=("en-US",), faults=[fails(after_words=3)], seconds_per_word=0.05)
    near = kind("near", languages=("en-US",), priority=20)
    with served(app_with(far)) as there, served(app_with(RemoteOpenAI, near, base_url=f"{there.url}/v1")) as here:
        words = heard(ask(here, voice="remote_openai:far-en"))
    assert words[-1] == "delta"
    assert list(dict.fromkeys(words)) == WORDS.split()


def test_a_server_that_names_itself_is_refused_and_the_next_level_speaks():
    near = kind("near", languages=("en-US",), priority=20)
    with served(app_with(RemoteOpenAI, near)) as here:
        engine = engine_of(here)
        engine._options = replace(engine._options, base_url=f"{here.url}/v1", voice="near-en")
        answer = ask(here, voice="near-en")
        assert heard(answer) == WORDS.split()
        status = httpx.get(f"{here.url}/api/engines").json()["engines"]
    assert len(near.made[0].asked) == 1
    state = next(one for one in status if one["name"] == "remote_openai")
    assert "leads back to this server" in str(state)


def test_two_servers_that_name_each_other_pass_a_request_on_once():
    left, right = (kind(name, languages=("en-US",), priority=20) for name in ("left", "right"))
    with served(app_with(RemoteOpenAI, left)) as one, served(app_with(RemoteOpenAI, right)) as two:
        for here, there, voice in ((one, two, "right-en"), (two, one, "left-en")):
            engine = engine_of(here)
            engine._options = replace(engine._options, base_url=f"{there.url}/v1", voice=voice)
        answer = ask(one, engine="remote_openai", voice="remote_openai:right-en")
        assert heard(answer) == WORDS.split()
    assert len(right.made[0].asked) == 1
    assert left.made[0].asked == []


def test_two_servers_elsewhere_are_two_levels():
    first = kind("first", languages=("en-US",), faults=[fails()] * 5)
    second = kind("second", languages=("en-US",))
    with served(app_with(first)) as one, served(app_with(second)) as two:
        kinds = {each.name: each for each in (RemoteOpenAI, SecondRemoteOpenAI)}
        loaded = configured(kinds)
        backends = {
            name: replace(backend, enabled=True, options=replace(backend.options, base_url=f"{where.url}/v1"))
            for (name, backend), where in zip(loaded.settings.backends.items(), (one, two), strict=True)
        }
        app = build(replace(loaded, settings=replace(loaded.settings, backends=backends)), engines=kinds)
        with served(app) as here:
            answer = ask(here)
    assert heard(answer) == WORDS.split()
    assert answer.headers["X-TTS-Engine"] == "remote_openai_2"
