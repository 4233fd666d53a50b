"""What an app takes over from the one that runs beside it: each part that it would make in the same way.

Each function returns None where there is no running app, or its part is not what the settings ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from portevoix.parts import level_settings, surroundings_of

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.cache.cache import SpeechCache
    from portevoix.config.settings import Settings
    from portevoix.engine import Engine
    from portevoix.level import Level
    from portevoix.models.library import Library
    from portevoix.rooms.installations import Installations
    from portevoix.translate.translator import Translator


def inherited_cache(former: App | None, settings: Settings) -> SpeechCache | None:
    """Return the running app's cache, with all that is in it."""
    return former.cache if former and _agree(former, settings, lambda one: (one.cache, one.speech_folder)) else None


def inherited_library(former: App | None, settings: Settings) -> Library | None:
    """Return the running app's library, so that downloads go on."""

    def facts(one: Settings) -> object:
        return one.models, one.data_folder, one.voice_folders, one.rooms_folder, one.translation_models_folder

    return former.library if former and _agree(former, settings, facts) else None


def inherited_rooms(former: App | None, settings: Settings) -> Installations | None:
    """Return the running app's installations, so that they go on."""

    def facts(one: Settings) -> object:
        return one.rooms, one.data_folder, one.models.offline

    return former.rooms if former and _agree(former, settings, facts) else None


def inherited_level(
    former: App | None, kind: type[Engine], settings: Settings, cache: SpeechCache | None
) -> Level | None:  # fmt: skip
    """Return the running app's level that would use the same `cache`: its engine is loaded, and not twice."""
    level = next((level for level in former.levels if level.name == kind.name), None) if former else None
    if former is None or level is None or cache is not former.cache:
        return None
    is_alike = (
        isinstance(level.engine, kind)
        and level.settings == level_settings(kind, settings)
        and _agree(former, settings, lambda one: one.backends[kind.name])
        and _agree(former, settings, _treatment)
    )
    return level if is_alike else None


def inherited_translator(former: App | None, settings: Settings) -> Translator | None:
    """Return the running app's translator: its engines are loaded, and not twice."""
    is_alike = (
        former is not None
        and former.speaker.settings.max_text_length == settings.advanced.max_text_length
        and _agree(former, settings, lambda one: one.translation)
        and _agree(former, settings, _treatment)
    )
    return former.translator if former and is_alike else None


def _agree(former: App, settings: Settings, facts: Callable[[Settings], object]) -> bool:
    return facts(former.settings) == facts(settings)


def _treatment(settings: Settings) -> object:
    """Return what decides about an engine's breaker and its surroundings."""
    return settings.circuit_breaker, surroundings_of(settings)
