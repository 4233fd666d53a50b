"""The models of one program: what there is, what is here, and how it gets here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from portevoix.models.catalogue import Catalogue, Model, load_catalogue
from portevoix.models.downloads import Downloads
from portevoix.models.progress import Progress
from portevoix.models.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """Show one model.

    Attributes:
        model: what it is.
        is_installed: all of it is here.
        progress: the latest of its download, or None where this program began none.
    """

    model: Model
    is_installed: bool
    progress: Progress | None


class Library:
    """Know, keep and fetch models.

    Attributes:
        store: where they are kept.
        downloads: those under way.
    """

    def __init__(
        self, store: Store, downloads: Downloads, list_folder: Path, built_in: Callable[[], Catalogue] = load_catalogue
    ) -> None:
        """Keep models in `store`; does no work.

        Args:
            store: where models are.
            downloads: what fetches them.
            list_folder: where the publisher's full list is kept once it was fetched.
            built_in: makes the catalogue that is known without it.
        """
        self._built_in = built_in
        self.store = store
        self.downloads = downloads
        self._list_folder = list_folder
        self._catalogue: Catalogue | None = None

    @property
    def catalogue(self) -> Catalogue:
        """Return what is known."""
        if self._catalogue is None:
            self._catalogue = self._built_in().with_list(self._list_folder / LIST_NAME)
        return self._catalogue

    def entries(self) -> tuple[Entry, ...]:
        """Return every model that is known."""
        return tuple(self.entry(model) for model in self.catalogue.models.values())

    def entry(self, model: Model) -> Entry:
        """Return what is to be shown of a model."""
        return Entry(model, self.store.has(model), self.downloads.progress_of(model.name))

    async def fetch(self, name: str) -> Model:
        """Return a model as soon as it is in the store.

        Raises:
            ModelUnknown: there is none of this name.
            FetchError: the network's or the hub's doing.
            MachineError: the disk's.
        """
        model = self.catalogue.find(name)
        await self.downloads.fetch(model, self.store)
        return model

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

    async def aclose(self) -> None:
        """Stop all downloads."""
        await self.downloads.aclose()


LIST_NAME = "voices.json"
