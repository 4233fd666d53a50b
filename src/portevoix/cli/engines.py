"""`engines list`, `install`, `remove`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from portevoix.cli.group import ListingGroup
from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.level import Level


@dataclass(frozen=True, slots=True)
class EngineRow:
    """Show one engine.

    Attributes:
        level: place in the chain, from 1; None when it takes no part.
        engine: its name.
        state: `ready`, `loading`, `idle`, `unavailable`, `off`, `not installed`.
        voice: what it would speak the default language with; "" for none.
        device: what it runs on.
        why: why it is not ready, or a remark.
        what_to_do: as a sentence, or "".
    """

    level: int | None
    engine: str
    state: str
    voice: str = ""
    device: str = ""
    why: str = ""
    what_to_do: str = ""


@click.group(cls=ListingGroup)
def engines() -> None:
    """List who can speak; install and remove what heavy engines need.

    Without a command, lists who can speak.
    """


@engines.command("list")
@click.option("--installed", is_flag=True, help="List those alone whose packages are here, and where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def list_engines(invocation: Invocation, *, installed: bool, as_json: bool) -> None:
    """List who can speak, in the order they are asked, with the reason and the remedy for those who cannot."""
    if installed:
        from portevoix.cli.rooms import print_installed

        print_installed(invocation, as_json=as_json)
        return
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json, print_table

    rows = run(_rows(invocation))
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("level", "engine", "state", "voice", "device", "why", "what to do")
    print_table(columns, [tuple(asdict(row).values()) for row in rows], flexible=2)


@engines.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")
@shared_options(is_hidden=True)
@click.pass_obj
def install(invocation: Invocation, names: tuple[str, ...], *, is_agreed: bool) -> None:
    """Install the packages that engines need, in an environment of their own.

    NAME is an engine or an environment. A server that is running finds it by itself. An installation that is stopped
    leaves nothing behind.
    """
    from portevoix.cli.rooms import install as install_rooms

    install_rooms(invocation, names, is_agreed=is_agreed)


@engines.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@shared_options(is_hidden=True)
@click.pass_obj
def remove(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Remove the packages that engines need; their models stay."""
    from portevoix.cli.rooms import remove as remove_rooms

    remove_rooms(invocation, names)


async def _rows(invocation: Invocation) -> list[EngineRow]:
    from portevoix.cli.session import load_in_time, opened

    async with opened(invocation) as app:
        await load_in_time(app)
        asked = [_row(number, level, app) for number, level in enumerate(app.chain.levels, 1)]
    return asked + _others(app)


def _row(number: int, level: Level, app: App) -> EngineRow:
    state = level.state()
    voice = level.voice_for(app.settings.advanced.default_language)
    lacks_voice = state.phase.value == "ready" and voice is not None and not voice.is_installed
    why, hint = (voice.why_not, voice.hint) if voice is not None and lacks_voice else (state.why, state.hint)
    if (lacks_voice or state.phase.value == "unavailable") and (arriving := app.library.arriving_for(level.name)):
        what = f"fetching {arriving.model.name}" if arriving.is_fetching else f"{arriving.model.name} is here in part"
        why = f"{what}: {arriving.ratio:.0%}"
    return EngineRow(number, level.name, state.phase.value, voice.name if voice else "", state.device, why, hint)


def _others(app: App) -> list[EngineRow]:
    """Return the engines that take no part: switched off, or configured and not installed."""
    taking_part = {level.name for level in app.chain.levels}
    off = [_off(name, app) for name in app.settings.backends if name not in taking_part]
    absent = [
        EngineRow(None, name, "not installed", why="no installed package brings it", what_to_do="Check its name.")
        for name in app.settings.absent_backends
    ]
    return off + absent


def _off(name: str, app: App) -> EngineRow:
    """Return the row of an engine that is switched off, with what it lacks before it could take part."""
    from portevoix.cli.rooms import environment_of
    from portevoix.engine import takes_part
    from portevoix.parts import bystander

    enable, engine = f"Set backends.{name}.enabled: true", bystander(name, app.settings)
    if engine is None or takes_part(type(engine)):
        return EngineRow(None, name, "off", why="the configuration switches it off", what_to_do=enable)
    state = engine.state()
    if state.phase.value == "unavailable":
        is_lacking_packages = bool(environment_of(type(engine)))
        return EngineRow(None, name, "not installed" if is_lacking_packages else "off", why=state.why,
                         what_to_do=state.hint)  # fmt: skip
    return EngineRow(None, name, "off", why="it is installed, and takes part when enabled", what_to_do=enable)
