"""A translator's service with scripted engines: each stands for one of the models, and its files come from a double.

An engine is ready to load once its model is in the store, as the real ones are.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from portevoix.app import App, build
from portevoix.config import load
from portevoix.config.loading import Loaded
from portevoix.engine import Delivery, EngineState, Phase
from portevoix.errors import EngineUnavailable, ModelMissing
from portevoix.service import ModelManager, TTSService
from portevoix.service.manager import with_models
from portevoix.speech import Voice
from tests.scripted import ScriptedEngine, kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SILENT = kind("silent_emergency", is_silent=True, delivery=Delivery.FRAMES, priority=1000, languages=("",))
SYSTEM = kind("sapi_french", priority=90, languages=("fr-FR", "en-US", "ln"))


@dataclass(frozen=True)
class Options:
    device: str = "auto"


@dataclass(frozen=True)
class Parameters:
    exaggeration: float = 0.5


def model_kind(
    name: str, folder: str = "", *, has_packages: bool = True, languages: tuple[str, ...] = ("fr", "en"),
    can_clone: bool = True, **script: Any,
) -> type[ScriptedEngine]:  # fmt: skip
    """Return an engine of a model: without packages, without its model's folder, or ready to be loaded."""

    class Kind(ScriptedEngine):
        made: list[ScriptedEngine] = []  # noqa: RUF012 - one list for each kind

        def __init__(self, options: Any, surroundings: Any) -> None:
            self._place = surroundings.models_folder / (folder or name)
            self.options = options
            self._voice = Voice(name, name, languages[0], languages=languages, can_clone=can_clone, fingerprint=name)
            super().__init__(name, voices=[self._voice], phase=Phase.IDLE, **script)
            Kind.made.append(self)

        def state(self) -> EngineState:
            if self.phase is Phase.READY:
                return EngineState(Phase.READY)
            if not has_packages:
                hint = f"Install it: portevoix engines install {name}"
                error = EngineUnavailable(f"{name} is not installed", hint=hint)
                return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
            if not self._place.is_dir():
                error = ModelMissing(f"the model {name} is not here", hint=f"Fetch it: portevoix models get {name}")
                return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
            return super().state()

        def voices(self) -> tuple[Voice, ...]:
            is_here = self._place.is_dir()
            if is_here is not self._voice.is_installed:
                self._voice = replace(self._voice, is_installed=is_here, why_not="" if is_here else "not here")
                self._voices = (self._voice,)
            return self._voices

        async def load(self) -> None:
            if self.state().phase is not Phase.UNAVAILABLE:
                await super().load()

    Kind.name, Kind.Options, Kind.Parameters = name, Options, Parameters
    for fact in ("priority", "target_latency_ms", "delivery", "is_silent"):
        setattr(Kind, fact, script.get(fact, getattr(ScriptedEngine, fact)))
    return Kind


def put(folder: Path, *names: str) -> None:
    """Put models into the data folder, as far as a scripted engine looks."""
    for name in names:
        place = folder / "data" / "models" / name
        place.mkdir(parents=True)


def app_in(folder: Path, *kinds: type[ScriptedEngine], url: str = "http://127.0.0.1:9", **models: Any) -> App:
    """Return an app whose models come from `url`."""
    engines = {one.name: one for one in (*kinds, SYSTEM, SILENT)}
    loaded = load(None, {"HOME": str(folder), "PORTEVOIX_CACHE_DISK_ENABLED": "false"}, engines)
    settings = replace(
        loaded.settings, data_folder=folder / "data", cache_folder=folder / "cache",
        models=replace(loaded.settings.models, endpoint=url, **models),
        advanced=replace(loaded.settings.advanced, default_language="en"),
    )  # fmt: skip
    return build(with_models(Loaded(settings)), engines=engines)


@asynccontextmanager
async def serving(app: App, folder: Path, **wishes: Any) -> AsyncIterator[TTSService]:
    service = TTSService(output_dir=folder / "out", app=app, **wishes)
    try:
        yield service
    finally:
        await service.close()
        await app.aclose()


@asynccontextmanager
async def managing(app: App) -> AsyncIterator[ModelManager]:
    manager = ModelManager(app=app)
    try:
        yield manager
    finally:
        await manager.aclose()
        await app.aclose()
