"""The models of one program: what there is, what is here, and how it gets here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portevoix.locks import is_locked
from portevoix.models.catalogue import Catalogue, Model, load_catalogue
from portevoix.models.downloads import Downloads, Finish
from portevoix.models.folders import FolderStore
from portevoix.models.licences import LicenceBook, LicenceNotAccepted
from portevoix.models.locks import lock_of
from portevoix.models.progress import Progress
from portevoix.models.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """Show one model.

    Attributes:
        model: what it is.
        is_installed: all of it is here.
        progress: the latest of its download, or None where this program began none.
        arrived_bytes: what an unfinished download has left here, or another program is fetching.
        size_bytes: of all of it, as exactly as it is known here.
        is_fetching: this program or another one is fetching it.
    """

    model: Model
    is_installed: bool
    progress: Progress | None
    arrived_bytes: int = 0
    size_bytes: int = 0
    is_fetching: bool = False

    @property
    def ratio(self) -> float:
        """Return how much of it is here, 0 to 1."""
        if self.is_installed:
            return 1.0
        return min(0.99, self.arrived_bytes / self.size_bytes) if self.size_bytes else 0.0


class Library:
    """Know, keep and fetch models.

    Attributes:
        store: where voices of Piper are kept.
        folders: where models that are folders are kept.
        downloads: those under way.
        licences: remembers what somebody has agreed to.
    """

    def __init__(
        self, store: Store, downloads: Downloads, list_folder: Path,
        built_in: Callable[[], Catalogue] = load_catalogue, finish: Finish | None = None,
    ) -> None:  # fmt: skip
        """Keep models in `store` and `list_folder`; does no work.

        Args:
            store: where voices are.
            downloads: what fetches them.
            list_folder: where models that are folders are, and the publisher's full list once it was fetched.
            built_in: makes the catalogue that is known without it.
            finish: makes translation models ready for use that `begin` fetches.
        """
        self._built_in = built_in
        self._finish = finish
        self.store = store
        self.folders = FolderStore(list_folder)
        self.downloads = downloads
        self.licences = LicenceBook(list_folder)
        self._list_folder = list_folder
        self._catalogue: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """Return what is known."""
        if self._catalogue is None:
            self._catalogue = self._built_in().with_list(self._list_folder / LIST_NAME)
        return self._catalogue

    def store_of(self, model: Model) -> Store | FolderStore:
        """Return where a model is kept, or would be."""
        return self.folders if model.is_folder else self.store

    def has(self, model: Model) -> bool:
        """Tell whether a model and all that it requires are here."""
        return all(self.store_of(one).has(one) for one in self.needed(model))

    def needed(self, model: Model) -> tuple[Model, ...]:
        """Return what has to be here for a model to be of use: what it requires, and itself last."""
        return (*(self.catalogue.find(name) for name in model.requires), model)

    def entries(self) -> tuple[Entry, ...]:
        """Return every model that is known."""
        return tuple(self.entry(model) for model in self.catalogue.models.values())

    def entry(self, model: Model) -> Entry:
        """Return what is to be shown of a model."""
        store = self.store_of(model)
        is_installed = store.has(model)
        arrived = 0 if is_installed else store.arrived_bytes(model)
        is_fetching = not is_installed and is_locked(lock_of(store.folder, model.name))
        progress = self.downloads.progress_of(model.name)
        return Entry(model, is_installed, progress, arrived, store.size_bytes(model), is_fetching)

    def arriving_for(self, engine: str) -> Entry | None:
        """Return a model of an engine of which a part is here, one that is being fetched first, or None."""
        entries = [self.entry(model) for model in self.catalogue.of_engine(engine)]
        parts = [entry for entry in entries if entry.is_fetching or entry.arrived_bytes]
        return max(parts, key=lambda entry: entry.is_fetching, default=None)

    def progress_for(self, engine: str) -> Progress | None:
        """Return the download under way that an engine waits for, or None."""
        for progress in self.downloads.progress:
            if not progress.has_ended and engine in self._engines_of(progress.model):
                return progress
        return None

    def _engines_of(self, name: str) -> tuple[str, ...]:
        model = self.catalogue.models.get(name)
        if model is None:
            return ()
        users = (one for one in self.catalogue.models.values() if name in one.requires)
        return (*model.engines, *(engine for one in users for engine in one.engines))

    def require_consent(self, model: Model) -> None:
        """Make sure that somebody has agreed to a model's licence, where it wants that.

        Raises:
            LicenceNotAccepted: nobody has.
        """
        if model.asks_consent and not self.licences.is_accepted(model.licence):
            raise LicenceNotAccepted(
                f"{model.name} needs your consent to its licence", f"{model.licence}: {model.about}",
                f'Read it, then run: portevoix models get {model.name} --accept-licence "{model.licence}"',
            )  # fmt: skip

    def begin(self, model: Model) -> asyncio.Task[None]:
        """Begin to fetch a model and what it requires, or join who does; the task is the model's own.

        A translation model is also made ready for use, in the same task.

        Raises:
            LicenceNotAccepted: nobody has agreed to its licence.
        """
        self.require_consent(model)
        for one in self.needed(model):
            if one is model or not self.store_of(one).has(one):
                finish = self._finish if one.kind == "translation" else None
                task = self.downloads.begin(one, self.store_of(one), finish)
        return task

    async def fetch(self, name: str) -> Model:
        """Return a model as soon as it is here, with what it requires.

        Raises:
            ModelUnknown: there is none of this name.
            LicenceNotAccepted: nobody has agreed to its licence.
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        model = self.catalogue.find(name)
        if not self.store_of(model).has(model):
            self.require_consent(model)
        for one in self.needed(model):
            await self.downloads.fetch(one, self.store_of(one))
        return model

    def remove(self, name: str) -> int:
        """Take a model away, whole or not, and return the bytes set free; also a voice that somebody else put there.

        Raises:
            ModelUnknown: the name is no name of a model.
            ModelMissing: nothing of it is here.
            ModelInUse: some program is fetching it.
            NotWritable: the folder does not allow it.
        """
        is_folder = name not in self.catalogue.models or self.catalogue.models[name].is_folder
        if is_folder and self.folders.knows(name):
            return self.folders.remove(name)
        return self.store.remove(name)

    async def refresh(self) -> int:
        """Fetch the publisher's full list and return how many models are known then; the old one stays on failure.

        Raises:
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        arrival = Store(self._list_folder / "arriving")
        await self.downloads.begin(self.catalogue.list_model, arrival)
        (arrived,) = arrival.places(self.catalogue.list_model)
        arrived.replace(self._list_folder / LIST_NAME)
        self._catalogue = None
        return len(self.catalogue.models)

    def sweep(self) -> None:
        """Take away what unfinished downloads left long ago."""
        self.store.sweep()
        self.folders.sweep()

    async def aclose(self) -> None:
        """Stop all downloads."""
        await self.downloads.aclose()


LIST_NAME = "voices.json"
