"""All installations of a program: one for each environment however many ask, and who wants to know how far they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from portevoix.errors import PortevoixError
from portevoix.rooms.build import Order
from portevoix.rooms.environments import EnvironmentShelf
from portevoix.rooms.faults import RoomCancelled
from portevoix.rooms.installation import Limits, install
from portevoix.rooms.progress import Meter, Phase, Progress
from portevoix.rooms.recipe import Recipe, find_recipe, load_recipes
from portevoix.rooms.sources import Sources, device_kind
from portevoix.tasks import see_through
from portevoix.undertakings import Undertakings

logger = logging.getLogger(__name__)


class Installations(Undertakings[Progress]):
    """Install environments; used from one event loop.

    Attributes:
        shelf: where they are.
    """

    def __init__(
        self,
        shelf: EnvironmentShelf,
        *,
        sources: Sources | None = None,
        limits: Limits | None = None,
        recipes: Callable[[], Mapping[str, Recipe]] = load_recipes,
        reads_pip: bool = True,
    ) -> None:
        """Do nothing yet.

        Args:
            shelf: where environments are put.
            sources: where packages come from, besides what pip is configured with.
            limits: bounds of each installation.
            recipes: makes what is known of environments.
            reads_pip: what pip is configured with counts.
        """
        super().__init__()
        self.shelf = shelf
        self._sources = sources or Sources()
        self._limits = limits or Limits()
        self._make_recipes = recipes
        self._recipes: Mapping[str, Recipe] | None = None
        self._reads_pip = reads_pip

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """Return what can be installed, by name."""
        if self._recipes is None:
            self._recipes = self._make_recipes()
        return self._recipes

    def find(self, name: str) -> Recipe:
        """Return a recipe.

        Raises:
            RoomUnknown: there is none of this name.
        """
        return find_recipe(self.recipes, name)

    def needs_bytes(self, name: str) -> int:
        """Return the room that an environment takes on the disk of this machine, about.

        Raises:
            RoomUnknown: there is none of this name.
        """
        return self.find(name).needs_bytes(device_kind())

    def is_current(self, name: str) -> bool:
        """Tell whether an environment is installed as its recipe says."""
        note = self.shelf.note(name)
        return note is not None and note.fingerprint == self.find(name).fingerprint

    async def install(self, name: str) -> None:
        """Return as soon as an environment is installed; several who ask wait for one installation.

        Cancelling this leaves the installation alone.

        Raises:
            RoomUnknown: there is none of this name.
            RoomError: it could not be installed.
            MachineError: the disk's doing.
        """
        await asyncio.shield(self.begin(name))

    def begin(self, name: str) -> asyncio.Task[None]:
        """Begin an installation, or return the one that is under way.

        Raises:
            RoomUnknown: there is none of this name.
        """
        recipe = self.find(name)
        return self._begin(name, Progress(name), lambda: self._run(recipe))

    async def _run(self, recipe: Recipe) -> None:
        meter = Meter(recipe.name)
        order = Order(str(self.shelf.folder.absolute()), recipe, self._sources, self._reads_pip)
        logger.info("room.installing", extra={"room": recipe.name})
        try:
            if not self.is_current(recipe.name):
                await install(order, self._limits, self._teller(recipe.name, meter.step))
            self._tell(recipe.name, meter.step("done", {}))
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):  # once more, which changes nothing
                await see_through(asyncio.to_thread(self.shelf.sweep))
            raise self._failed(
                meter, RoomCancelled(f"installing {recipe.name} was stopped", hint="Install it again when you want it.")
            ) from None
        except PortevoixError as error:
            raise self._failed(meter, error) from None
        logger.info("room.installed", extra={"room": recipe.name})

    def _failed(self, meter: Meter, error: PortevoixError) -> PortevoixError:
        phase: Phase = "cancelled" if isinstance(error, RoomCancelled) else "failed"
        logger.warning("room.not_installed", extra={"room": meter.progress.room, "code": error.code, "why": str(error)})
        self._tell(meter.progress.room, replace(meter.progress, phase=phase, code=error.code, why=error.in_full))
        return error
