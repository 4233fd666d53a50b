"""Build a translator from what the configuration says about each engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from portevoix.clock import Clock, system_clock
from portevoix.engine import Surroundings
from portevoix.errors import ConfigError
from portevoix.resilience.breaker import CircuitBreaker
from portevoix.translate.engine import TranslationEngine
from portevoix.translate.guard import Guard
from portevoix.translate.memory import TranslationMemory
from portevoix.translate.registry import installed_translators, read_options
from portevoix.translate.translator import Translator

COMMON_KEYS = ("enabled", "priority")
"""Keys that every translation engine has, besides its own options."""


def build_translator(
    wanted: Mapping[str, Mapping[str, Any]],
    surroundings: Surroundings,
    memory: TranslationMemory,
    *,
    engines: Mapping[str, type[TranslationEngine]] | None = None,
    max_text_length: int = 0,
    make_breaker: Callable[[], CircuitBreaker] = CircuitBreaker,
    clock: Clock = system_clock,
) -> Translator:
    """Return a translator; does no work yet, needs no event loop.

    Args:
        wanted: keys by engine: `enabled`, `priority`, and the engine's own options.
        surroundings: what engines may use of the machine.
        memory: what was translated before; shared by all.
        engines: classes by name; all that are installed when None.
        max_text_length: longest text in characters; 0 for no limit.
        make_breaker: makes the circuit breaker of each engine.
        clock: the time.

    Raises:
        ConfigError: a key is unknown, or its value cannot be used.
    """
    engines = installed_translators() if engines is None else engines
    strangers = [name for name in wanted if name not in engines]
    if strangers:
        raise ConfigError("the configuration of translation cannot be used",
                          tuple(f"translation.engines.{name} is not installed" for name in strangers),
                          f"There are {', '.join(engines) or 'none'}.")  # fmt: skip
    guards = [
        Guard(kind(read_options(name, kind, _own(keys)), surroundings), memory,
              priority=_priority(name, keys.get("priority")), breaker=make_breaker(), clock=clock)
        for name, kind in engines.items()
        if (keys := wanted.get(name, {})).get("enabled", True)
    ]  # fmt: skip
    return Translator(guards, max_text_length=max_text_length, clock=clock)


def _own(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key not in COMMON_KEYS}


def _priority(name: str, given: Any) -> int | None:
    if given is None or (isinstance(given, int) and not isinstance(given, bool)):
        return given
    raise ConfigError("the configuration of translation cannot be used",
                      (f"translation.engines.{name}.priority: expected a whole number, found {given!r:.60}",),
                      )  # fmt: skip
