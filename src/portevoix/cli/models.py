"""`models list`, `get`, `rm`, `verify`, `path`."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from portevoix.cli.conversion import convert, make_ready
from portevoix.cli.invocation import Invocation, shared_options
from portevoix.cli.licences import consent_option, require_consent
from portevoix.cli.progress import REFRESH_SECONDS, bar, clock_face, draw
from portevoix.clock import Clock, system_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from portevoix.models.catalogue import Model
    from portevoix.models.library import Entry, Library
    from portevoix.models.progress import Progress

LOG_STEPS = 10


@dataclass(frozen=True, slots=True)
class ModelRow:
    """Show one model.

    Attributes:
        model: its name.
        engines: those that speak with it, with commas between them; "" for none.
        languages: tags, likewise.
        size_bytes: of all its files, as far as that is known.
        speakers: how many voices it has.
        clones: it can take on a voice from a recording.
        state: `installed`, `available`, or how much of it is here.
        licence: of the model, or of the recordings it was made from.
        commercial: its licence allows to earn money with it.
        about: a remark, or "".
    """

    model: str
    engines: str
    languages: str
    size_bytes: int
    speakers: int
    clones: bool
    state: str
    licence: str
    commercial: bool
    about: str


@click.group()
def models() -> None:
    """List, fetch and remove voices and models."""


models.add_command(convert)


@models.command("list")
@click.option("--lang", metavar="TAG", help="List those of this language alone.")
@click.option("--engine", metavar="NAME", help="List those alone that this engine speaks with.")
@click.option("--installed", is_flag=True, help="List those alone that are on this machine.")
@click.option("--refresh", is_flag=True, help="Fetch Piper's full list of voices first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def list_models(
    invocation: Invocation, lang: str | None, engine: str | None, *, installed: bool, refresh: bool, as_json: bool
) -> None:
    """List what can be fetched, with its licence."""

    def is_wanted(entry: Entry) -> bool:
        is_spoken = lang is None or entry.model.speaks(lang)
        is_used = engine is None or engine in entry.model.engines
        return is_spoken and is_used and (entry.is_installed or not installed)

    print_models(invocation, is_wanted, refreshes=refresh, as_json=as_json)


def print_models(
    invocation: Invocation, is_wanted: Callable[[Entry], bool], *, refreshes: bool = False, as_json: bool = False
) -> None:
    """Print the models that are wanted, as a table or as JSON."""
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json, print_table

    rows = [_row(entry) for entry in run(_entries(invocation, refreshes=refreshes)) if is_wanted(entry)]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("model", "engine", "languages", "size", "voices", "clones", "state", "licence", "about")
    table = [(row.model, row.engines or None, row.languages or None, _size(row.size_bytes), row.speakers,
              "yes" if row.clones else None, row.state, _licence(row), row.about) for row in rows]  # fmt: skip
    print_table(columns, table, flexible=2)


def _licence(row: ModelRow) -> str:
    return row.licence if row.commercial else f"{row.licence} (not for commerce)"


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@consent_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON: where the files lie.")
@shared_options(is_hidden=True)
@click.pass_obj
def get(invocation: Invocation, names: tuple[str, ...], accepted: tuple[str, ...], *, as_json: bool) -> None:
    """Fetch models.

    Progress is drawn on a terminal, else told in a line for each tenth. A download that was stopped goes on where it
    stopped. A licence that wants to be accepted is asked about on a terminal, once. A translation model is converted
    as well, where the environment for that is installed.
    """
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json

    _settle_licences(invocation, names, accepted)
    places = run(_fetch(invocation, names))
    if as_json:
        print_json(places)


@models.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@shared_options(is_hidden=True)
@click.pass_obj
def rm(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Remove models, also what is left of a download that was stopped."""
    library = _library(invocation)
    for name in names:
        click.echo(f"{name} removed, {_megabytes(library.remove(name))} are free again", err=True)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME…]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def verify(invocation: Invocation, names: tuple[str, ...], *, as_json: bool) -> None:
    """Compare the files of models with their checksums; without NAME those of all that are installed.

    Ends with 4 when one is damaged.
    """
    from portevoix.cli.tables import print_json, print_table

    library = _library(invocation)
    chosen = [library.catalogue.find(name) for name in names] if names else [
        entry.model for entry in library.entries() if entry.is_installed
    ]  # fmt: skip
    verdicts = [verdict for model in chosen for verdict in library.store_of(model).verify(model)]
    if as_json:
        print_json(verdicts)
    else:
        print_table(("file", "found"), [(verdict.path.name, verdict.found) for verdict in verdicts])
    if not all(verdict.is_sound for verdict in verdicts):
        from portevoix.errors import ModelBroken

        raise ModelBroken("a model is damaged", hint="Remove it (portevoix models rm NAME) and fetch it again.")


@models.command()
@click.argument("name", required=False)
@shared_options(is_hidden=True)
@click.pass_obj
def path(invocation: Invocation, name: str | None) -> None:
    """Print the folders in which voices and models are kept, or where NAME lies or would lie."""
    library = _library(invocation)
    places: tuple[Path, ...] = (library.store.folder, library.folders.folder)
    if name:
        model = library.catalogue.find(name)
        places = library.store_of(model).places(model)
    for place in places:
        click.echo(place.absolute())


def _library(invocation: Invocation) -> Library:
    from portevoix.app import build

    return build(invocation.read()).library


@asynccontextmanager
async def _open_library(invocation: Invocation) -> AsyncIterator[Library]:
    library = _library(invocation)
    try:
        yield library
    finally:
        await library.aclose()


async def _entries(invocation: Invocation, *, refreshes: bool) -> tuple[Entry, ...]:
    async with _open_library(invocation) as library:
        if refreshes:
            await library.refresh()
        return library.entries()


async def _fetch(invocation: Invocation, names: tuple[str, ...]) -> dict[str, list[str]]:
    async with _open_library(invocation) as library:
        wanted = [library.catalogue.find(name) for name in names]
        for model in (needed for one in wanted for needed in library.needed(one)):
            about = f" ({model.about})" if model.about else ""
            click.echo(f"{model.name}: {_told_size(library, model)}, licence {model.licence}{about}", err=True)
        display = Display()
        library.downloads.listeners.append(display)
        try:
            await asyncio.gather(*(library.fetch(model.name) for model in wanted))
        finally:
            display.clear()
        for model in wanted:
            click.echo(f"{model.name} is in {library.store_of(model).folder}", err=True)
            if model.kind == "translation":
                await make_ready(invocation.read().settings, model.name)
        return {
            model.name: [str(place.absolute()) for place in library.store_of(model).places(model)] for model in wanted
        }


def _settle_licences(invocation: Invocation, names: tuple[str, ...], accepted: tuple[str, ...]) -> None:
    """Ask for the consent that is lacking, before anything is fetched."""
    library = _library(invocation)
    for model in (library.catalogue.find(name) for name in names):
        if model.asks_consent:
            require_consent(library.licences, model.licence, model.name, model.about, accepted)


def _told_size(library: Library, model: Model) -> str:
    told = _size(library.entry(model).size_bytes) or "size not known"
    return told if any(file.size_bytes for file in model.files) else f"about {told}"


def _size(count: int) -> str | None:
    return _megabytes(count) if count else None


class Display:
    """Show downloads on stderr: a bar on a terminal, else a line for each tenth; a listener."""

    def __init__(self, *, is_seen: bool | None = None, clock: Clock = system_clock) -> None:
        """Draw where `is_seen` says that somebody looks; found out when None."""
        self._is_seen = sys.stderr.isatty() if is_seen is None else is_seen
        self._clock = clock
        self._next = 0.0
        self._tenths: dict[str, int] = {}
        self._latest: dict[str, Progress] = {}

    def __call__(self, progress: Progress) -> None:
        """Show one step, where it is worth while."""
        self._latest[progress.model] = progress
        if self._is_seen:
            self._draw()
            return
        tenth = int(LOG_STEPS * progress.ratio)
        if progress.phase == "fetching" and tenth > self._tenths.setdefault(progress.model, 0):
            self._tenths[progress.model] = tenth
            click.echo(line(progress), err=True)

    def clear(self) -> None:
        """Remove what is drawn."""
        if self._is_seen:
            draw("")

    def _draw(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + REFRESH_SECONDS
        under_way = [one for one in self._latest.values() if not one.has_ended]
        if under_way:
            more = f"  and {len(under_way) - 1} more" if len(under_way) > 1 else ""
            draw(f"{bar(under_way[0].ratio)} {line(under_way[0])}{more}")


def line(progress: Progress) -> str:
    """Return how far a download is, in words."""
    if progress.phase != "fetching":
        return f"{progress.model}  {progress.phase}"
    parts = [
        f"{progress.model}  {progress.ratio:.0%} of {_megabytes(progress.total_bytes)}",
        f"{_megabytes(progress.bytes_per_second)}/s",
    ]
    if progress.seconds_left is not None:
        parts.append(f"{clock_face(progress.seconds_left)} left")
    return "  ".join(parts)


def _row(entry: Entry) -> ModelRow:
    model = entry.model
    return ModelRow(
        model.name, ", ".join(model.engines), ", ".join(model.languages), entry.size_bytes, model.speakers,
        model.can_clone, _state(entry), model.licence, model.allows_commerce, model.about,
    )  # fmt: skip


def _state(entry: Entry) -> str:
    if entry.is_installed:
        return "installed"
    if entry.is_fetching:
        return f"fetching {entry.ratio:.0%}"
    return f"{entry.ratio:.0%} here" if entry.arrived_bytes else "available"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB"
