"""Real downloads: a real process, real HTTP, from a double of the hub."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import socket
import subprocess
import threading
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from portevoix.errors import DiskFull, NotWritable
from portevoix.models.catalogue import Model, ModelFile
from portevoix.models.download import COMMAND, Limits
from portevoix.models.downloads import Downloads
from portevoix.models.faults import (
    DownloadCancelled,
    DownloadCorrupt,
    DownloadStalled,
    DownloadTimeout,
    HubBadAnswer,
    HubBusy,
    HubNotFound,
    HubTokenInvalid,
    HubUnreachable,
    ModelGated,
    NotCached,
)
from portevoix.models.hub import Hub
from portevoix.models.order import INCOMPLETE
from portevoix.models.progress import Progress
from portevoix.models.store import Store
from tests.cancelling import cancel_again_and_again, children, is_left
from tests.downloading import downloading
from tests.hub import COMMIT, REPOSITORY, Fault, answers, cut_after, hub

FETCH = "portevoix.models.fetch"
SECRET = "hf_not_to_be_seen"
CONFIG, NETWORK = b'{"audio": {}}', random.Random(1).randbytes(700_000)
FILES = {"fr/voix.onnx.json": CONFIG, "fr/voix.onnx": NETWORK}


def model_of(files: dict[str, bytes], *, knows: str = "sha256") -> Model:
    def known(content: bytes) -> dict[str, object]:
        return {"size_bytes": len(content), knows: hashlib.new(knows, content).hexdigest()} if knows else {}

    listed = tuple(ModelFile(path, **known(content)) for path, content in files.items())
    return Model("voix", "piper", REPOSITORY, COMMIT, listed, ("fr-FR",))


VOICE = model_of(FILES)


async def fetch(url: str, folder: Path, model: Model = VOICE, **options) -> list[Progress]:
    async with downloading(url, **options) as (downloads, told):
        await downloads.fetch(model, Store(folder))
    return told


def is_whole(folder: Path, files: dict[str, bytes] = FILES) -> bool:
    """Tell whether the files are there, and nothing else is."""
    names = {path.rpartition("/")[2]: content for path, content in files.items()}
    return {path.name: path.read_bytes() for path in folder.iterdir()} == names


def has_parts_only(folder: Path) -> bool:
    return all(path.name.endswith((INCOMPLETE, ".lock")) for path in folder.iterdir())


async def test_brings_all_files_through_the_redirect_and_tells_how_far_it_is(tmp_path: Path) -> None:
    with hub(FILES) as one:
        told = await fetch(one.url, tmp_path / "deep" / "voices")
    assert is_whole(tmp_path / "deep" / "voices")
    assert [told[0].phase, told[-1].phase] == ["starting", "done"]
    done = [progress.done_bytes for progress in told]
    assert done == sorted(done)
    assert done[-1] == told[-1].total_bytes == len(CONFIG) + len(NETWORK)
    assert {asked.host for asked in one.requests} == {"hub", "other"}


async def test_what_is_there_costs_no_request(tmp_path: Path) -> None:
    with hub(FILES) as one:
        await fetch(one.url, tmp_path)
        one.requests.clear()
        await fetch(one.url, tmp_path)
        async with downloading(one.url) as (downloads, told):
            await downloads.begin(VOICE, Store(tmp_path))
        assert told[-1].phase == "done"
        assert not one.requests


async def test_the_token_goes_to_the_hub_alone(tmp_path: Path) -> None:
    with hub(FILES, token=SECRET) as one:
        await fetch(one.url, tmp_path, token=SECRET)
    assert all(("authorization" in asked.headers) == (asked.host == "hub") for asked in one.requests)
    assert SECRET not in repr(Hub(one.url, SECRET))


async def test_many_who_ask_cause_one_download_and_are_released_together(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, told):
            await asyncio.gather(*(downloads.fetch(VOICE, Store(tmp_path)) for _ in range(20)))
        assert len(one.requests) == 2 * len(FILES)
    assert [progress.phase for progress in told].count("starting") == 1


async def test_thirty_megabytes_arrive_whole_through_cuts(tmp_path: Path) -> None:
    files = {"fr/voix.onnx": random.Random(2).randbytes(30_000_000)}
    with hub(files, faults=[cut_after(5_000_000)] * 5) as one:
        await fetch(one.url, tmp_path, model_of(files))
        assert is_whole(tmp_path, files)
        starts = [asked.headers.get("range", "") for asked in one.requests if asked.host == "other"]
    assert len(starts) == 6
    assert starts[-1] == "bytes=25000000-"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (answers(401, "GatedRepo"), ModelGated),
        (answers(403), ModelGated),
        (answers(401, "RepoNotFound"), HubNotFound),
        (answers(404, "RevisionNotFound"), HubNotFound),
        (answers(404, "EntryNotFound"), HubNotFound),
        (answers(404), HubNotFound),
        (answers(401), HubTokenInvalid),
        (answers(503), HubBusy),
        (answers(429, retry_after="1"), HubBusy),
        (answers(418), HubBadAnswer),
        (Fault("portal"), HubBadAnswer),
        (Fault("loop"), HubBadAnswer),
        (Fault("close"), HubUnreachable),
        (Fault("flip"), DownloadCorrupt),
        (Fault("short"), DownloadCorrupt),
        (Fault("hang"), DownloadStalled),
        (Fault("stall", after=100), DownloadStalled),
        (Fault("trickle"), DownloadStalled),
    ],
    ids=str,
)
async def test_every_fault_has_its_own_words_and_leaves_nothing_in_place(fault: Fault, code: type, tmp_path) -> None:
    with hub({"fr/voix.onnx": NETWORK}, faults=[fault], stays=True) as one:
        async with downloading(one.url, token=SECRET, limits=Limits(60, 3, spare_bytes=0)) as (downloads, _):
            with pytest.raises(code) as caught:
                await downloads.fetch(model_of({"fr/voix.onnx": NETWORK}), Store(tmp_path))
            progress = downloads.progress_of("voix")
    assert (progress.phase, progress.code) == ("failed", caught.value.code)
    assert caught.value.what
    assert SECRET not in f"{caught.value} {caught.value.hint}"
    assert has_parts_only(tmp_path)


async def test_a_hub_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with hub(FILES, faults=[answers(503), answers(429, retry_after="0")]) as one:
        await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)


async def test_one_damaged_copy_is_fetched_again(tmp_path: Path) -> None:
    with hub(FILES, faults=[None, Fault("flip")]) as one:
        await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)


@pytest.mark.parametrize("knows", ["", "md5"])
async def test_without_a_checksum_of_our_own_the_hubs_is_checked(knows: str, tmp_path: Path) -> None:
    with hub(FILES, faults=[None, Fault("flip")], stays=True) as one, pytest.raises(DownloadCorrupt, match="sha256"):
        await fetch(one.url, tmp_path, model_of(FILES, knows=knows))


async def test_an_old_checksum_counts_where_the_hub_says_nothing(tmp_path: Path) -> None:
    with (
        hub(FILES, faults=[None, Fault("flip")], stays=True, states_checksums=False) as one,
        pytest.raises(DownloadCorrupt, match="md5"),
    ):
        await fetch(one.url, tmp_path, model_of(FILES, knows="md5"))


async def test_a_hub_that_knows_no_ranges_is_asked_for_the_whole(tmp_path: Path) -> None:
    with hub(FILES, faults=[None, cut_after(200_000), Fault("whole")]) as one:
        await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)


@pytest.mark.parametrize("part", [NETWORK, NETWORK + b"more", b"x" * 100, b""], ids=["all", "more", "wrong", "empty"])
async def test_what_an_earlier_attempt_left_is_used_or_thrown_away(part: bytes, tmp_path: Path) -> None:
    (tmp_path / f"voix.onnx{INCOMPLETE}").write_bytes(part)
    with hub(FILES) as one:
        await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)


async def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(HubUnreachable, match="not reachable"):
        await fetch(url, tmp_path)


async def test_offline_starts_nothing(tmp_path: Path) -> None:
    with hub(FILES) as one:
        with pytest.raises(NotCached):
            await fetch(one.url, tmp_path, is_offline=True)
        assert not one.requests
    assert is_whole(tmp_path, {})


async def test_a_disk_without_room_is_known_before_the_first_request(tmp_path: Path) -> None:
    with hub(FILES) as one:
        with pytest.raises(DiskFull, match=r"MB to spare are needed in .*, \d+ MB are free"):
            await fetch(one.url, tmp_path, limits=Limits(spare_bytes=10**18))
        assert not one.requests


async def test_a_size_that_only_the_hub_knows_is_looked_at_before_the_first_byte(tmp_path: Path) -> None:
    with hub(FILES) as one, pytest.raises(DiskFull):
        await fetch(one.url, tmp_path, model_of(FILES, knows=""), limits=Limits(spare_bytes=10**18))
    assert is_whole(tmp_path, {})


async def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with hub(FILES) as one, pytest.raises(NotWritable):
        await fetch(one.url, tmp_path / "file" / "voices")


async def test_the_whole_time_is_bounded(tmp_path: Path) -> None:
    with hub(FILES, goes_on=threading.Event()) as one:
        with pytest.raises(DownloadTimeout):
            await fetch(one.url, tmp_path, limits=Limits(total_seconds=1, stall_seconds=30, spare_bytes=0))
        one.goes_on.set()


@asynccontextmanager
async def half_way(one, downloads: Downloads, folder: Path):
    """Begin a download that stands still after some bytes, and give its waiter and its process."""
    one.goes_on, one.holds_after = threading.Event(), 300_000
    waiter = asyncio.create_task(downloads.fetch(VOICE, Store(folder)))
    async with aclosing(downloads.watch()) as changes:
        async for progress in changes:
            if progress.done_bytes > len(CONFIG):
                break
    yield waiter
    one.goes_on.set()


async def test_cancelling_releases_those_who_wait_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _):
            async with half_way(one, downloads, tmp_path) as waiter:
                assert downloads.cancel("voix")
                with pytest.raises(DownloadCancelled):
                    await waiter
                assert downloads.progress_of("voix").phase == "cancelled"
                assert not downloads.cancel("voix")
            await downloads.fetch(VOICE, Store(tmp_path))
        assert one.requests[-1].headers["range"].startswith("bytes=")
    assert is_whole(tmp_path)


async def test_a_download_that_is_cancelled_again_and_again_leaves_no_process(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            (child,) = children(FETCH)
            task = downloads.begin(VOICE, Store(tmp_path))
            assert isinstance(await cancel_again_and_again(task), DownloadCancelled)
            assert not is_left(child)
            with pytest.raises(DownloadCancelled):
                await waiter


async def test_one_that_is_cancelled_before_its_first_step_tells_so(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _):
            task = downloads.begin(VOICE, Store(tmp_path))
            assert downloads.cancel("voix")
            with pytest.raises(DownloadCancelled):
                await task
            assert downloads.progress_of("voix").phase == "cancelled"


async def test_who_stops_waiting_does_not_stop_the_others(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            other = asyncio.create_task(downloads.fetch(VOICE, Store(tmp_path)))
            waiter.cancel()
            one.goes_on.set()
            await other
    assert is_whole(tmp_path)


async def test_a_killed_process_is_followed_by_another_that_goes_on(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            for child in children(FETCH):
                os.kill(child, signal.SIGKILL)
            one.goes_on.set()
            await waiter
        assert one.requests[-1].headers["range"].startswith("bytes=")
    assert is_whole(tmp_path)


async def test_two_programs_fetch_one_after_the_other(tmp_path: Path) -> None:
    patient = Limits(total_seconds=110, stall_seconds=100, spare_bytes=0)  # the first stands still for a while
    with hub(FILES) as one:
        async with (
            downloading(one.url, limits=patient) as (first, _),
            downloading(one.url, limits=patient) as (second, told),
            half_way(one, first, tmp_path) as waiter,
        ):
            late = asyncio.create_task(second.fetch(VOICE, Store(tmp_path)))
            async with aclosing(second.watch()) as changes:
                async for progress in changes:
                    if progress.phase == "waiting":
                        break
            one.goes_on.set()
            await asyncio.gather(waiter, late)
        assert len(one.requests) == 2 * len(FILES)
    assert told[-1].phase == "done"
    assert is_whole(tmp_path)


async def test_closing_leaves_no_process_not_even_one_that_hangs(tmp_path: Path) -> None:
    with hub(FILES) as one:
        async with downloading(one.url) as (downloads, _), half_way(one, downloads, tmp_path) as waiter:
            (child,) = children(FETCH)
            os.kill(child, signal.SIGSTOP)
            await downloads.aclose()
            assert not children(FETCH)
            with pytest.raises(DownloadCancelled):
                await waiter


def test_the_process_ends_with_its_input(tmp_path: Path) -> None:
    with hub(FILES, faults=[Fault("hang")]) as one:
        order = Store(tmp_path).order(VOICE, Hub(one.url), spare_bytes=0, patience_seconds=60)
        with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            process.stdin.write(order.line())
            process.stdin.flush()
            assert one.is_asked.wait(20)
            process.stdin.close()
            assert process.wait(20) == 1
