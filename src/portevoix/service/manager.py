"""Which model speaks: what is here, what is being fetched, and the moment when one is ready."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from portevoix.app import build, read_configuration
from portevoix.errors import DiskFull, EngineUnavailable, PortevoixError
from portevoix.fetching import observe_downloads
from portevoix.models.faults import NotCached
from portevoix.models.licences import LicenceNotAccepted
from portevoix.service.backend import ModelBackend
from portevoix.service.model import GIGABYTE, ModelStatus, TTSModel
from portevoix.tasks import end_tasks

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.config import Loaded
    from portevoix.models.progress import Progress

logger = logging.getLogger(__name__)

LOAD_PATIENCE_SECONDS = 5.0


class ModelManager:
    """Find, fetch and load models, and release whoever waits for one the moment it is ready or has failed.

    Used from one event loop. Nothing is asked again and again: waiting is for an event.

    Attributes:
        app: the parts it is made of.
        backends: one for each model.
        active_model: the one that speaks where none is named, or None.
        error: why the last attempt to have a model failed, or None.
    """

    MIN_DISK_SPACE_GB: ClassVar[float] = 2.0
    """Room that is to be left on the disk, in billions of bytes."""

    def __init__(self, device: str = "auto", models_path: str | Path | None = None, *, app: App | None = None) -> None:
        """Read the configuration and build everything; does no work yet.

        Args:
            device: `auto`, `cpu`, `cuda` or `cuda:1`; counts where the configuration leaves it open.
            models_path: folder of the models, in place of the configured one.
            app: the parts to use, which the caller owns; made when None.

        Raises:
            ConfigError: the configuration cannot be used.
        """
        self._owns_app = app is None
        self.app = app or build_app(device, models_path)
        self.backends = {model: ModelBackend(model, self.app) for model in TTSModel}
        self.active_model: TTSModel | None = None
        self.error: PortevoixError | None = None
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._pending = 0
        self._has_begun = False
        observe_downloads(self.app)
        self.app.library.downloads.listeners.append(self._hear)

    @property
    def models_path(self) -> Path:
        """Return the folder of the models."""
        return self.app.library.folders.folder

    @property
    def active_backend(self) -> ModelBackend | None:
        """Return the backend of the active model, or None."""
        return None if self.active_model is None else self.backends[self.active_model]

    @property
    def is_pending(self) -> bool:
        """Tell whether a model is being fetched or loaded."""
        return self._pending > 0

    async def get_available_backends(self) -> list[TTSModel]:
        """Return the models whose packages are installed."""
        return [model for model, backend in self.backends.items() if backend.is_available]

    async def find_local_model(self, preferred: TTSModel | None = None) -> TTSModel | None:
        """Return a model that is here and can be loaded: the preferred one, Chatterbox, or any; else None."""
        for model in self._in_order(preferred):
            backend = self.backends[model]
            if backend.is_available and backend.fault() is None:
                return model
        return None

    async def load_model(self, model: TTSModel) -> bool:
        """Load a model and make it the active one; return whether it can speak."""
        is_ready = await self.backends[model].initialize()
        if is_ready:
            self.activate(model)
        else:
            self._fail(self.backends[model].fault() or EngineUnavailable(f"{model.value} could not be loaded"), model)
        return is_ready

    async def download_model(self, model: TTSModel, language: str = "") -> bool:
        """Fetch a model and return whether it is here; why not is in `error`."""
        try:
            self._require_room(model, language)
            await self.backends[model].download_model(language)
        except PortevoixError as error:
            self._fail(error, model)
            return False
        return True

    def can_download_model(self, model: TTSModel) -> bool:
        """Tell whether the disk has room for a model and `MIN_DISK_SPACE_GB` besides."""
        needed = self.backends[model].wanted().size_bytes / GIGABYTE + self.MIN_DISK_SPACE_GB
        return self.get_available_disk_space_gb() >= needed

    def get_available_disk_space_gb(self) -> float:
        """Return the free room on the models' disk in billions of bytes, 0 where it cannot be known."""
        folder = self.models_path.absolute()
        try:
            return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free / GIGABYTE
        except (OSError, StopIteration):
            return 0.0

    async def get_model_status(self, model: TTSModel) -> ModelStatus:
        """Return where a model stands."""
        return self.backends[model].status()

    async def get_all_models_status(self) -> dict[str, ModelStatus]:
        """Return where each model stands, by its value."""
        return {model.value: backend.status() for model, backend in self.backends.items()}

    async def download_and_load_first_available(self, preferred: TTSModel | None = None) -> bool:
        """Fetch and load the preferred model, or Chatterbox where that cannot be had; return whether one speaks."""
        self._pending += 1
        try:
            chosen = dict.fromkeys((preferred or TTSModel.get_default(), TTSModel.get_fallback()))
            for model in [one for one in chosen if self.backends[one].is_available]:
                if await self.download_model(model) and await self.load_model(model):
                    return True
            if not any(self.backends[one].is_available for one in chosen):
                self._fail(self.missing_packages(next(iter(chosen))), next(iter(chosen)))
            return False
        finally:
            self._pending -= 1
            self._tell()

    async def download_models_background(self, preferred: TTSModel | None = None) -> None:
        """Fetch what is missing beside the active model, one after the other, as far as disk and licences allow.

        Taken are models whose packages are installed, whose licence allows commerce and asks for no consent, and the
        preferred one; nothing where the settings switch fetching off.
        """
        if not self.app.settings.models.fetch_missing:
            return
        for model in self._in_order(preferred):
            backend = self.backends[model]
            wanted = backend.wanted()
            is_free = wanted.allows_commerce and not wanted.asks_consent
            if not backend.is_available or not (is_free or model is preferred) or backend.is_model_downloaded():
                continue
            if self.can_download_model(model):
                with suppress(PortevoixError):  # the download's own log says why, and nobody waits for it
                    await backend.download_model()

    async def wait_for_download_start(self, timeout: float = 10.0) -> bool:  # noqa: ASYNC109 - the name is given
        """Return True as soon as a download has begun or a model can speak; cancelling this changes nothing.

        Args:
            timeout: longest wait in seconds.

        Raises:
            PortevoixError: fetching has failed, or no model's packages are installed.
            TimeoutError: nothing began in time.
        """
        async with asyncio.timeout(timeout):
            while not self._has_begun and self.active_model is None:
                self._raise_hopeless()
                await self._changed.wait()
        return True

    async def wait_for_model_ready(self, timeout: float = 120.0) -> bool:  # noqa: ASYNC109 - the name is given
        """Return True as soon as the active model can speak; cancelling this changes nothing.

        Args:
            timeout: longest wait in seconds.

        Raises:
            PortevoixError: no model can be had.
            TimeoutError: none was ready in time.
        """
        async with asyncio.timeout(timeout):
            while self.active_model is None:
                self._raise_hopeless()
                await self._changed.wait()
        return True

    async def be_ready(self, model: TTSModel, language: str) -> None:
        """Return as soon as a model can speak a language, fetching it where need be; cancelling stops only the wait.

        Raises:
            EngineError: it cannot be had or loaded.
            LicenceNotAccepted: nobody has agreed to its licence.
            DiskFull: there is no room for it.
        """
        backend = self.backends[model]
        if not backend.is_available:
            raise self.missing_packages(model)
        if not backend.speaks(language):
            raise EngineUnavailable(f"{model.value} does not speak {language!r:.40}", hint="Name another model.")
        if self._is_missing(backend, language):
            self._require_room(model, language)
            await backend.download_model(language)
        if not await backend.initialize(language):
            raise backend.fault() or EngineUnavailable(f"{model.value} could not be loaded")
        if self.active_model is None:
            self.activate(model)

    def begin(self, preferred: TTSModel) -> None:
        """Begin to fetch and load a model in the background, unless one is on its way."""
        if self.is_pending:
            return
        self.error, self._has_begun = None, False
        self._keep(asyncio.create_task(self.download_and_load_first_available(preferred), name="first model"))

    def begin_others(self, preferred: TTSModel) -> None:
        """Begin to fetch what is missing in the background."""
        self._keep(asyncio.create_task(self.download_models_background(preferred), name="other models"))

    def missing_packages(self, model: TTSModel) -> PortevoixError:
        """Return the error for a model whose packages are not installed, with the command that installs them."""
        return self.backends[model].fault() or EngineUnavailable(f"{model.value} is not installed")

    def refusal_to_fetch(self, model: TTSModel) -> PortevoixError | None:
        """Return why a model cannot even begin to be fetched, or None."""
        hub, wanted = self.app.library.downloads.hub, self.backends[model].wanted()
        if hub.is_offline:
            return NotCached(f"{wanted.name} is not on this machine", "the network may not be used",
                             "Unset HF_HUB_OFFLINE and models.offline, or bring its files here.")  # fmt: skip
        try:
            self.app.library.require_consent(wanted)
            self._require_room(model)
        except (LicenceNotAccepted, DiskFull) as error:
            return error
        return None

    async def aclose(self) -> None:
        """End the background work; an app that was made here is closed."""
        self.app.library.downloads.listeners.remove(self._hear)
        await end_tasks(*self._tasks)
        if self._owns_app:
            await self.app.aclose()

    def _raise_hopeless(self) -> None:
        """Raise why nothing will come: the last attempt failed, or no model's packages are installed."""
        if self.is_pending:
            return
        if self.error is not None:
            raise self.error
        if not any(backend.is_available for backend in self.backends.values()):
            raise self.missing_packages(TTSModel.get_default())

    def _is_missing(self, backend: ModelBackend, language: str) -> bool:
        level = backend.level_for(language)
        voice = level.voice_for(language) if level is not None else None
        return voice is None or not voice.is_installed

    def _in_order(self, preferred: TTSModel | None) -> list[TTSModel]:
        first = (preferred or TTSModel.get_default(), TTSModel.get_fallback(), *TTSModel)
        return list(dict.fromkeys(first))

    def _require_room(self, model: TTSModel, language: str = "") -> None:
        wanted = self.backends[model].wanted(language)
        needed, free = wanted.size_bytes / GIGABYTE + self.MIN_DISK_SPACE_GB, self.get_available_disk_space_gb()
        if free < needed and not self.app.library.has(wanted):
            raise DiskFull(f"there is no room for {wanted.name}", f"{needed:.1f} GB are needed in {self.models_path}, "
                           f"{free:.1f} GB are free", "Make room there, or choose another folder.")  # fmt: skip

    def activate(self, model: TTSModel) -> None:
        """Let a model speak where none is named, and release those who wait."""
        is_news = self.active_model is not model
        self.active_model, self.error = model, None
        if is_news:
            logger.info("model.activated", extra={"model": model.value})
        self._tell()

    def _fail(self, error: PortevoixError, model: TTSModel) -> None:
        self.error = error
        logger.warning("model.not_ready", extra={"model": model.value, "code": error.code, "why": error.in_full})
        self._tell()

    def _hear(self, progress: Progress) -> None:
        """Release those who wait for a download's beginning."""
        if not self._has_begun and progress.phase in ("fetching", "checking", "done"):
            self._has_begun = True
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _keep(self, task: asyncio.Task[object]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def build_app(device: str, models_path: str | Path | None) -> App:
    """Return an app in which every model's engine takes part, built from the usual configuration.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    return build(with_models(read_configuration(), device, models_path), patience_seconds=LOAD_PATIENCE_SECONDS)


def with_models(loaded: Loaded, device: str = "auto", models_path: str | Path | None = None) -> Loaded:
    """Return a configuration in which every model's engine takes part, on a device where that was left open."""
    settings = loaded.settings
    backends = dict(settings.backends)
    for name in [engine for model in TTSModel for engine in model.engines if engine in backends]:
        options = backends[name].options
        is_open = any(item.name == "device" for item in fields(options)) and options.device == "auto"
        chosen = replace(options, device=device) if is_open else options
        backends[name] = replace(backends[name], enabled=True, options=chosen)
    folder = settings.models.folder if models_path is None else Path(models_path)
    changed = replace(settings, backends=backends, models=replace(settings.models, folder=folder))
    return replace(loaded, settings=changed)
