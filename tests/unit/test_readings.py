from __future__ import annotations

import os
from pathlib import Path

from portevoix.cache.cache import SpeechCache
from portevoix.cache.disk import DiskTier
from portevoix.cache.memory import MemoryTier
from portevoix.engine import Phase
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.metrics import Metrics
from portevoix.readings import Workers, watch_cache, watch_disks, watch_levels, watch_queue_limits
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.system.memory import resident_bytes
from tests.scripted import ScriptedEngine
from tests.served import SILENT


class Keeper(ScriptedEngine):
    """A scripted engine that says it keeps processes."""

    def __init__(self, name: str, *pids: int) -> None:
        super().__init__(name)
        self.pids = pids

    def processes(self) -> tuple[int, ...]:
        return self.pids


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_each_level_tells_where_it_stands() -> None:
    metrics, engine = Metrics(), ScriptedEngine("a")
    level = Level(engine, LevelSettings(target_latency_ms=120), breaker=CircuitBreaker(1, 30, clock=lambda: 5.0))
    watch_levels(metrics, [level])
    assert value(metrics, "tts_engine_ready", backend="a") == 1
    assert value(metrics, "tts_engine_state", backend="a", state="ready") == 1
    assert value(metrics, "tts_engine_target_seconds", backend="a") == 0.12
    assert value(metrics, "tts_requests_total", backend="a", status="failed") == 0
    assert value(metrics, "tts_audible") == 1
    engine.phase = Phase.LOADING
    assert value(metrics, "tts_engine_state", backend="a", state="loading") == 1
    assert value(metrics, "tts_audible") == 0


def test_a_level_that_rests_is_not_heard_and_tells_for_how_long() -> None:
    metrics = Metrics()
    breaker = CircuitBreaker(1, 30, clock=lambda: 5.0)
    watch_levels(metrics, [Level(ScriptedEngine("a"), LevelSettings(), breaker=breaker)])
    breaker.fail()
    assert value(metrics, "tts_audible") == 0
    assert value(metrics, "tts_breaker_rest_seconds", backend="a") == 30


def test_silence_is_not_heard() -> None:
    metrics = Metrics()
    watch_levels(metrics, [Level(SILENT(None, None), LevelSettings())])
    assert value(metrics, "tts_audible") == 0


def test_processes_are_counted_weighed_and_their_starts_noted_between_readings() -> None:
    metrics, engine = Metrics(), Keeper("a", os.getpid())
    workers = Workers([Level(engine, LevelSettings()), Level(ScriptedEngine("b"), LevelSettings())])
    workers.watch(metrics)
    assert value(metrics, "tts_workers", backend="a") == 1
    assert (value(metrics, "tts_worker_resident_bytes", backend="a", worker="0") or 0) > 1_000_000
    assert value(metrics, "tts_worker_starts_total", backend="a") == 1
    for pids in ((1,), (2,)):
        engine.pids = pids
        metrics.beat(0)
    assert value(metrics, "tts_worker_starts_total", backend="a") == 3
    assert value(metrics, "tts_workers", backend="b") is None


def test_a_process_that_is_gone_weighs_nothing() -> None:
    assert resident_bytes(2**22 + 1) == 0


def test_disks_tell_their_room_also_for_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    metrics = Metrics()
    watch_disks(metrics, {"cache": tmp_path / "not" / "yet" / "there"})
    free, size = (value(metrics, f"tts_disk_{fact}_bytes", folder="cache") or 0 for fact in ("free", "size"))
    assert 0 < free < size


def test_the_cache_tells_what_it_holds_and_may_hold(tmp_path: Path) -> None:
    metrics = Metrics()
    cache = SpeechCache(MemoryTier(1000, 60), DiskTier(tmp_path, 2000, 60))
    watch_cache(metrics, cache, {"memory": 1000, "disk": 2000})
    for tier, limit in (("memory", 1000), ("disk", 2000)):
        assert value(metrics, "tts_cache_limit_bytes", tier=tier) == limit
        for fact in ("bytes", "entries", "evictions_total"):
            assert value(metrics, f"tts_cache_{fact}", tier=tier) == 0
    assert value(metrics, "tts_cache_dropped_writes_total") == 0


def test_without_a_cache_its_names_are_there_all_the_same() -> None:
    metrics = Metrics()
    watch_cache(metrics, None, {})
    assert "# TYPE tts_cache_bytes gauge" in metrics.page().decode()


def test_the_queue_tells_how_much_it_takes_on() -> None:
    metrics = Metrics()
    watch_queue_limits(metrics, 4, 16)
    assert value(metrics, "tts_queue_running_limit") == 4
    assert value(metrics, "tts_queue_waiting_limit") == 16
