"""Hubs, mirrors, proxies and machines that are not as they should be: a model arrives all the same, or words do."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from portevoix.errors import DiskFull, NotWritable
from portevoix.models.answers import shown
from portevoix.models.collection import list_files
from portevoix.models.faults import DownloadStalled, HubBadAnswer, HubNotFound, HubTokenInvalid, HubUnreachable
from portevoix.models.fetch import fetch as bring
from portevoix.models.folders import FolderStore
from portevoix.models.hub import Hub, hub_of
from portevoix.models.library import Library
from portevoix.models.order import INCOMPLETE, Listing, Order
from portevoix.models.store import OLD_SECONDS, Store
from tests.cancelling import children
from tests.hub import COMMIT, Fault, cut_after, hub
from tests.unit.models import test_folder_downloads as folders
from tests.unit.models.test_downloads import (
    FETCH,
    FILES,
    NETWORK,
    SECRET,
    VOICE,
    downloading,
    fetch,
    half_way,
    is_whole,
    model_of,
)

ONE = {"fr/voix.onnx": NETWORK}
small_disk = folders.small_disk


@pytest.mark.parametrize("kind", ["bare", "gzip", "misplaced", "whole"])
@pytest.mark.parametrize("knows", ["sha256", ""])
async def test_what_is_sent_in_an_odd_way_arrives_whole(kind: str, knows: str, tmp_path: Path) -> None:
    with hub(FILES, faults=[None, Fault(kind)]) as one:
        await fetch(one.url, tmp_path, model_of(FILES, knows=knows))
    assert is_whole(tmp_path)


@pytest.mark.parametrize("kind", ["bare", "gzip", "misplaced", "whole"])
async def test_what_was_cut_is_continued_by_whoever_answers_in_an_odd_way(kind: str, tmp_path: Path) -> None:
    with hub(ONE, faults=[cut_after(300_000), Fault(kind)]) as one:
        await fetch(one.url, tmp_path, model_of(ONE))
    assert is_whole(tmp_path, ONE)


@pytest.mark.parametrize("kind", ["bare", "gzip"])
async def test_progress_never_exceeds_the_whole(kind: str, tmp_path: Path) -> None:
    with hub(ONE, faults=[Fault(kind)]) as one:
        told = await fetch(one.url, tmp_path, model_of(ONE))
    assert all(0 <= progress.ratio <= 1 for progress in told)
    assert told[-1].done_bytes == len(NETWORK)


@pytest.mark.parametrize("part", [b"of another time" * 1000, b"x" * len(NETWORK)], ids=["part", "whole"])
async def test_a_part_of_another_version_is_not_continued_where_nothing_tells_them_apart(part, tmp_path: Path) -> None:
    (tmp_path / f"voix.onnx{INCOMPLETE}").write_bytes(part)
    with hub(ONE, states_checksums=False) as one:
        await fetch(one.url, tmp_path, model_of(ONE, knows=""))
    assert is_whole(tmp_path, ONE)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_where_the_bytes_lie_is_not_the_hubs(status: int, tmp_path: Path) -> None:
    with hub(ONE, faults=[Fault("refused", status)], stays=True) as one, pytest.raises(HubBadAnswer):
        await fetch(one.url, tmp_path, model_of(ONE))


@pytest.mark.parametrize("token", ["hf_secret\x7f", "hf_\u2019secret", "hf secret"])
async def test_a_token_that_is_none_is_told_and_not_shown(token: str, tmp_path: Path) -> None:
    with hub(ONE) as one, pytest.raises(HubTokenInvalid) as caught:
        await fetch(one.url, tmp_path, model_of(ONE), token=token)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    assert not one.requests


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "nonsense://nobody:hidden@127.0.0.1:9"), ("HTTP_PROXY", "http://nobody:hidden@127.0.0.1:9"),
     ("SSL_CERT_FILE", "/nowhere/at/all.pem")],
)  # fmt: skip
async def test_a_network_that_is_configured_wrong_is_no_fault_of_the_disk(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    with hub(ONE) as one, pytest.raises(HubUnreachable) as caught:
        await fetch(one.url, tmp_path, model_of(ONE))
    assert "hidden" not in f"{caught.value} {caught.value.hint}"
    assert not one.requests


async def test_a_proxy_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with hub(ONE, redirects=False) as one:
        monkeypatch.setenv("HTTP_PROXY", one.url)
        with pytest.raises(HubNotFound):
            await fetch("http://hub.invalid", tmp_path, model_of(ONE))
    assert one.requests[0].path.startswith("http://hub.invalid/")


async def test_the_password_of_a_mirror_is_not_shown(tmp_path: Path) -> None:
    with hub({}) as one, pytest.raises(HubNotFound) as caught:
        await fetch(one.url.replace("//", "//nobody:hidden@"), tmp_path, model_of(ONE))
    assert "hidden" not in f"{caught.value} {caught.value.hint}"
    assert shown("https://nobody:hidden@mirror:81/x") == "https://mirror:81/x"


async def test_a_folder_that_leads_elsewhere_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "voices").symlink_to(tmp_path / "there")
    with hub(FILES) as one:
        await fetch(one.url, tmp_path / "voices")
    assert is_whole(tmp_path / "there")


async def test_one_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "voices").symlink_to(tmp_path / "there" / "not")
    with hub(FILES) as one, pytest.raises(NotWritable):
        await fetch(one.url, tmp_path / "voices")


async def test_a_file_in_the_place_of_the_folder_is_told_and_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "voices").write_bytes(b"")
    async with downloading("http://127.0.0.1:9") as (downloads, _):
        library = Library(Store(tmp_path / "voices"), downloads, tmp_path / "voices")
        assert not any(entry.is_installed or entry.is_fetching for entry in library.entries())
        with pytest.raises(NotWritable):
            await library.fetch("fr_FR-siwis-medium")


async def test_a_folder_that_is_taken_away_meanwhile_is_told_or_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "voices"
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _):
            async with half_way(one, downloads, folder) as waiter:
                folder.rename(tmp_path / "elsewhere")
                one.goes_on.set()
                with pytest.raises((NotWritable, HubUnreachable)):
                    await waiter
            await downloads.fetch(VOICE, Store(folder))
    assert is_whole(folder)


async def test_a_disk_that_fills_up_meanwhile_is_told_and_the_rest_comes_later(small_disk: Path | None) -> None:
    if small_disk is None:
        pytest.skip("file systems cannot be mounted here")
    filler = small_disk / "filler"
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _):
            async with half_way(one, downloads, small_disk) as waiter:
                with suppress(OSError), filler.open("wb", buffering=0) as sink:
                    while sink.write(bytes(4096)):
                        pass
                one.goes_on.set()
                with pytest.raises(DiskFull):
                    await waiter
            filler.unlink()
            await downloads.fetch(VOICE, Store(small_disk))
    assert is_whole(small_disk)


async def test_a_clock_that_is_put_forward_sweeps_nothing_that_is_being_fetched(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            assert Store(tmp_path).sweep(time.time() + 2 * OLD_SECONDS) == 0
            one.goes_on.set()
            await waiter
    assert is_whole(tmp_path)


async def test_a_process_that_is_stopped_is_ended_by_the_watch(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            (child,) = children(FETCH)
            os.kill(child, signal.SIGSTOP)
            one.goes_on.set()
            with pytest.raises(DownloadStalled):
                await waiter
            assert not children(FETCH)


def test_a_token_is_no_part_of_what_is_logged() -> None:
    assert SECRET not in repr(hub_of({"HF_TOKEN": SECRET}))
    assert SECRET not in str(hub_of({"HF_TOKEN": SECRET}))


async def test_a_folder_that_another_program_has_fetched_meanwhile_stays_where_it_is(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with folders.serving() as one:
        await folders.fetch(one.url, tmp_path)
        before = store.place(folders.MODEL).stat().st_ctime_ns
        order = store.order(folders.MODEL, Hub(one.url), spare_bytes=0, patience_seconds=5)
        await asyncio.to_thread(bring, order, lambda *_, **__: None)
    assert store.place(folders.MODEL).stat().st_ctime_ns == before, "it was moved away for a moment"


@pytest.mark.parametrize(
    ("following", "paths"),
    [("/api/models/a/b/tree/c?page=2", ["1", "2"]), ("https://hub:444/api/models/a/b/tree/c", ["1"]),
     ("http://hub/api/models/a/b/tree/c", ["1"]), ("", ["1"])],
)  # fmt: skip
def test_a_long_list_is_followed_on_the_hub_alone(following: str, paths: list[str]) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        link = {"Link": f'<{following}>; rel="next"'} if following and len(asked) == 1 else {}
        return httpx.Response(200, headers=link, json=[{"type": "file", "path": str(len(asked)), "size": 1}])

    listing = Listing("https://hub", "a/b", COMMIT, ("1",), also=("*",))
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        manifest = list_files(Order("x", (), SECRET, listing=listing), listing, client, lambda *_, **__: None)
    assert sorted(file.path for file in manifest.files) == paths
    assert {request.url.host for request in asked} == {"hub"}
    assert len(asked) == len(paths)
