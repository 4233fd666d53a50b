"""`voices`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.speech import Voice

LOADING_SECONDS = 10.0


@click.command()
@click.option("--all", "shows_all", is_flag=True, help="List those as well that are known and not on this machine.")
@click.option("--lang", metavar="TAG", help="List those of this language alone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def voices(invocation: Invocation, *, shows_all: bool, lang: str | None, as_json: bool) -> None:
    """List the voices that can speak on this machine."""
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json, print_table

    known = run(_known_voices(invocation))
    shown = [voice for voice in known if (shows_all or voice.is_installed) and _speaks(voice, lang)]
    if as_json:
        print_json([asdict(voice) for voice in shown])
        return
    rows = [
        (one.name, one.engine, one.language or "any", one.sample_rate or None, len(one.speakers) or 1, _state(one))
        for one in shown
    ]
    print_table(("voice", "engine", "language", "Hz", "speakers", "state"), rows, flexible=1)
    hidden = sum(not voice.is_installed and _speaks(voice, lang) for voice in known)
    if hidden and not shows_all:
        click.echo(f"{hidden} more are known and not on this machine: portevoix voices --all", err=True)


async def _known_voices(invocation: Invocation) -> list[Voice]:
    from portevoix.cli.session import opened

    async with opened(invocation) as app:
        with suppress(TimeoutError):
            await asyncio.wait_for(app.load(), LOADING_SECONDS)
        return [voice for level in app.chain.levels for voice in level.engine.voices()]


def _speaks(voice: Voice, language: str | None) -> bool:
    if language is None or not voice.language:
        return True
    wanted, own = (tag.replace("_", "-").lower() for tag in (language, voice.language))
    return own == wanted or own.startswith(f"{wanted}-")


def _state(voice: Voice) -> str:
    return "installed" if voice.is_installed else f"{voice.why_not}. {voice.hint}".rstrip(". ")
