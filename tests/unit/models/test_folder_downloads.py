"""Real downloads of whole folders: a real process, real HTTP, from a double of the hub."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.errors import DiskFull, ModelMissing, NotAllowed, NotWritable
from portevoix.models.catalogue import Model, ModelFile
from portevoix.models.faults import (
    DownloadCancelled,
    DownloadCorrupt,
    DownloadStalled,
    HubBadAnswer,
    HubBusy,
    HubNotFound,
    HubTokenInvalid,
    HubUnreachable,
    ModelGated,
    ModelUnknown,
)
from portevoix.models.folders import FolderStore
from portevoix.models.manifest import MANIFEST, Manifest
from portevoix.models.progress import Progress
from portevoix.models.store import OLD_SECONDS
from tests.downloading import LIMITS, downloading
from tests.hub import COMMIT, Fault, answers, cut_after, hub

REPOSITORY = "someone/grande-voix"
SMALL, LARGE = b'{"kind": "voix"}', random.Random(2).randbytes(700_000)
WANTED = {"config.json": SMALL, "onnx/model.onnx": LARGE, "tokenizer/vocab.json": b"[1, 2]", "empty.json": b""}
FILES = {**WANTED, "README.md": b"# voix", "onnx/other.onnx": LARGE[:5000], "a b/odd.json": b"{}"}
MODEL = Model(
    "grande_voix", "speech", REPOSITORY, "main",
    (ModelFile("config.json"), ModelFile("onnx/model.onnx")), also=("*.json",), is_folder=True,
)  # fmt: skip


async def fetch(url: str, folder: Path, model: Model = MODEL, **options) -> list[Progress]:
    async with downloading(url, **options) as (downloads, told):
        await downloads.fetch(model, FolderStore(folder))
    return told


def contents(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path: content for path, content in found.items() if path != MANIFEST}


def is_whole(folder: Path, files: dict[str, bytes] = WANTED) -> bool:
    """Tell whether the model is there, and nothing else is in the store."""
    return [path.name for path in folder.iterdir()] == ["grande_voix"] and contents(folder / "grande_voix") == files


def serving(**attributes):
    return hub(dict(FILES), repository=REPOSITORY, **attributes)


async def test_brings_the_wanted_files_in_their_own_folders_and_pins_the_commit(tmp_path: Path) -> None:
    with serving() as one:
        told = await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)
    manifest = Manifest.read(tmp_path / "grande_voix")
    assert (manifest.repository, manifest.commit) == (REPOSITORY, COMMIT)
    assert {file.path for file in manifest.files} == set(WANTED)
    asked = [one.path for one in one.requests]
    assert asked[:2] == [f"/api/models/{REPOSITORY}/revision/main",
                         f"/api/models/{REPOSITORY}/tree/{COMMIT}?recursive=true&expand=false"]  # fmt: skip
    assert all(f"/resolve/{COMMIT}/" in path for path in asked[2:])
    assert told[-1].phase == "done"
    assert told[-1].total_bytes == sum(map(len, WANTED.values()))


async def test_a_known_commit_costs_no_question_and_what_is_there_none_at_all(tmp_path: Path) -> None:
    with serving() as one:
        await fetch(one.url, tmp_path, replace(MODEL, revision=COMMIT))
        assert "revision" not in one.requests[0].path
        before = len(one.requests)
        await fetch(one.url, tmp_path, replace(MODEL, revision=COMMIT))
        assert len(one.requests) == before


async def test_the_token_goes_to_the_hub_alone(tmp_path: Path) -> None:
    with serving(token="hf_secret") as one:
        await fetch(one.url, tmp_path, token="hf_secret")
    sent = {asked.host: asked.headers.get("authorization") for asked in one.requests}
    assert sent == {"hub": "Bearer hf_secret", "other": None}


async def test_three_hundred_megabytes_arrive_whole_through_cuts_every_five(tmp_path: Path) -> None:
    block = random.Random(3).randbytes(1_000_000)
    large = b"".join(bytes([number % 256]) + block[1:] for number in range(300))
    with hub({"config.json": SMALL, "onnx/model.onnx": large}, repository=REPOSITORY) as one:
        one.faults = [cut_after(5_000_000)] * 58
        await fetch(one.url, tmp_path, limits=replace(LIMITS, stall_seconds=60, total_seconds=110))
        assert not one.faults
    model = tmp_path / "grande_voix" / "onnx" / "model.onnx"
    assert model.stat().st_size == len(large)
    assert hashlib.sha256(model.read_bytes()).digest() == hashlib.sha256(large).digest()
    ranges = [asked.headers["range"] for asked in one.requests if "range" in asked.headers]
    assert len(ranges) >= 58


REFUSALS = [
    (answers(403, "GatedRepo"), ModelGated),
    (answers(401), HubTokenInvalid),
    (answers(404, "RepoNotFound"), HubNotFound),
    (answers(404, "RevisionNotFound"), HubNotFound),
    (answers(429, "", "1"), HubBusy),
    (answers(503), HubBusy),
    (answers(418), HubBadAnswer),
    (Fault("portal"), HubBadAnswer),
    (Fault("loop"), HubBadAnswer),
    (Fault("close"), HubUnreachable),
    (Fault("hang"), DownloadStalled),
]
LISTING_ONLY = [(Fault("garbage"), HubBadAnswer), (Fault("cut", after=4), HubUnreachable),
                (Fault("stall", after=4), DownloadStalled), (Fault("trickle"), HubUnreachable)]  # fmt: skip


@pytest.mark.parametrize("call", ["revision", "tree"])
@pytest.mark.parametrize(("fault", "kind"), [*REFUSALS, *LISTING_ONLY], ids=str)
async def test_every_fault_of_the_two_calls_has_its_own_error(fault: Fault, kind: type, call: str, tmp_path) -> None:
    with serving() as one:
        one.files["padding.txt" * 40] = b""  # long enough to be cut
        one.listing_faults = [fault] if call == "revision" else [None, fault]
        with pytest.raises(kind) as caught:
            await fetch(one.url, tmp_path, limits=replace(LIMITS, stall_seconds=2, total_seconds=30))
    assert type(caught.value) is kind or fault.kind == "trickle"
    assert caught.value.hint
    assert not (tmp_path / "grande_voix").exists()


@pytest.mark.parametrize(("fault", "kind"), [*REFUSALS, (Fault("flip"), DownloadCorrupt),
                                             (Fault("short"), DownloadCorrupt)], ids=str)  # fmt: skip
async def test_every_fault_of_the_files_has_its_own_error(fault: Fault, kind: type, tmp_path: Path) -> None:
    with serving() as one:
        one.faults, one.stays = [fault], True
        with pytest.raises(kind) as caught:
            await fetch(one.url, tmp_path)
    assert caught.value.hint
    assert not (tmp_path / "grande_voix").exists()


async def test_a_hub_that_is_busy_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    with serving() as one:
        one.listing_faults = [answers(503), answers(429, "", "1"), None]
        one.faults = [answers(503)]
        await fetch(one.url, tmp_path)
    assert is_whole(tmp_path)


async def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(HubUnreachable):
            await fetch(f"http://127.0.0.1:{bound.getsockname()[1]}", tmp_path)


@pytest.mark.parametrize(("model", "words"), [
    (replace(MODEL, files=(*MODEL.files, ModelFile("gone.bin"))), "does not have gone.bin"),
    (replace(MODEL, either=(("a.bin", "b.bin"),)), "does not have a.bin"),
    (replace(MODEL, revision="unknown"), "does not have this revision"),
    (replace(MODEL, repository="someone/other"), "does not have this repository"),
])  # fmt: skip
async def test_what_a_repository_lacks_is_named(model: Model, words: str, tmp_path: Path) -> None:
    with serving() as one, pytest.raises(HubNotFound, match=words):
        await fetch(one.url, tmp_path, model)


async def test_of_a_choice_the_first_that_is_there_is_taken(tmp_path: Path) -> None:
    with serving() as one:
        await fetch(one.url, tmp_path, replace(MODEL, either=(("none.bin", "onnx/other.onnx", "README.md"),)))
    assert is_whole(tmp_path, {**WANTED, "onnx/other.onnx": LARGE[:5000]})


async def test_another_file_than_the_catalogue_knows_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    model = replace(MODEL, files=(ModelFile("onnx/model.onnx", sha256="0" * 64),))
    with serving() as one, pytest.raises(DownloadCorrupt, match="not the file that is known"):
        await fetch(one.url, tmp_path, model)
    assert len(one.requests) == 2


async def test_paths_that_lead_elsewhere_are_never_written(tmp_path: Path) -> None:
    evil = {"../../evil.json": b"{}", "/evil.json": b"{}", "x/../../evil.json": b"{}", "C:\\evil.json": b"{}"}
    with hub({**FILES, **evil}, repository=REPOSITORY) as one:
        await fetch(one.url, tmp_path / "a" / "b")
    assert not any("evil" in path for path in contents(tmp_path))


async def test_a_cut_download_is_continued_with_the_same_commit_and_no_new_question(tmp_path: Path) -> None:
    with serving() as one:
        one.faults, one.stays = [None, None, None, cut_after(400_000), Fault("hang")], True
        with pytest.raises((HubUnreachable, DownloadStalled)):
            await fetch(one.url, tmp_path, limits=replace(LIMITS, stall_seconds=1))
        arriving = tmp_path / "grande_voix.incomplete"
        assert (arriving / "config.json").read_bytes() == SMALL
        assert FolderStore(tmp_path).arrived_bytes(MODEL) > 300_000
        one.faults, one.requests, one.stays = [], [], False
        await fetch(one.url, tmp_path)
        assert not any(asked.path.startswith("/api/") for asked in one.requests)
        assert one.requests[-1].headers["range"].startswith("bytes=")
    assert is_whole(tmp_path)


async def test_a_folder_that_lost_files_is_repaired_and_its_sound_ones_kept(tmp_path: Path) -> None:
    with serving() as one:
        await fetch(one.url, tmp_path)
        place = tmp_path / "grande_voix"
        (place / "config.json").unlink()
        (place / "own.txt").write_bytes(b"mine")
        assert not FolderStore(tmp_path).has(MODEL)
        one.requests = []
        await fetch(one.url, tmp_path)
    assert {asked.path.rpartition("/")[2] for asked in one.requests} == {"config.json"}
    assert is_whole(tmp_path, {**WANTED, "own.txt": b"mine"})


async def test_a_folder_from_elsewhere_is_taken_as_it_is_or_completed(tmp_path: Path) -> None:
    place = tmp_path / "grande_voix"
    (place / "onnx").mkdir(parents=True)
    (place / "onnx" / "model.onnx").write_bytes(LARGE)
    (place / "empty.json").write_bytes(b"not empty")
    assert not FolderStore(tmp_path).has(MODEL)
    with serving() as one:
        await fetch(one.url, tmp_path)
    assert not any("model.onnx" in asked.path for asked in one.requests)
    assert is_whole(tmp_path)
    (place / MANIFEST).unlink()
    assert FolderStore(tmp_path).has(MODEL)
    assert {verdict.found for verdict in FolderStore(tmp_path).verify(MODEL)} == {"nothing known"}


async def test_verifying_finds_a_flipped_byte_and_what_is_missing(tmp_path: Path) -> None:
    with serving() as one:
        await fetch(one.url, tmp_path)
    store, model = FolderStore(tmp_path), tmp_path / "grande_voix" / "onnx" / "model.onnx"
    assert {verdict.found for verdict in store.verify(MODEL)} <= {"whole (blob)", "whole (sha256)", "nothing known"}
    assert all(verdict.is_sound for verdict in store.verify(MODEL))
    model.write_bytes(LARGE[:1000] + bytes([LARGE[1000] ^ 1]) + LARGE[1001:])
    assert store.has(MODEL)
    assert [verdict.path.name for verdict in store.verify(MODEL) if not verdict.is_sound] == ["model.onnx"]
    model.write_bytes(LARGE[:1000])
    assert not store.has(MODEL)
    assert "1000 bytes in place of" in next(one.found for one in store.verify(MODEL) if not one.is_sound)
    model.unlink()
    with pytest.raises(ModelMissing):
        store.verify(MODEL)


async def test_removing_takes_all_of_it_and_nothing_else(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    with serving() as one:
        await fetch(one.url, tmp_path)
    (tmp_path / "grande_voix.incomplete").mkdir()
    (tmp_path / "voices.json").write_bytes(b"{}")
    assert store.remove("grande_voix") > len(LARGE)
    assert contents(tmp_path) == {"voices.json": b"{}"}
    with pytest.raises(ModelMissing):
        store.remove("grande_voix")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "C:\\x", ".hidden", "\\\\host\\share"])
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnknown):
        FolderStore(tmp_path).remove(name)


async def test_a_link_out_of_the_store_is_refused_and_only_itself_removed(tmp_path: Path) -> None:
    outside, store = tmp_path / "outside", FolderStore(tmp_path / "store")
    with serving() as one:
        await fetch(one.url, tmp_path / "first")
        shutil.move(tmp_path / "first" / "grande_voix", outside)
        store.folder.mkdir()
        (store.folder / "grande_voix").symlink_to(outside)
        assert not store.has(MODEL)
        with pytest.raises(NotAllowed):
            store.verify(MODEL)
        with pytest.raises(NotWritable, match="link"):
            await fetch(one.url, store.folder)
    store.remove("grande_voix")
    assert contents(outside) == WANTED
    assert list(store.folder.iterdir()) == []


async def test_a_manifest_that_leads_elsewhere_is_not_believed(tmp_path: Path) -> None:
    with serving() as one:
        await fetch(one.url, tmp_path)
    (tmp_path / "secret").write_bytes(b"x")
    manifest = tmp_path / "grande_voix" / MANIFEST
    content = json.loads(manifest.read_text())
    content["files"].append({"path": "../secret", "size_bytes": 1})
    manifest.write_text(json.dumps(content))
    assert not any("secret" in str(verdict.path) for verdict in FolderStore(tmp_path).verify(MODEL))


async def test_a_disk_without_room_is_known_before_the_first_byte(tmp_path: Path) -> None:
    with serving() as one:
        with pytest.raises(DiskFull, match="are needed") as caught:
            await fetch(one.url, tmp_path, limits=replace(LIMITS, spare_bytes=1 << 60))
        assert "are free" in caught.value.why
        assert not any("/resolve/" in asked.path for asked in one.requests)


@pytest.fixture
def small_disk(tmp_path: Path):
    """Give a file system of 1 MB, where this process may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    yield folder if is_mounted else None
    if is_mounted:
        subprocess.run(["umount", folder], check=True)


async def test_a_small_disk_is_known_before_the_first_byte(small_disk: Path | None) -> None:
    if small_disk is None:
        pytest.skip("file systems cannot be mounted here")
    with hub({"config.json": SMALL, "onnx/model.onnx": LARGE * 3}, repository=REPOSITORY) as one:
        with pytest.raises(DiskFull) as caught:
            await fetch(one.url, small_disk)
        assert not any("/resolve/" in asked.path for asked in one.requests)
    assert "2 MB" in caught.value.why
    assert str(small_disk) in caught.value.why


async def test_cancelling_leaves_what_has_arrived(tmp_path: Path) -> None:
    with serving() as one:
        one.faults, one.stays = [None, None, None, Fault("hang")], True
        async with downloading(one.url) as (downloads, told):
            task = downloads.begin(MODEL, FolderStore(tmp_path))
            async for progress in downloads.watch():
                if progress.phase == "fetching":
                    break
            assert downloads.cancel(MODEL.name)
            with pytest.raises(DownloadCancelled):
                await task
        assert told[-1].phase == "cancelled"
    assert not (tmp_path / "grande_voix").exists()


def test_what_nobody_continues_is_swept(tmp_path: Path) -> None:
    for name in ("old.incomplete", "new.incomplete", ".x.gone", "whole"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"1")
        for path in (tmp_path / name / "file", tmp_path / name):
            os.utime(path, (1000.0, 1000.0))
    os.utime(tmp_path / "new.incomplete" / "file", (OLD_SECONDS, OLD_SECONDS))
    assert FolderStore(tmp_path).sweep(now=OLD_SECONDS + 2000) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.incomplete", "whole"]
