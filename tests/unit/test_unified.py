from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portevoix import TTSBackendType, TTSCache, TTSResult, UnifiedTTSManager
from portevoix.errors import ConfigError, InvalidParameter

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


async def test_without_a_neural_voice_the_systems_speaks(tmp_path: Path) -> None:
    async with UnifiedTTSManager(config(tmp_path, tmp_path / "nothing")) as manager:
        result = await manager.synthesize("Bonjour à tous")
    assert (result.success, result.backend_used) == (True, "sapi_french")


async def test_engines_load_by_themselves_when_nobody_did_it_before(tmp_path: Path) -> None:
    manager = UnifiedTTSManager(str(config(tmp_path)))
    result = await manager.synthesize("Bonjour")
    await manager.close()
    assert result.backend_used == "piper_native"


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


def test_the_default_file_may_be_missing_and_another_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert UnifiedTTSManager().app.levels
    with pytest.raises(ConfigError):
        UnifiedTTSManager("elsewhere.yaml")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_clips_are_kept_by_use_size_and_time() -> None:
    clock = Clock()
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
    clock.now = 10
    assert cache.get("a") is None
    cache.clear()
    assert cache.size_bytes == 0


def test_keys_of_clips_are_sha256_and_do_not_run_together() -> None:
    assert len(TTSCache.key("a")) == 64
    assert TTSCache.key("a", "b") != TTSCache.key("ab")
    assert TTSCache.key("a", None, 1.0) != TTSCache.key("a", "None", 1.0)
