"""The translator's service with a real engine in its room: from nothing on disk to speech."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from portevoix.app import build
from portevoix.config import load
from portevoix.config.loading import Loaded
from portevoix.registry import installed_engines
from portevoix.service import TTSModel, TTSService
from portevoix.service.manager import with_models
from tests.housed_models import MODELS
from tests.hub import hub
from tests.neural import ROOMS, neural_python  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from pathlib import Path

    from portevoix.app import App

pytestmark = pytest.mark.timeout(300)


def app_in(folder: Path, url: str) -> App:
    engines = {name: kind for name, kind in installed_engines().items() if name in ("mms", "sapi_french")}
    settings = load(None, {"HOME": str(folder)}, engines).settings
    places = {"data_folder": folder / "data", "cache_folder": folder / "cache"}
    rooms, models = replace(settings.rooms, folder=ROOMS), replace(settings.models, endpoint=url)
    loaded = Loaded(replace(settings, rooms=rooms, models=models, **places))
    return build(with_models(loaded, device="cpu"), engines=engines, patience_seconds=5)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_model_is_fetched_loaded_in_its_room_and_speaks(tmp_path, neural_python):  # noqa: F811 - the fixture
    content = files_in(MODELS["mms"].files(neural_python)["mms-tts-fra"])
    with hub(content, repository="facebook/mms-tts-fra") as one:
        app = app_in(tmp_path, one.url)
        service = TTSService(output_dir=tmp_path / "out", app=app)
        try:
            assert await service.initialize(TTSModel.MMS)
            assert await service.model_manager.wait_for_model_ready(240)
            result = await service.synthesize("bonjour à tous", "fr", "wav", model=TTSModel.MMS)
        finally:
            await service.close()
            await app.aclose()
    assert (result.success, result.model_used, result.is_degraded) == (True, TTSModel.MMS, False), result
    assert result.duration_ms > 300
    assert (tmp_path / "data" / "models" / "mms-tts-fra" / "portevoix.json").is_file()
