"""One model as programs see it: its engines' levels, and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portevoix.engine import Phase
from portevoix.errors import (
    EngineUnavailable,
    ModelBroken,
    ModelError,
    ModelMissing,
    ModelUnsupported,
    PortevoixError,
)
from portevoix.models.licences import LicenceNotAccepted
from portevoix.service.model import ModelStatus, TTSModel, models_of
from portevoix.speech import language_family

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level
    from portevoix.models.catalogue import Model

PERCENT = 100.0
MODEL_CODES = frozenset(
    kind.code for kind in (ModelError, ModelMissing, ModelBroken, ModelUnsupported, LicenceNotAccepted)
)
"""Codes of engines whose packages are there, and whose model is what keeps them from speaking."""


class ModelBackend:
    """Look after one model of an app; holds no state of its own, so it is always right.

    Attributes:
        model: which one.
    """

    def __init__(self, model: TTSModel, app: App) -> None:
        """Look after `model` of `app`, which the caller owns."""
        self.model = model
        self._app = app
        self._language = app.settings.advanced.default_language

    @property
    def levels(self) -> tuple[Level, ...]:
        """Return the levels of its engines, those that speak the default language first."""
        found = [level for level in self._app.levels if level.name in self.model.engines]
        return tuple(sorted(found, key=lambda level: not _speaks(level, self._language)))

    @property
    def is_available(self) -> bool:
        """Tell whether the packages that it needs are installed."""
        return any(_has_packages(level) for level in self.levels)

    @property
    def is_initialized(self) -> bool:
        """Tell whether it can speak at once."""
        return any(level.state().phase is Phase.READY for level in self.levels)

    @property
    def is_downloading(self) -> bool:
        """Tell whether it is being fetched."""
        return any(self._app.library.progress_for(engine) is not None for engine in self.model.engines)

    @property
    def download_progress(self) -> float:
        """Return how much of it is here, 0 to 100."""
        if self.is_model_downloaded():
            return PERCENT
        found = (self._app.library.progress_for(engine) for engine in self.model.engines)
        return max((PERCENT * progress.ratio for progress in found if progress is not None), default=0.0)

    def is_model_downloaded(self) -> bool:
        """Tell whether it is on this machine, fetched or put there."""
        if any(level.state().phase is not Phase.UNAVAILABLE for level in self.levels):
            return True
        return any(map(self._app.library.has, models_of(self.model, self._app.library.catalogue)))

    def speaks(self, language: str) -> bool:
        """Tell whether any of its engines, or anything that can be fetched for them, speaks a language."""
        known = models_of(self.model, self._app.library.catalogue)
        family = language_family(language)
        return any(_speaks(level, language) for level in self.levels) or any(one.speaks(family) for one in known)

    def wanted(self, language: str = "") -> Model:
        """Return what is to be fetched for a language, the default one where none is given."""
        return models_of(self.model, self._app.library.catalogue, language or self._language)[0]

    def fault(self) -> PortevoixError | None:
        """Return why it cannot speak, with the command to run, or None."""
        if not self.levels:
            name = self.model.engines[0]
            return EngineUnavailable(f"{self.model.value} is not installed", f"there is no engine {name}",
                                     f"Run: portevoix engines install {name}")  # fmt: skip
        states = [level.state() for level in self.levels]
        if any(state.phase is not Phase.UNAVAILABLE for state in states):
            return None
        state = next((one for level, one in zip(self.levels, states, strict=True) if _has_packages(level)), states[0])
        kind = ModelMissing if state.code == ModelMissing.code else EngineUnavailable
        return kind(state.why or f"{self.model.value} is not ready", hint=state.hint)

    def status(self) -> ModelStatus:
        """Return where it stands."""
        fault = self.fault()
        return ModelStatus(
            self.model, self.is_available, self.is_model_downloaded(), self.is_initialized, self.is_downloading,
            self.download_progress, None if fault is None else fault.in_full, "" if fault is None else fault.code,
        )  # fmt: skip

    def level_for(self, language: str) -> Level | None:
        """Return the level that is to speak a language, one that is not broken first, or None."""
        speaking = [level for level in self.levels if _speaks(level, language)] or self.levels
        return min(speaking, key=lambda level: level.state().phase is Phase.UNAVAILABLE, default=None)

    async def initialize(self, language: str = "") -> bool:
        """Load it and return whether it can speak now; never raises for what a model or an engine does."""
        level = self.level_for(language or self._language)
        if level is None:
            return False
        if level.state().phase is not Phase.READY:
            await level.load()
        return level.state().phase is Phase.READY

    async def download_model(self, language: str = "") -> Model:
        """Return what has been fetched, as soon as it is on this machine.

        Raises:
            LicenceNotAccepted: nobody has agreed to its licence.
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        return await self._app.library.fetch(self.wanted(language).name)


def _has_packages(level: Level) -> bool:
    state = level.state()
    return state.phase is not Phase.UNAVAILABLE or state.code in MODEL_CODES


def _speaks(level: Level, language: str) -> bool:
    return any(voice.speaks(language) for voice in level.engine.voices())
