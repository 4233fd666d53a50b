from __future__ import annotations

import asyncio
import logging

import pytest

from portevoix.errors import EngineUnavailable
from portevoix.service import TTSModel
from portevoix.service.manager import ModelManager
from tests.hub import hub
from tests.translator import app_in, managing, model_kind, put, serving

VITS = {"config.json": b"{}", "vocab.json": b"{}", "tokenizer_config.json": b"{}", "model.safetensors": b"w" * 200_000}
REPOSITORY = "kakao-enterprise/vits-ljs"


def vits(**script):
    return model_kind("vits", "vits-ljs", can_clone=False, **script)


async def test_the_packages_that_are_there_are_known(tmp_path):
    app = app_in(tmp_path, model_kind("chatterbox"), vits(has_packages=False), model_kind("xtts_v2"))
    async with managing(app) as manager:
        assert await manager.get_available_backends() == [TTSModel.CHATTERBOX, TTSModel.XTTS_V2]
        backend = manager.backends[TTSModel.VITS]
        assert (backend.is_available, backend.is_downloading, backend.download_progress, backend.is_initialized) == (
            False, False, 0.0, False)  # fmt: skip


@pytest.mark.parametrize(("here", "preferred", "found"), [
    ((), TTSModel.VITS, None),
    (("vits-ljs", "chatterbox"), TTSModel.VITS, TTSModel.VITS),
    (("vits-ljs", "chatterbox"), TTSModel.XTTS_V2, TTSModel.CHATTERBOX),
    (("vits-ljs",), TTSModel.XTTS_V2, TTSModel.VITS),
    (("vits-ljs",), None, TTSModel.VITS),
])  # fmt: skip
async def test_a_model_that_is_here_is_found_in_order(tmp_path, here, preferred, found):
    put(tmp_path, *here)
    async with managing(app_in(tmp_path, model_kind("chatterbox"), vits(), model_kind("xtts_v2"))) as manager:
        assert await manager.find_local_model(preferred) is found


async def test_a_multilingual_engine_stands_for_the_same_model(tmp_path):
    put(tmp_path, "chatterbox_multilingual")
    kinds = model_kind("chatterbox", languages=("en",)), model_kind("chatterbox_multilingual", languages=("fr", "en"))
    async with managing(app_in(tmp_path, *kinds)) as manager:
        backend = manager.backends[TTSModel.CHATTERBOX]
        assert backend.wanted("fr").name == "chatterbox_multilingual"
        assert backend.wanted("en").name == "chatterbox"
        assert await manager.find_local_model() is TTSModel.CHATTERBOX
        assert await backend.initialize("fr")
        assert manager.backends[TTSModel.CHATTERBOX].level_for("fr").name == "chatterbox_multilingual"


async def test_a_model_is_fetched_and_its_progress_seen(tmp_path, caplog):
    caplog.set_level(logging.INFO, "portevoix")
    with hub(dict(VITS), repository=REPOSITORY) as one:
        async with managing(app_in(tmp_path, vits(), url=one.url)) as manager:
            assert not manager.backends[TTSModel.VITS].is_model_downloaded()
            assert await manager.download_model(TTSModel.VITS)
            assert manager.backends[TTSModel.VITS].is_model_downloaded()
            assert manager.backends[TTSModel.VITS].download_progress == 100.0
            assert manager.active_model is None
            assert await manager.load_model(TTSModel.VITS)
            assert (manager.active_model, manager.active_backend.is_initialized) == (TTSModel.VITS, True)
            assert await manager.download_model(TTSModel.VITS)
            assert manager.app.metrics.registry.get_sample_value("tts_downloads_total", {"outcome": "done"}) == 1
    told = [record.percent for record in caplog.records if record.message in ("download.progressed", "download.ended")]
    assert told[-1] == 100
    assert told == sorted(told)


async def test_a_fetch_that_fails_is_false_and_says_why(tmp_path):
    with hub({}, repository="nobody/nothing") as one:
        async with managing(app_in(tmp_path, vits(), url=one.url)) as manager:
            assert not await manager.download_model(TTSModel.VITS)
            assert manager.error.code == "hub_not_found"
            assert not await manager.download_and_load_first_available(TTSModel.VITS)
            with pytest.raises(type(manager.error)):
                await manager.wait_for_download_start(5)


async def test_the_others_are_fetched_in_the_background_as_licences_allow(tmp_path):
    put(tmp_path, "chatterbox")
    kinds = model_kind("chatterbox"), vits(), model_kind("xtts_v2"), model_kind("mms", "mms-tts-eng")
    with hub(dict(VITS), repository=REPOSITORY) as one:
        async with serving(app_in(tmp_path, *kinds, url=one.url), tmp_path) as service:
            assert await service.initialize()
            fetched = asyncio.Event()
            service.app.library.downloads.listeners.append(
                lambda progress: fetched.set() if (progress.model, progress.phase) == ("vits-ljs", "done") else None
            )
            await asyncio.wait_for(fetched.wait(), 30)
            assert await service.switch_model("vits")
    asked_for = {asked.path for asked in one.requests if asked.path.startswith("/api/")}
    assert all(REPOSITORY in path for path in asked_for)


async def test_nothing_is_fetched_where_the_settings_forbid_it(tmp_path):
    with hub(dict(VITS), repository=REPOSITORY) as one:
        async with managing(app_in(tmp_path, vits(), url=one.url, fetch_missing=False)) as manager:
            await manager.download_models_background(TTSModel.VITS)
    assert not one.requests


async def test_the_disk_is_looked_at(tmp_path):
    async with managing(app_in(tmp_path, vits())) as manager:
        assert manager.get_available_disk_space_gb() > 0
        assert ModelManager.MIN_DISK_SPACE_GB == 2.0
        manager.MIN_DISK_SPACE_GB = 1e9
        assert not manager.can_download_model(TTSModel.VITS)
        assert not await manager.download_model(TTSModel.VITS)
        assert manager.error.code == "disk_full"
        assert "GB are free" in str(manager.error)


async def test_the_status_of_all_is_by_value(tmp_path):
    async with managing(app_in(tmp_path, vits(has_packages=False))) as manager:
        everyone = await manager.get_all_models_status()
        assert list(everyone) == [model.value for model in TTSModel]
        assert "portevoix engines install vits" in everyone["vits"].error
        assert everyone["vits"].error_code == "engine_unavailable"


async def test_device_and_folder_reach_the_engines(tmp_path, monkeypatch):
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    manager = ModelManager(device="cuda:1", models_path=tmp_path / "models")
    assert manager.models_path == tmp_path / "models"
    levels = {level.name: level for level in manager.app.levels}
    assert {"mms", "vits"} <= set(levels)
    assert levels["mms"].engine.options.device == "cuda:1"
    assert levels["mms"].engine.surroundings.models_folder == tmp_path / "models"
    await manager.aclose()


@pytest.mark.parametrize("wait", ["wait_for_download_start", "wait_for_model_ready"])
async def test_nobody_waits_for_a_model_that_can_never_come(tmp_path, wait):
    async with managing(app_in(tmp_path, model_kind("chatterbox", has_packages=False))) as manager:
        with pytest.raises(EngineUnavailable) as caught:
            await getattr(manager, wait)()
    assert "portevoix engines install chatterbox" in caught.value.hint


async def test_who_waits_before_it_begins_is_served(tmp_path):
    put(tmp_path, "chatterbox")
    async with managing(app_in(tmp_path, model_kind("chatterbox"))) as manager:
        waiting = asyncio.create_task(manager.wait_for_model_ready(60))
        await asyncio.sleep(0)
        assert await manager.load_model(TTSModel.CHATTERBOX)
        assert await waiting
