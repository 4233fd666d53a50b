"""`/api/models`, with scripted engines and a double of the hub."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from portevoix.locks import take_lock
from portevoix.models.locks import lock_of
from tests.hub import answers, hub
from tests.served import connected
from tests.translator import app_in, model_kind

VITS = {"config.json": b"{}", "vocab.json": b"{}", "tokenizer_config.json": b"{}", "model.safetensors": b"w" * 200_000}
REPOSITORY = "kakao-enterprise/vits-ljs"
XTTS = {"config.json": b"{}", "model.pth": b"w" * 2000, "vocab.json": b"{}", "speakers_xtts.pth": b"s"}


async def fetched(client, name: str) -> dict:
    """Return a model once its download has ended."""
    for _ in range(600):
        model = (await client.get(f"/api/models/{name}")).json()
        if model["download"] and model["download"]["phase"] in ("done", "failed"):
            return model
        await asyncio.sleep(0.05)
    raise AssertionError("the download did not end")


async def test_models_of_every_kind_are_listed_with_what_they_are(tmp_path):
    async with connected(app_in(tmp_path, model_kind("vits"))) as client:
        models = {one["name"]: one for one in (await client.get("/api/models")).json()["models"]}
    xtts = models["xtts_v2"]
    assert (xtts["engines"], xtts["can_clone"], xtts["allows_commerce"], xtts["asks_consent"], xtts["installed"]) == (
        ["xtts_v2"], True, False, True, False)  # fmt: skip
    assert models["fr_FR-siwis-medium"]["engines"] == ["piper_native", "piper_cli"]
    assert models["higgs_audio_v2"]["requires"] == ["higgs_audio_v2_tokenizer"]
    assert models["opus-mt-en-fr"]["kind"] == "translation"
    assert models["mms-tts-fra"]["size_bytes"] == 145_000_000


async def test_a_folder_is_fetched_shown_at_its_engine_and_removed(tmp_path):
    with hub(dict(VITS), repository=REPOSITORY) as one:
        async with connected(app_in(tmp_path, model_kind("vits", "vits-ljs"), url=one.url)) as client:
            begun = await client.post("/api/models", json={"name": "vits-ljs"})
            assert begun.status_code == 202
            model = await fetched(client, "vits-ljs")
            assert (model["installed"], model["size_bytes"]) == (True, sum(map(len, VITS.values())))
            engines = (await client.get("/api/engines")).json()["engines"]
            assert all(engine["download"] is None for engine in engines)
            assert (await client.delete("/api/models/vits-ljs")).json()["installed"] is False
            assert (await client.delete("/api/models/vits-ljs")).status_code == 200


async def test_a_licence_is_accepted_by_its_name_and_remembered(tmp_path):
    with hub(dict(XTTS), repository="coqui/XTTS-v2") as one:
        async with connected(app_in(tmp_path, model_kind("xtts_v2"), url=one.url)) as client:
            for body in ({"name": "xtts_v2"}, {"name": "xtts_v2", "accept_licence": "MIT"}):
                refused = await client.post("/api/models", json=body)
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "licence_not_accepted")
            assert not one.requests
            body = {"name": "xtts_v2", "accept_licence": "CPML (non-commercial)"}
            assert (await client.post("/api/models", json=body)).status_code == 202
            assert (await fetched(client, "xtts_v2"))["installed"]
            await client.delete("/api/models/xtts_v2")
            assert (await client.post("/api/models", json={"name": "xtts_v2"})).status_code == 202


async def test_a_failure_has_its_code_and_words(tmp_path):
    with hub(dict(VITS), repository=REPOSITORY) as one:
        one.listing_faults = [answers(401)]
        async with connected(app_in(tmp_path, model_kind("vits"), url=one.url)) as client:
            await client.post("/api/models", json={"name": "vits-ljs"})
            download = (await fetched(client, "vits-ljs"))["download"]
    assert (download["phase"], download["code"]) == ("failed", "hub_token_invalid")
    assert "HF_TOKEN" in download["why"]


@pytest.mark.parametrize("name", ["mms-tts-xxx.yyy", "nothing", "..%2f..%2fetc", "C:%5Cx"])
async def test_a_name_that_is_none_is_not_found(tmp_path, name):
    async with connected(app_in(tmp_path, model_kind("vits"))) as client:
        assert (await client.get(f"/api/models/{name}")).status_code == 404


async def test_one_that_is_being_fetched_is_stopped_before_it_is_removed(tmp_path):
    with hub(dict(VITS), repository=REPOSITORY) as one:
        one.goes_on, one.holds_after = threading.Event(), 100_000
        async with connected(app := app_in(tmp_path, model_kind("vits", "vits-ljs"), url=one.url)) as client:
            await client.post("/api/models", json={"name": "vits-ljs"})
            async with aclosing(app.library.downloads.watch()) as changes:
                async for progress in changes:
                    if progress.done_bytes:
                        break
            removed = await client.delete("/api/models/vits-ljs")
            assert (removed.status_code, removed.json()["download"]["phase"]) == (200, "cancelled")
            assert not list(app.library.folders.folder.glob("*vits-ljs*"))
        one.goes_on.set()


async def test_one_that_another_program_is_fetching_stays(tmp_path):
    with hub(dict(VITS), repository=REPOSITORY) as one:
        async with connected(app := app_in(tmp_path, model_kind("vits", "vits-ljs"), url=one.url)) as client:
            await client.post("/api/models", json={"name": "vits-ljs"})
            await fetched(client, "vits-ljs")
            lock = take_lock(lock_of(app.library.folders.folder, "vits-ljs"))
            with lock:
                refused = await client.delete("/api/models/vits-ljs")
                assert (refused.status_code, refused.json()["error"]["code"]) == (409, "model_in_use")
            assert (await client.get("/api/models/vits-ljs")).json()["installed"]
            assert (await client.delete("/api/models/vits-ljs")).status_code == 200
