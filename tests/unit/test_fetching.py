"""A fresh machine: somebody else speaks, the voice arrives, is proved, and takes over."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import re
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.app import App, build
from portevoix.config import load
from portevoix.engines.piper_native import PiperNative
from portevoix.errors import DiskFull
from portevoix.fetching import LONGEST_PAUSE_SECONDS, Fetching
from portevoix.metrics import Metrics
from portevoix.models.catalogue import ModelFile, load_catalogue
from portevoix.models.download import Limits
from portevoix.models.download_log import DownloadLog
from portevoix.models.download_metrics import DownloadMetrics
from portevoix.models.downloads import Downloads
from portevoix.models.hub import Hub
from portevoix.models.library import Library
from portevoix.models.piper_voices import LOOKS_AGAIN_SECONDS
from portevoix.models.progress import Progress
from portevoix.models.store import Store
from portevoix.speech import SpeechRequest
from tests.hub import COMMIT, REPOSITORY, hub
from tests.scripted import kind

NAME = "fr_FR-siwis-medium"
FIXTURE = Path("tests/fixtures/voices/fr_FR-petit-low.onnx")
CONTENT = {f"fr/{NAME}.onnx.json": Path(f"{FIXTURE}.json").read_bytes(), f"fr/{NAME}.onnx": FIXTURE.read_bytes()}


def catalogue():
    """Return the catalogue with the fixture's files under the name of the voice that is wanted first."""
    files = tuple(ModelFile(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in CONTENT.items())
    whole = load_catalogue()
    voice = replace(whole.models[NAME], repository=REPOSITORY, revision=COMMIT, files=files)
    return replace(whole, models={**whole.models, NAME: voice})


def app_of(folder: Path, url: str, *, limits: Limits | None = None, **settings: str) -> App:
    engines = {"piper_native": PiperNative, "beta": kind("beta", seconds_per_word=0.05, priority=20)}
    environ = {"HOME": str(folder), "PORTEVOIX_DATA_FOLDER": str(folder / "data"), "PORTEVOIX_CACHE__ENABLED": "false",
               "PORTEVOIX_CACHE_FOLDER": str(folder / "cache"), "PORTEVOIX_VOICE_FOLDERS": f"[{folder}/voices]",
               **settings}  # fmt: skip
    app = build(load(None, environ, engines).or_raise(), engines=engines)
    downloads = Downloads(Hub(url, is_offline=app.settings.models.offline), limits or Limits(spare_bytes=0))
    return replace(app, library=Library(Store(folder / "voices"), downloads, folder / "models", catalogue))


@asynccontextmanager
async def opened(folder: Path, url: str, **settings: str):
    async with aclosing(app_of(folder, url, **settings)) as app:
        yield app


async def spoken_by(app: App, text: str = "Bonjour.") -> list[str]:
    async with aclosing(await app.speaker.open(SpeechRequest(text, language="fr"))) as speech:
        async for _ in speech:
            pass
        return [attempt.engine for attempt in speech.report.attempts if attempt.outcome == "spoke"]


async def until(app: App, phase: str) -> Progress:
    async with aclosing(app.library.downloads.watch()) as changes:
        async for progress in changes:
            if progress.phase == phase and progress.done_bytes:
                return progress
    raise AssertionError


async def test_a_missing_voice_is_fetched_and_takes_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with hub(CONTENT, goes_on=threading.Event(), holds_after=100_000) as one, caplog.at_level(logging.INFO):
        async with opened(tmp_path, one.url) as app:
            fetching = asyncio.create_task(Fetching(app).run())
            await until(app, "fetching")
            assert await spoken_by(app) == ["beta"]
            one.goes_on.set()
            await fetching
            assert await spoken_by(app) == ["piper_native"]
            page = app.metrics.page().decode()
    assert f'tts_download_progress_ratio{{model="{NAME}"}} 1.0' in page
    assert 'tts_downloads_total{outcome="done"} 1.0' in page
    assert float(re.search(r"^tts_download_bytes_total (.*)$", page, re.MULTILINE)[1]) > 0
    loggers = ("portevoix.fetching", "portevoix.models.download_log")
    events = [record.message for record in caplog.records if record.name in loggers]
    assert events[0] == "download.begun"
    assert "download.progressed" in events
    assert events[-2:] == ["download.ended", "voice.took_over"]


async def test_it_takes_over_between_two_sentences_of_one_text(tmp_path: Path) -> None:
    with hub(CONTENT, goes_on=threading.Event()) as one:
        async with opened(tmp_path, one.url) as app:
            fetching = asyncio.create_task(Fetching(app).run())
            numbers = itertools.count(1)

            async def sentences() -> AsyncGenerator[str, None]:
                while not fetching.done():
                    yield f"Ceci est la phrase {next(numbers)}. "
                    await asyncio.sleep(0.01)
                yield "Voici la fin. Au revoir."

            request = SpeechRequest("Bonjour. ", language="fr")
            async with aclosing(await app.speaker.open(request, sentences())) as speech:
                async for _ in speech:
                    one.goes_on.set()
                spoke = [attempt.engine for attempt in speech.report.attempts if attempt.outcome == "spoke"]
            await fetching
    assert len(spoke) == next(numbers) + 2
    assert spoke == sorted(spoke)
    assert set(spoke) == {"beta", "piper_native"}


async def test_a_voice_that_the_configuration_names_comes_before_the_default_one(tmp_path: Path) -> None:
    named = {"PORTEVOIX_BACKENDS__PIPER_NATIVE__MODEL_PATH": str(tmp_path / "own" / f"{NAME}.onnx")}
    with hub(CONTENT) as one:
        async with opened(tmp_path, one.url, **named) as app:
            paused: list[float] = []

            async def pause(seconds: float) -> None:
                paused.append(seconds)
                await asyncio.sleep(seconds)

            await Fetching(app, pause=pause).run()
            assert paused == [LOOKS_AGAIN_SECONDS]
            assert await spoken_by(app) == ["piper_native"]
    assert (tmp_path / "own" / f"{NAME}.onnx").is_file()


@pytest.mark.parametrize(
    "settings",
    [
        {"PORTEVOIX_MODELS__FETCH_MISSING": "false"},
        {"PORTEVOIX_MODELS__OFFLINE": "true"},
        {"PORTEVOIX_VOICE_FOLDERS": f"[{FIXTURE.parent.absolute()}]"},
        {"PORTEVOIX_BACKENDS__PIPER_NATIVE__ENABLED": "false"},
        {"PORTEVOIX_ADVANCED__DEFAULT_LANGUAGE": "xx"},
    ],
    ids=str,
)
async def test_nothing_is_asked_where_nothing_may_be_or_is_missing(settings: dict[str, str], tmp_path: Path) -> None:
    with hub(CONTENT) as one:
        async with opened(tmp_path, one.url, **settings) as app:
            await Fetching(app).run()
            assert await spoken_by(app)
        assert not one.requests


async def test_without_a_network_it_says_so_once_and_keeps_trying(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, virtual_pauses
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with caplog.at_level(logging.INFO):
        async with opened(tmp_path, url) as app:
            fetching = asyncio.create_task(Fetching(app, pause=virtual_pauses).run())
            await virtual_pauses.until(3)
            assert await spoken_by(app) == ["beta"]
            fetching.cancel()
    assert virtual_pauses.seconds == [30.0, 60.0, 120.0]
    (told,) = [record for record in caplog.records if record.message == "voice.not_fetched"]
    assert (told.levelname, told.code) == ("WARNING", "hub_unreachable")
    assert told.hint


async def test_each_voice_tells_its_own_reason_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, virtual_pauses
) -> None:
    voices = {"PORTEVOIX_BACKENDS__PIPER_NATIVE__VOICES": f"{{fr: {NAME}, en: en_US-lessac-medium}}"}
    with hub({path: content[::-1] for path, content in CONTENT.items()}) as one, caplog.at_level(logging.INFO):
        async with opened(tmp_path, one.url, **voices) as app:
            fetching = asyncio.create_task(Fetching(app, pause=virtual_pauses).run())
            await virtual_pauses.until(2)
            fetching.cancel()
    told = [(record.model, record.code) for record in caplog.records if record.message == "voice.not_fetched"]
    assert told == [(NAME, "download_corrupt"), ("en_US-lessac-medium", "hub_not_found")]


class Pauses:
    """Pauses that end at once, up to a number of them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._changed = asyncio.Condition()

    async def __call__(self, seconds: float) -> None:
        async with self._changed:
            self.seconds.append(seconds)
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self.seconds) < 3)

    async def until(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.seconds) >= count)


@pytest.fixture
def virtual_pauses() -> Pauses:
    return Pauses()


async def test_pauses_grow_to_an_hour(tmp_path: Path) -> None:
    seconds: list[float] = []

    async def pause(wanted: float) -> None:
        seconds.append(wanted)
        if wanted == LONGEST_PAUSE_SECONDS:
            raise asyncio.CancelledError

    async with opened(tmp_path, "http://127.0.0.1:9", limits=Limits(spare_bytes=10**18)) as app:
        fetching = asyncio.create_task(Fetching(app, pause=pause).run())
        await asyncio.wait({fetching})
        assert app.library.downloads.progress_of(NAME).code == DiskFull.code
    assert seconds == [30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0]


def test_each_tenth_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = DownloadLog()
    with caplog.at_level(logging.INFO):
        for done in range(0, 1001, 7):
            log(Progress("voix", "fetching", done, 1000, 50.0))
        log(Progress("voix", "done", 1000, 1000))
    events = [(record.message, record.percent) for record in caplog.records]
    assert [event for event, _ in events] == ["download.progressed"] * 9 + ["download.ended"]
    assert [percent // 10 for _, percent in events] == [*range(1, 10), 10]


def test_bytes_that_lay_there_already_are_not_counted() -> None:
    metrics = Metrics()
    count = DownloadMetrics(metrics.registry)
    for progress in (Progress("voix", "fetching", 500, 1000), Progress("voix", "fetching", 800, 1000),
                     Progress("voix", "failed", 800, 1000, code="hub_busy")):  # fmt: skip
        count(progress)
    page = metrics.page().decode()
    assert "tts_download_bytes_total 300.0" in page
    assert 'tts_download_progress_ratio{model="voix"} 0.8' in page
    assert 'tts_downloads_total{outcome="hub_busy"} 1.0' in page
