from __future__ import annotations

import json
import threading
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.models.catalogue import Catalogue, Model, ModelFile
from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.faults import DownloadCorrupt, HubUnreachable, ModelUnknown
from portevoix.models.hub import Hub
from portevoix.models.library import Library
from portevoix.models.licences import LicenceNotAccepted
from portevoix.models.store import Store
from tests.hub import Fault, hub

NAME = "de_DE-eva-low"
CONTENT = {f"de/{NAME}.onnx.json": b"{}", f"de/{NAME}.onnx": b"network"}
LIST = json.dumps({NAME: {"files": {path: {"size_bytes": len(data)} for path, data in CONTENT.items()}}}).encode()


def library_of(url: str, folder: Path) -> Library:
    return Library(Store(folder / "voices"), Downloads(Hub(url), Limits(spare_bytes=0)), folder / "models")


async def test_a_voice_of_the_full_list_can_be_fetched_once_that_is_here(tmp_path: Path) -> None:
    with hub({"voices.json": LIST, **CONTENT}) as one:
        async with aclosing(library_of(one.url, tmp_path)) as library:
            with pytest.raises(ModelUnknown):
                await library.fetch(NAME)
            before = len(library.entries())
            assert await library.refresh() == before + 1
            model = await library.fetch(NAME)
            assert library.entry(model).is_installed
            assert library.entry(model).progress.phase == "done"
        assert len(library_of(one.url, tmp_path).entries()) == before + 1


async def test_a_list_that_does_not_arrive_leaves_the_old_one(tmp_path: Path) -> None:
    with hub({"voices.json": LIST}) as one:
        async with aclosing(library_of(one.url, tmp_path)) as library:
            known = await library.refresh()
            one.faults, one.stays = [Fault("flip")], True
            with pytest.raises(DownloadCorrupt):
                await library.refresh()
            assert len(library.entries()) == known


PARTS = {"config.json": b"{}", "model.safetensors": b"w" * 200_000}
BIG = Model("big", "speech", "a/b", "main", (ModelFile("config.json"),), ("fr",), engines=("big",), is_folder=True,
            requires=("part",), asks_consent=True, licence="Strict 1.0", about="for nothing")  # fmt: skip
PART = Model("part", "part", "a/b", "main", (ModelFile("model.safetensors"),), is_folder=True)


def library_with(url: str, folder: Path, *models: Model) -> Library:
    catalogue = Catalogue({model.name: model for model in models}, {}, BIG)
    downloads = Downloads(Hub(url), Limits(spare_bytes=0))
    return Library(Store(folder / "voices"), downloads, folder / "models", lambda: catalogue)


async def test_a_model_comes_with_what_it_requires_and_only_with_consent(tmp_path: Path) -> None:
    with hub(dict(PARTS), repository="a/b") as one:
        async with aclosing(library_with(one.url, tmp_path, BIG, PART)) as library:
            with pytest.raises(LicenceNotAccepted, match="Strict 1.0"):
                await library.fetch("big")
            with pytest.raises(LicenceNotAccepted):
                library.begin(BIG)
            assert not one.requests
            library.licences.accept("Strict 1.0")
            await library.fetch("big")
            assert library.has(BIG)
            assert [library.store_of(model).has(model) for model in (BIG, PART)] == [True, True]
            assert library.entry(BIG).size_bytes == 2
            assert library.remove("part") > 200_000
            assert not library.has(BIG)
            assert library.entry(BIG).is_installed


async def test_an_engine_knows_what_is_fetched_for_it(tmp_path: Path) -> None:
    with hub(dict(PARTS), repository="a/b", goes_on=threading.Event(), holds_after=100_000) as one:
        async with aclosing(library_with(one.url, tmp_path, replace(BIG, asks_consent=False), PART)) as library:
            task = library.begin(library.catalogue.find("big"))
            async for progress in library.downloads.watch():
                if (progress.model, progress.phase) == ("part", "fetching"):
                    break
            await task
            assert library.progress_for("big").model == "part"
            assert library.progress_for("other") is None
            one.goes_on.set()
            await library.fetch("big")
            assert library.progress_for("big") is None


async def test_a_hub_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    async with aclosing(library_with("http://127.0.0.1:9", tmp_path, PART)) as library:
        with pytest.raises(HubUnreachable):
            await library.fetch("part")
        assert not library.folders.knows("part")
        assert library.entry(PART).arrived_bytes == 0
