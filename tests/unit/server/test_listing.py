from __future__ import annotations

from portevoix.casting import find_voice
from portevoix.server.listing import list_voices
from portevoix.speech import Voice
from tests.scripted import kind
from tests.served import SILENT, connected, make_app


def voice(name: str, engine: str, *, is_installed: bool = True) -> Voice:
    return Voice(name, engine, "fr-FR", 22_050, is_installed=is_installed, why_not="" if is_installed else "fetch it")


def app():
    alpha = kind("alpha", voices=[voice("siwis", "alpha", is_installed=False), voice("upmc", "alpha")])
    beta = kind("beta", priority=20, voices=[voice("siwis", "beta"), voice("upmc", "beta"), voice("own", "beta")])
    return make_app(alpha, beta, SILENT)


def test_every_voice_is_found_again_under_its_id():
    levels = app().levels
    listed = list_voices(levels)
    assert len(listed) == len({one["id"] for one in listed}) == 5
    for one in listed:
        found = find_voice(levels, one["id"])
        assert (found.engine, found.name) == (one["engine"], one["name"])


def test_a_voice_is_found_however_it_is_written_and_first_as_it_is():
    levels = make_app(kind("alpha", voices=[voice("Siwis", "alpha"), voice("siwis", "alpha")])).levels
    assert [find_voice(levels, name).name for name in ("siwis", "Siwis", "SIWIS", "alpha:sIWIS")] == [
        "siwis", "Siwis", "Siwis", "Siwis",
    ]  # fmt: skip


def test_a_plain_name_is_the_one_that_speaks():
    ids = [one["id"] for one in list_voices(app().levels)]
    assert ids == ["alpha:siwis", "upmc", "siwis", "beta:upmc", "own"]


async def test_each_installed_voice_can_be_asked_for():
    async with connected(app()) as client:
        for one in (await client.get("/v1/audio/voices")).json()["voices"]:
            if one["installed"] and one["language"]:
                order = {"model": "tts-1", "input": "Bonjour", "voice": one["id"], "response_format": "wav"}
                answer = await client.post("/v1/audio/speech", json=order)
                assert answer.headers["x-tts-engine"] == one["engine"]
                assert answer.headers["x-tts-voice"] == one["name"]


async def test_a_voice_that_is_missing_says_so():
    async with connected(app()) as client:
        missing = [one for one in (await client.get("/api/voices")).json()["voices"] if not one["installed"]]
    assert [one["why_not"] for one in missing] == ["fetch it"]


async def test_models_in_the_shape_of_openai():
    async with connected(app()) as client:
        for prefix in ("/v1", ""):
            content = (await client.get(f"{prefix}/models")).json()
            assert content["object"] == "list"
            ids = [one["id"] for one in content["data"]]
            assert ids == ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "portevoix", "alpha", "beta", "silent_emergency"]
            one = (await client.get(f"{prefix}/models/beta")).json()
            assert one == content["data"][5]
            assert set(one) == {"id", "object", "created", "owned_by"}
        missing = await client.get("/v1/models/gamma")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"
