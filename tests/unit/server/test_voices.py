from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from portevoix.app import build
from portevoix.config.loading import Loaded
from portevoix.server.application import create_application
from portevoix.speech import Voice
from tests.recording_files import encoded, voice, wav
from tests.scripted import kind
from tests.served import SILENT, configured, connected

FORM = {"name": "Marie", "consent": "I agree"}
ORDER = {"model": "tts-1", "input": "Bonjour à tous", "response_format": "wav"}


def cloner(**script):
    return kind("cloner", priority=20, voices=[
        Voice("anybody", "cloner", "fr-FR", 16_000, fingerprint="c", languages=("fr", "en"), can_clone=True)
    ], **script)  # fmt: skip


def app_in(folder, *kinds, **settings):
    engines = {one.name: one for one in kinds}
    loaded = configured(engines, **settings)
    return build(
        Loaded(replace(loaded.settings, data_folder=folder / "data", cache_folder=folder / "cache")), engines=engines
    )


def sample(content=None, kind="audio/wav"):
    return {"audio_sample": ("sample", wav(voice()) if content is None else content, kind)}


async def create(client, *, prefix="/v1", files=None, **fields):
    return await client.post(f"{prefix}/audio/voices", data={**FORM, **fields}, files=files or sample())


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_voice_is_created_listed_spoken_with_and_removed(tmp_path, prefix):
    engine = cloner()
    async with connected(app_in(tmp_path, kind("alpha"), engine)) as client:
        created = await create(client, prefix=prefix, language="fr", transcript="Bonjour")
        assert created.status_code == 200
        content = created.json()
        assert (content["name"], content["object"], content["type"]) == ("Marie", "audio.voice", "stored")
        assert content["created_at"] > 1_700_000_000
        listed = (await client.get(f"{prefix}/audio/voices")).json()["voices"]
        assert [one["name"] for one in listed] == ["alpha-fr", "alpha-en", "anybody", "Marie"]
        assert (listed[-1]["id"], listed[-1]["installed"]) == (content["id"], True)
        shown = (await client.get(f"{prefix}/audio/voices/Marie")).json()
        assert (shown["consent"], shown["transcript"]) == ("I agree", "Bonjour")
        for wish in ("Marie", content["id"], {"id": content["id"]}, "marie"):
            answer = await client.post("/v1/audio/speech", json={**ORDER, "voice": wish})
            assert answer.status_code == 200
            assert answer.headers["x-tts-engine"] == "cloner"
            assert "x-tts-fallback" not in answer.headers
        asked = engine.made[-1].asked[0]
        assert asked.reference.transcript == "Bonjour"
        assert asked.reference.path.startswith(str(tmp_path / "data"))
        removed = await client.delete(f"{prefix}/audio/voices/{content['id']}")
        assert removed.json() == {"id": content["id"], "object": "audio.voice.deleted", "deleted": True}
        assert (await client.delete(f"{prefix}/audio/voices/Marie")).status_code == 404
        assert (await client.post("/v1/audio/speech", json={**ORDER, "voice": "Marie"})).status_code == 404


async def test_where_nobody_clones_another_voice_speaks_and_says_so(tmp_path):
    async with connected(app_in(tmp_path, kind("alpha"), SILENT)) as client:
        await create(client)
        listed = (await client.get("/v1/audio/voices")).json()["voices"]
        assert not listed[-1]["installed"]
        assert "no engine that clones" in listed[-1]["why_not"]
        answer = await client.post("/v1/audio/speech", json={**ORDER, "voice": "Marie"})
        assert (answer.status_code, answer.headers["x-tts-engine"]) == (200, "alpha")
        assert "clone" in answer.headers["x-tts-fallback"]


async def test_an_alias_may_stand_for_a_stored_voice(tmp_path):
    engine = cloner()
    app = app_in(tmp_path, kind("alpha"), engine)
    app.speaker.settings = replace(app.speaker.settings, aliases={"alloy": "Marie"})
    async with connected(app) as client:
        await create(client)
        answer = await client.post("/v1/audio/speech", json={**ORDER, "voice": "alloy"})
    assert answer.headers["x-tts-engine"] == "cloner"


REFUSED = {
    "no name": ({"name": ""}, None, 400, "invalid_parameter"),
    "a name of an engine's voice": ({"name": "alpha-fr"}, None, 409, "voice_exists"),
    "a name of OpenAI's": ({"name": "alloy"}, None, 409, "voice_exists"),
    "a name with a colon": ({"name": "a:b"}, None, 400, "invalid_parameter"),
    "no consent": ({"consent": " "}, None, 400, "consent_missing"),
    "no sample": ({}, {"other": ("x", b"x", "audio/wav")}, 400, "invalid_parameter"),
    "an empty sample": ({}, sample(b""), 400, "invalid_parameter"),
    "no recording": ({}, sample(b"hello"), 400, "audio_not_readable"),
    "a picture": ({}, sample(b"hello", "image/png"), 415, "wrong_content_type"),
    "too short": ({}, sample(wav(voice(0.1))), 400, "reference_too_short"),
    "too large": ({}, sample(bytes(10 * 1024 * 1024 + 1)), 413, "body_too_large"),
    "far too large": ({}, sample(bytes(22 * 1024 * 1024)), 413, "body_too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_kept_is_refused_and_leaves_nothing(tmp_path, name):
    fields, files, status, code = REFUSED[name]
    async with connected(app_in(tmp_path, kind("alpha"), cloner())) as client:
        answer = await create(client, files=files, **fields)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not list(tmp_path.glob("data/**/*.wav"))


async def test_a_name_is_taken_once(tmp_path):
    async with connected(app_in(tmp_path, cloner())) as client:
        assert (await create(client)).status_code == 200
        assert (await create(client, name="MARIE")).json()["error"]["code"] == "voice_exists"


async def test_consent_may_be_a_recording_and_samples_compressed(tmp_path):
    files = sample(encoded(voice(), "mp3", "libmp3lame"), "audio/mpeg") | {"consent": ("yes.ogg", b"Ogg", "audio/ogg")}
    app = app_in(tmp_path, cloner())
    async with connected(app) as client:
        answer = await client.post("/v1/audio/voices", data={"name": "Marie"}, files=files)
    assert answer.status_code == 200
    assert app.shelf.find("Marie").has_consent_recording


@pytest.mark.parametrize(("body", "kind", "code"), [
    (b"{}", "application/json", "wrong_content_type"),
    (b"--x\r\nnonsense", "multipart/form-data; boundary=y", "unreadable_body"),
    (b"anything", "multipart/form-data", "unreadable_body"),
])  # fmt: skip
async def test_a_body_that_is_no_form(tmp_path, body, kind, code):
    async with connected(app_in(tmp_path, cloner())) as client:
        answer = await client.post("/v1/audio/voices", content=body, headers={"content-type": kind})
    assert answer.json()["error"]["code"] == code


async def test_clients_elsewhere_keep_and_remove_nothing(tmp_path):
    app = app_in(tmp_path, cloner())
    transport = httpx.ASGITransport(create_application(app, host_names=None), client=("192.0.2.7", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://elsewhere") as client:
        assert (await create(client)).json()["error"]["code"] == "key_missing"
        assert (await client.delete("/v1/audio/voices/Marie")).json()["error"]["code"] == "key_missing"
    await app.aclose()
