from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest
import yaml

from portevoix import TTSBackendType, TTSCache, TTSResult, UnifiedTTSManager
from portevoix.errors import ConfigError, InvalidParameter
from portevoix.events import Attempted, Event, Spoken
from tests.hand_clock import HandClock

VOICES = Path("tests/fixtures/voices").absolute()
CONFIG = """
enable_piper_native: true
voice_folders: ["{voices}"]
cache_folder: "{cache}"
backends:
  piper_native: {{enabled: true, target_latency_ms: 120, device: cpu, speaker_id: 0}}
  piper_cli: {{enabled: false}}
  sapi_french: {{enabled: true, target_latency_ms: 2000, voice_name: Microsoft Hortense, rate: 0, volume: 100}}
  silent_emergency: {{enabled: true, target_latency_ms: 5, log_level: CRITICAL}}
cache: {{enabled: true, max_size_mb: 100, ttl_seconds: 3600, eviction_policy: LRU, disk_enabled: false}}
circuit_breaker: {{failure_threshold: 3, reset_timeout_seconds: 30}}
advanced: {{max_text_length: 1000, sanitize_text: true}}
"""


def only(engine: str, folder: Path) -> dict[str, Any]:
    """Return a configuration, as a program that reads it has it, in which one engine speaks, and silence if not."""
    others = {"piper_native", "piper_cli", "sapi_french"} - {engine}
    return {
        "backends": {name: {"enabled": False} for name in others} | {engine: {"target_latency_ms": 30_000}},
        "voice_folders": [str(VOICES)],
        "cache_folder": str(folder / "cache"),
        "cache": {"enabled": False},
    }


async def speak_many(manager: UnifiedTTSManager, text: str) -> list[TTSResult]:
    return await asyncio.gather(*(manager.synthesize(f"{text} {number}") for number in range(6)))


def config(folder: Path, voices: Path = VOICES) -> Path:
    path = folder / "tts.yaml"
    path.write_text(CONFIG.format(voices=voices.as_posix(), cache=(folder / "cache").as_posix()), encoding="utf-8")
    return path


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[UnifiedTTSManager]:
    async with UnifiedTTSManager(config(tmp_path)) as manager:
        yield manager


def seconds(audio: bytes | None) -> float:
    with wave.open(io.BytesIO(audio or b"")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getnframes() / file.getframerate()


def test_the_names_of_engines_are_those_that_programs_know() -> None:
    assert {kind.name: kind.value for kind in TTSBackendType} == {
        "PIPER_NATIVE": "piper_native",
        "PIPER_CLI": "piper_cli",
        "SAPI_FRENCH": "sapi_french",
        "SILENT_EMERGENCY": "silent_emergency",
        "CACHE": "cache",
        "NONE": "none",
    }


async def test_speaks_a_complete_wav_and_says_who(manager: UnifiedTTSManager) -> None:
    result = await manager.synthesize("Bonjour à tous")
    assert isinstance(result, TTSResult)
    assert (result.success, result.backend_used, result.error) == (True, "piper_native", None)
    assert result.latency_ms > 0
    assert 0.5 < seconds(result.audio_data) < 5


async def test_the_second_time_it_comes_from_the_cache(manager: UnifiedTTSManager) -> None:
    first = await manager.synthesize("Bonjour à tous")
    second = await manager.synthesize("Bonjour à tous")
    assert second.backend_used == TTSBackendType.CACHE.value
    assert second.audio_data == first.audio_data
    third = await manager.synthesize("Bonjour à tous", reuse_cache=False)
    assert third.backend_used == "piper_native"


async def test_voice_and_speed_are_obeyed(manager: UnifiedTTSManager) -> None:
    slow = await manager.synthesize("Hello there", voice="en_US-small-low", speed=0.5)
    fast = await manager.synthesize("Hello there", voice="en_US-small-low", speed=2.0)
    assert seconds(slow.audio_data) > 2 * seconds(fast.audio_data)


@pytest.mark.parametrize("text", ["", "   ", "x" * 1001, "😀", "\0", None])
async def test_bad_text_is_an_answer_and_moves_no_breaker(manager: UnifiedTTSManager, text) -> None:
    result = await manager.synthesize(text)
    assert not result.success
    assert result.backend_used == "none"
    assert result.audio_data is None
    assert result.error
    assert not any(breaker.failures for breaker in manager.circuit_breakers.values())


async def test_an_unknown_voice_is_an_answer(manager: UnifiedTTSManager) -> None:
    result = await manager.synthesize("Bonjour", voice="nobody")
    assert "nobody" in (result.error or "")


async def test_breakers_are_found_by_the_engines_type(manager: UnifiedTTSManager) -> None:
    breaker = manager.circuit_breakers[TTSBackendType.PIPER_NATIVE]
    assert not breaker.is_open()
    for _ in range(3):
        breaker.fail()
    assert breaker.is_open()
    result = await manager.synthesize("Bonjour à tous les amis")
    assert result.backend_used == "sapi_french"


def test_whoever_takes_no_part_has_a_breaker_too() -> None:
    manager = UnifiedTTSManager({"backends": {"piper_cli": {"enabled": False}}})
    assert not any(manager.circuit_breakers[kind].is_open() for kind in TTSBackendType)


async def test_without_a_neural_voice_the_systems_speaks(tmp_path: Path) -> None:
    async with UnifiedTTSManager(config(tmp_path, tmp_path / "nothing")) as manager:
        result = await manager.synthesize("Bonjour à tous")
    assert (result.success, result.backend_used) == (True, "sapi_french")


async def test_engines_load_by_themselves_when_nobody_did_it_before(tmp_path: Path) -> None:
    manager = UnifiedTTSManager(str(config(tmp_path)))
    result = await manager.synthesize("Bonjour")
    await manager.close()
    assert result.backend_used == "piper_native"


def test_may_be_called_from_any_event_loop_also_at_the_same_time(tmp_path: Path) -> None:
    """Processes and locks belong to one loop: all the work is on the manager's own, whoever asks."""
    loops: set[asyncio.AbstractEventLoop] = set()
    manager = UnifiedTTSManager(only("sapi_french", tmp_path))
    manager.app.events.hooks.append(lambda _: loops.add(asyncio.get_running_loop()))
    rounds = [asyncio.run(speak_many(manager, f"{number}")) for number in range(2)]
    with ThreadPoolExecutor(3) as threads:
        rounds += threads.map(lambda number: asyncio.run(speak_many(manager, f"{number}")), range(3))
    asyncio.run(manager.close())
    assert {result.backend_used for results in rounds for result in results} == {"sapi_french"}
    assert len(loops) == 1


async def test_a_text_after_closing_begins_anew(tmp_path: Path) -> None:
    manager = UnifiedTTSManager(config(tmp_path))
    for text in ("Un", "Deux"):
        assert (await manager.synthesize(text)).success
        await manager.close()
        await manager.close()


async def test_who_gives_up_stops_the_work(manager: UnifiedTTSManager) -> None:
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    ended: Queue[Spoken] = Queue()

    def watch(event: Event) -> None:
        loop.call_soon_threadsafe(begun.set)
        if isinstance(event, Spoken):
            ended.put(event)

    manager.app.events.hooks.append(watch)
    speaking = asyncio.create_task(manager.synthesize("Ceci est une phrase. " * 40, reuse_cache=False))
    await begun.wait()
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    event = await asyncio.to_thread(ended.get, timeout=60)
    assert event.status == "cancelled"
    assert (await manager.synthesize("Encore une")).success


async def test_so_many_texts_are_spoken_at_once_and_no_more(tmp_path: Path) -> None:
    active: set[str] = set()
    most = 0

    def watch(event: Event) -> None:
        nonlocal most
        if isinstance(event, Attempted):
            active.add(event.request_id)
        elif isinstance(event, Spoken):
            active.discard(event.report.request_id)
        most = max(most, len(active))

    async with UnifiedTTSManager(only("sapi_french", tmp_path) | {"advanced": {"async_workers": 2}}) as manager:
        manager.app.events.hooks.append(watch)
        results = await speak_many(manager, "Bonjour à tous. Et encore. Et au revoir, numéro")
    assert all(result.success for result in results)
    assert 0 < most <= 2


async def test_what_is_in_the_cache_waits_for_no_turn(tmp_path: Path) -> None:
    wanted = only("sapi_french", tmp_path) | {"cache": {"disk_enabled": False}, "advanced": {"async_workers": 1}}
    async with UnifiedTTSManager(wanted) as manager:
        assert (await manager.synthesize("Bonjour. À tous.")).success
        await manager._thread.run(manager._turns.acquire())
        again = await asyncio.wait_for(manager.synthesize("Bonjour. À tous."), 60)
        waiting = asyncio.create_task(manager.synthesize("Bonjour. À personne."))
        known = await asyncio.wait_for(manager.synthesize("Bonjour."), 60)
        assert not waiting.done()
        await manager._thread.run(_release(manager._turns))
        assert (await waiting).backend_used == "sapi_french"
    assert (again.backend_used, known.backend_used) == ("cache", "cache")


async def _release(turns: asyncio.Semaphore) -> None:
    turns.release()


def test_the_metrics_have_their_port(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    wanted = only("sapi_french", tmp_path) | {"monitoring": {"prometheus_enabled": True, "prometheus_port": 0}}
    manager = UnifiedTTSManager(wanted)
    port = next(vars(record)["port"] for record in caplog.records if record.message == "metrics.served")
    assert asyncio.run(manager.synthesize("Bonjour")).success
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False).text
    assert 'tts_requests_total{backend="sapi_french",status="success"} 1.0' in page
    assert 'tts_duration_seconds_count{backend="sapi_french"} 1.0' in page
    asyncio.run(manager.close())
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30, trust_env=False)


async def test_flags_change_while_running(manager: UnifiedTTSManager) -> None:
    manager.set_feature_flags(enable_piper_native=False)
    assert (await manager.synthesize("Un")).backend_used == "sapi_french"
    manager.set_feature_flags(enable_piper_native=True)
    assert (await manager.synthesize("Deux")).backend_used == "piper_native"
    with pytest.raises(InvalidParameter):
        manager.set_feature_flags(enable_magic=True)


async def test_legacy_mode_has_one_engine_and_no_chain(tmp_path: Path) -> None:
    async with UnifiedTTSManager(config(tmp_path, tmp_path / "nothing")) as manager:
        manager.set_feature_flags(enable_legacy_mode=True)
        result = await manager.synthesize("Bonjour")
    assert not result.success
    assert "piper_native" in (result.error or "")


def test_a_configuration_that_cannot_be_used_names_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "tts.yaml"
    path.write_text("cache: {max_size_mb: big}\nserver: {port: -1}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        UnifiedTTSManager(path)
    assert len(caught.value.problems) == 2


def test_what_a_program_has_read_itself_is_a_configuration_too(tmp_path: Path) -> None:
    given = yaml.safe_load(config(tmp_path).read_text(encoding="utf-8"))
    assert UnifiedTTSManager(given).app.settings == UnifiedTTSManager(config(tmp_path)).app.settings
    given["cache"]["max_size_mb"] = "big"
    given["cach"] = {}
    with pytest.raises(ConfigError) as caught:
        UnifiedTTSManager(given)
    assert [line.partition(".")[0] for line in caught.value.problems if "warning" not in line] == [
        "the given configuration: cache"
    ]
    assert any("Did you mean" in line or "did you mean" in line for line in caught.value.problems)


def test_the_default_file_may_be_missing_and_another_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert UnifiedTTSManager().app.levels
    with pytest.raises(ConfigError):
        UnifiedTTSManager("elsewhere.yaml")


def test_clips_are_kept_by_use_size_and_time() -> None:
    clock = HandClock(0.0)
    cache = TTSCache(max_size_mb=0.0003, ttl_seconds=10, clock=clock)
    for name in "abc":
        cache.set(name, name.encode() * 100)
    assert cache.get("a") == b"a" * 100
    cache.set("d", b"d" * 100)
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert cache.size_bytes == 300
    cache.set("e", b"e" * 301)
    assert cache.get("e") is None
    clock.seconds = 10
    assert cache.get("a") is None
    cache.clear()
    assert cache.size_bytes == 0


def test_clips_go_by_use_and_in_no_other_order() -> None:
    assert TTSCache(100, 3600, eviction_policy="lru").get("a") is None
    with pytest.raises(InvalidParameter):
        TTSCache(eviction_policy="FIFO")


def test_keys_of_clips_are_sha256_and_do_not_run_together() -> None:
    assert len(TTSCache.key("a")) == 64
    assert TTSCache.key("a", "b") != TTSCache.key("ab")
    assert TTSCache.key("a", None, 1.0) != TTSCache.key("a", "None", 1.0)
