"""`/api/models`, with scripted engines and a double of the hub."""

from __future__ import annotations

import asyncio
import json
import os
import select
import threading
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.locks import take_lock
from portevoix.models.locks import lock_of
from tests.hub import answers, hub
from tests.served import connected
from tests.translating import MODEL
from tests.translator import app_in, model_kind

VITS = {"config.json": b"{}", "vocab.json": b"{}", "tokenizer_config.json": b"{}", "model.safetensors": b"w" * 200_000}
REPOSITORY = "kakao-enterprise/vits-ljs"
WEIGHTS = dict.fromkeys(("config.json", "source.spm", "target.spm", "vocab.json", "pytorch_model.bin"), b"{}")
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


@pytest.fixture
def weights():
    """Return a hub that has the weights of a translation model."""
    with hub(dict(WEIGHTS), repository=f"Helsinki-NLP/{MODEL.name}") as one:
        yield one


def install_room(folder: Path, script: str) -> None:
    """Install an environment whose interpreter is a script that is told where to convert to in $6."""
    room = folder / "data" / "rooms" / "neural"
    (room / "bin").mkdir(parents=True, exist_ok=True)
    (room / "room.json").write_text(json.dumps({"name": "neural"}))
    (room / "bin" / "python").write_text(f"#!/bin/sh\n{script}\n")
    (room / "bin" / "python").chmod(0o755)


def converted(folder: Path) -> list[str]:
    place = folder / "data" / "models" / "translate"
    return sorted(path.name for path in place.iterdir()) if place.exists() else []


async def test_a_translation_model_is_converted_as_well_and_translates(tmp_path, weights):
    install_room(tmp_path, f'cp -r "{MODEL}" "$6"')
    async with connected(app := app_in(tmp_path, url=weights.url)) as client:
        told = []
        app.library.downloads.listeners.append(lambda progress: told.append(progress.phase))
        await client.post("/api/models", json={"name": MODEL.name})
        assert (await fetched(client, MODEL.name))["download"]["phase"] == "done"
        assert told[-2:] == ["finishing", "done"]
        assert "done" not in told[:-1]
        answer = await client.post("/translate", json={"text": "Hello.", "target_lang": "fr"})
        assert (answer.json()["translated_text"], answer.json()["model"]) == ("Bonjour.", MODEL.name)


async def test_what_is_left_to_do_by_hand_is_told_and_done_when_asked_again(tmp_path, weights):
    async with connected(app_in(tmp_path, url=weights.url)) as client:
        await client.post("/api/models", json={"name": MODEL.name})
        model = await fetched(client, MODEL.name)
        assert (model["installed"], model["download"]["phase"], converted(tmp_path)) == (True, "done", [])
        assert "`portevoix engines install neural`" in model["download"]["why"]
        install_room(tmp_path, 'mkdir "$6"; echo "Error: no tensors in it" >&2; exit 1')
        await client.post("/api/models", json={"name": MODEL.name})
        download = (await fetched(client, MODEL.name))["download"]
        assert (download["phase"], download["code"], converted(tmp_path)) == ("failed", "model_broken", [])
        assert "no tensors in it" in download["why"]
        install_room(tmp_path, f'cp -r "{MODEL}" "$6"')
        await client.post("/api/models", json={"name": MODEL.name})
        download = (await fetched(client, MODEL.name))["download"]
        assert (download["phase"], download["why"], converted(tmp_path)) == ("done", "", [MODEL.name])


async def test_a_conversion_that_is_stopped_leaves_neither_process_nor_files(tmp_path, weights):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    install_room(tmp_path, f'mkdir "$6"; echo $$ > "{begun}"; exec sleep 1000')
    async with connected(app := app_in(tmp_path, url=weights.url)) as client:
        await client.post("/api/models", json={"name": MODEL.name})
        process = os.pidfd_open(int(await asyncio.to_thread(begun.read_text)))
        assert app.library.downloads.progress_of(MODEL.name).phase == "finishing"
        await client.delete(f"/api/models/{MODEL.name}/download")
        async with asyncio.timeout(60), aclosing(app.library.downloads.watch()) as changes:
            async for progress in changes:
                if progress.has_ended:
                    break
    assert (progress.phase, converted(tmp_path)) == ("cancelled", [])
    assert select.select([process], [], [], 0)[0]
    os.close(process)
