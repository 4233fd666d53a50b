from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from portevoix.models.download import Limits
from portevoix.models.downloads import Downloads
from portevoix.models.faults import DownloadCorrupt, ModelUnknown
from portevoix.models.hub import Hub
from portevoix.models.library import Library
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
