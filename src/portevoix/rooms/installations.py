"""All installations of a program: one for each environment however many ask, and who wants to know how far they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any

from portevoix.errors import PortevoixError
from portevoix.rooms.build import Order
from portevoix.rooms.environments import EnvironmentShelf
from portevoix.rooms.faults import RoomCancelled
from portevoix.rooms.installation import Limits, install, told
from portevoix.rooms.progress import Meter, Phase, Progress, Tell
from portevoix.rooms.recipe import Recipe, find_recipe, load_recipes
from portevoix.rooms.sources import Sources, device_kind

logger = logging.getLogger(__name__)


class Installations:
    """Install environments; used from one event loop.

    Attributes:
        shelf: where they are.
        listeners: are told each progress of each installation, in order, from the event loop.
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
        self.shelf = shelf
        self.listeners: list[Tell] = []
        self._sources = sources or Sources()
        self._limits = limits or Limits()
        self._make_recipes = recipes
        self._recipes: Mapping[str, Recipe] | None = None
        self._reads_pip = reads_pip
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress: dict[str, Progress] = {}
        self._changed = asyncio.Event()

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

    def progress_of(self, name: str) -> Progress | None:
        """Return the latest of one installation, or None where there was none."""
        return self._progress.get(name)

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
        task = self._tasks.get(name)
        if task is None:
            recipe = self.find(name)
            self._tell(Progress(name))
            task = self._tasks[name] = asyncio.create_task(self._run(recipe), name=f"install {name}")
            task.add_done_callback(lambda ended: self._forget(name, ended))
        return task

    def cancel(self, name: str) -> bool:
        """Stop an installation; whoever waits for it gets `RoomCancelled`. Return whether there was one."""
        task = self._tasks.get(name)
        if task is None:
            return False
        # A task that has not taken its first step yet would end without being able to tell.
        asyncio.get_running_loop().call_soon(task.cancel)
        return True

    async def watch(self) -> AsyncGenerator[Progress, None]:
        """Yield what is known of each installation, and each change; a slow listener misses steps, never the last."""
        told_of: dict[str, Progress] = {}
        while True:
            changed = self._changed
            for name, progress in tuple(self._progress.items()):
                if told_of.get(name) != progress:
                    told_of[name] = progress
                    yield progress
            await changed.wait()

    async def aclose(self) -> None:
        """Stop all installations; no process is left."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, recipe: Recipe) -> None:
        meter = Meter(recipe.name)
        order = Order(str(self.shelf.folder.absolute()), recipe, self._sources, self._reads_pip)
        logger.info("room.installing", extra={"room": recipe.name})
        try:
            if not self.is_current(recipe.name):
                await install(order, self._limits, self._teller(meter))
            self._tell(meter.step("done", {}))
        except asyncio.CancelledError:
            await asyncio.to_thread(self.shelf.sweep)
            raise self._failed(
                meter, RoomCancelled(f"installing {recipe.name} was stopped", hint="Install it again when you want it.")
            ) from None
        except PortevoixError as error:
            raise self._failed(meter, error) from None
        logger.info("room.installed", extra={"room": recipe.name})

    def _teller(self, meter: Meter) -> Callable[[str, dict[str, Any]], None]:
        def tell(event: str, facts: dict[str, Any]) -> None:
            self._tell(meter.step(event, facts))

        return tell

    def _failed(self, meter: Meter, error: PortevoixError) -> PortevoixError:
        phase: Phase = "cancelled" if isinstance(error, RoomCancelled) else "failed"
        logger.warning("room.not_installed", extra={"room": meter.progress.room, "code": error.code, "why": str(error)})
        self._tell(replace(meter.progress, phase=phase, code=error.code, why=told(error)))
        return error

    def _tell(self, progress: Progress) -> None:
        if progress == self._progress.get(progress.room):
            return
        self._progress[progress.room] = progress
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in self.listeners:
            listener(progress)

    def _forget(self, name: str, ended: asyncio.Task[None]) -> None:
        del self._tasks[name]
        if not ended.cancelled():
            ended.exception()
