"""Installing and removing the environments of heavy engines."""

from __future__ import annotations

import difflib
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from portevoix.cli.progress import REFRESH_SECONDS, bar, draw
from portevoix.clock import Clock, system_clock
from portevoix.errors import EngineNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portevoix.cli.invocation import Invocation
    from portevoix.engine import Engine
    from portevoix.rooms.installations import Installations
    from portevoix.rooms.progress import Progress
    from portevoix.rooms.recipe import Recipe

LINES = 10
"""Lines in one installation where nobody looks."""


@dataclass(frozen=True, slots=True)
class InstalledRow:
    """Show one engine whose packages are here.

    Attributes:
        engine: its name.
        environment: where it runs, or "" for this program's own.
        python: version of that environment's interpreter, or "".
        device: what its PyTorch was built for, or "".
        size_bytes: of the environment, which several engines may share.
    """

    engine: str
    environment: str = ""
    python: str = ""
    device: str = ""
    size_bytes: int = 0


def install(invocation: Invocation, names: Sequence[str], *, is_agreed: bool) -> None:
    """Install what the named engines or environments need, after telling what that is; asks on a terminal.

    Raises:
        EngineNotFound: there is none of this name.
        RoomError: it could not be installed.
        MachineError: the disk's doing.
    """
    from portevoix.cli.session import run
    from portevoix.registry import installed_engines

    engines = installed_engines()
    run(_install(invocation, names, engines, is_agreed=is_agreed))
    for name in names:
        model = getattr(engines.get(name), "model", "")
        if model:
            click.echo(f"Its model, unless it is here: portevoix models get {model}", err=True)


def remove(invocation: Invocation, names: Sequence[str]) -> None:
    """Take away what the named engines or environments need.

    Raises:
        EngineNotFound: there is none of this name.
        RoomInUse: an engine runs in it.
        NotWritable: the folder does not allow it.
    """
    from portevoix.registry import installed_engines

    rooms = _rooms(invocation)
    for recipe in _recipes(rooms, names, installed_engines()):
        if rooms.shelf.python(recipe.name) is None:
            click.echo(f"{recipe.name} is not installed", err=True)
        else:
            freed = rooms.shelf.remove(recipe.name)
            click.echo(f"{recipe.name} removed, {_megabytes(freed)} are free again", err=True)


def print_installed(invocation: Invocation, *, as_json: bool) -> None:
    """Print the engines whose packages are here."""
    from portevoix.cli.tables import print_json, print_table
    from portevoix.registry import installed_engines

    rooms = _rooms(invocation)
    notes = {note.name: note for note in rooms.shelf.installed()}
    rows = []
    for name, engine in installed_engines().items():
        environment = environment_of(engine)
        if not environment:
            rows.append(InstalledRow(name))
        elif note := notes.get(environment):
            rows.append(InstalledRow(name, environment, note.python, note.device, note.size_bytes))
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    cells = [(row.engine, row.environment or "built in", row.python, row.device,
              _megabytes(row.size_bytes) if row.size_bytes else "") for row in rows]  # fmt: skip
    print_table(("engine", "environment", "python", "device", "size"), cells)


def environment_of(engine: type[Engine]) -> str:
    """Return the environment that an engine's class names, "" where it needs none."""
    return str(getattr(engine, "environment", ""))


class Display:
    """Show an installation on stderr: a bar on a terminal, else a line for each phase and each tenth; a listener."""

    def __init__(self, *, is_seen: bool | None = None, clock: Clock = system_clock) -> None:
        """Draw where `is_seen` says that somebody looks; found out when None."""
        self._is_seen = sys.stderr.isatty() if is_seen is None else is_seen
        self._clock = clock
        self._next_seconds = 0.0
        self._told: tuple[str, int] = ("", 0)

    def __call__(self, progress: Progress) -> None:
        """Show one step, where it is worth while."""
        told = (progress.phase, int(LINES * progress.ratio))
        if self._is_seen:
            self._draw(progress)
        elif told != self._told and not progress.has_ended:
            self._told = told
            click.echo(line(progress), err=True)

    def clear(self) -> None:
        """Remove what is drawn."""
        if self._is_seen:
            draw("")

    def _draw(self, progress: Progress) -> None:
        now = self._clock()
        if now < self._next_seconds or progress.has_ended:
            return
        self._next_seconds = now + REFRESH_SECONDS
        draw(f"{bar(progress.ratio)} {line(progress)}")


def line(progress: Progress) -> str:
    """Return how far an installation is, in words."""
    parts = [f"{progress.room}  {progress.ratio:.0%}  {progress.phase}"]
    if progress.phase == "fetching" and progress.packages:
        parts.append(f"{progress.packages} packages, {_megabytes(progress.fetched_bytes)}")
    elif progress.item:
        parts.append(progress.item)
    return "  ".join(parts)


async def _install(
    invocation: Invocation, names: Sequence[str], engines: Mapping[str, type[Engine]], *, is_agreed: bool
) -> None:
    rooms = _rooms(invocation)
    display = Display()
    rooms.listeners.append(display)
    try:
        for recipe in _recipes(rooms, names, engines):
            if rooms.is_current(recipe.name):
                click.echo(f"{recipe.name} is installed in {rooms.shelf.place(recipe.name)}", err=True)
                continue
            _introduce(recipe, rooms)
            _require_agreement(is_agreed=is_agreed)
            try:
                await rooms.install(recipe.name)
            finally:
                display.clear()
            click.echo(f"{recipe.name} is installed in {rooms.shelf.place(recipe.name)}", err=True)
    finally:
        await rooms.aclose()


def _introduce(recipe: Recipe, rooms: Installations) -> None:
    from portevoix.rooms.sources import device_kind

    device = device_kind()
    click.echo(f"{recipe.name}: {recipe.about}", err=True)
    click.echo(f"  about {recipe.download_mb.get(device, 0)} MB to fetch, {_megabytes(recipe.needs_bytes(device))} "
               f"in {rooms.shelf.folder}", err=True)  # fmt: skip
    licences = ", ".join(f"{package} {licence}" for package, licence in recipe.licences.items())
    click.echo(f"  licences: {licences}", err=True)


def _require_agreement(*, is_agreed: bool) -> None:
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here. Add --yes.")
    click.confirm("Install it?", default=True, abort=True, err=True)


def _recipes(rooms: Installations, names: Sequence[str], engines: Mapping[str, type[Engine]]) -> list[Recipe]:
    """Return the recipes that engines or environments of these names need, each once."""
    found = {}
    for name in names:
        environment = name if name in rooms.recipes else environment_of(_find(engines, name, rooms))
        if environment:
            found[environment] = rooms.find(environment)
        else:
            click.echo(f"{name} needs nothing to be installed", err=True)
    return list(found.values())


def _find(engines: Mapping[str, type[Engine]], name: str, rooms: Installations) -> type[Engine]:
    if name in engines:
        return engines[name]
    known = [*(one for one, engine in engines.items() if environment_of(engine)), *rooms.recipes]
    near = difflib.get_close_matches(name, known, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
    raise EngineNotFound(f"there is no engine {name[:80]!r}", hint=hint, param="name")


def _rooms(invocation: Invocation) -> Installations:
    from portevoix.app import build

    return build(invocation.read()).rooms


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB"
