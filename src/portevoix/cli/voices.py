"""`voices list`, `add`, `rm`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portevoix.cli.group import ListingGroup
from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.models.library import Entry
    from portevoix.references.shelf import Consent, StoredVoice
    from portevoix.speech import Voice

STORED = "stored"


@click.group(cls=ListingGroup)
def voices() -> None:
    """List voices, and keep those of people.

    Without a command, lists what can speak on this machine.
    """


@voices.command("list")
@click.option("--all", "shows_all", is_flag=True, help="List those as well that are known and not on this machine.")
@click.option("--available", is_flag=True, help="List what can be fetched to speak with, with size and licence.")
@click.option("--lang", metavar="TAG", help="List those of this language alone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def list_voices(invocation: Invocation, *, shows_all: bool, available: bool, lang: str | None, as_json: bool) -> None:
    """List the voices that can speak on this machine."""
    if available:
        _list_available(invocation, lang, as_json=as_json)
        return
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json, print_table

    known = run(_known_voices(invocation))
    shown = [voice for voice in known if _speaks(voice, lang) and (shows_all or voice.is_installed or _is_own(voice))]
    if as_json:
        print_json([asdict(voice) for voice in shown])
        return
    rows = [
        (one.name, one.engine, one.language or "any", one.sample_rate or None, len(one.speakers) or 1, _state(one))
        for one in shown
    ]
    print_table(("voice", "engine", "language", "Hz", "speakers", "state"), rows, flexible=1)
    hidden = sum(_speaks(voice, lang) for voice in known) - len(shown)
    if hidden:
        click.echo(f"{hidden} more are known and not on this machine: portevoix voices --all", err=True)


@voices.command()
@click.argument("name")
@click.argument("recording", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--consent", required=True, metavar="TEXT", help="What the person who speaks has agreed to, and when.")
@click.option("--consent-recording", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="The person saying so.")  # fmt: skip
@click.option("--lang", default="", metavar="TAG", help="Language of the recording.")
@click.option("--transcript", default="", metavar="TEXT", help="What is said in the recording; some engines need it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def add(
    invocation: Invocation, name: str, recording: Path, *, consent: str, consent_recording: Path | None, lang: str,
    transcript: str, as_json: bool,
) -> None:  # fmt: skip
    """Keep the voice of the person in RECORDING as NAME, for engines that can clone.

    About ten seconds of clear speech are best.
    """
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json
    from portevoix.references.shelf import Consent

    agreed = Consent(consent, consent_recording.read_bytes() if consent_recording else b"")
    voice = run(_keep(invocation, name, recording, consent=agreed, language=lang, transcript=transcript))
    if as_json:
        print_json(voice)
        return
    click.echo(f"{voice.name} is kept as {voice.id}. Speak with it: portevoix say --voice '{voice.name}' …", err=True)


@voices.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@shared_options(is_hidden=True)
@click.pass_obj
def rm(invocation: Invocation, names: tuple[str, ...]) -> None:
    """Remove voices of people, with their recordings and their consent."""
    from portevoix.app import build

    shelf = build(invocation.read()).shelf
    for name in names:
        click.echo(f"{shelf.remove(name).name} removed", err=True)


def _list_available(invocation: Invocation, language: str | None, *, as_json: bool) -> None:
    """Print the models that an engine speaks with."""
    from portevoix.cli.models import print_models

    def is_wanted(entry: Entry) -> bool:
        return bool(entry.model.engines) and (language is None or entry.model.speaks(language))

    print_models(invocation, is_wanted, as_json=as_json)


async def _keep(
    invocation: Invocation, name: str, recording: Path, *, consent: Consent, language: str, transcript: str
) -> StoredVoice:
    from portevoix.cli.session import opened
    from portevoix.references.recordings import Recordings

    async with opened(invocation) as app:
        recordings = Recordings(app.recordings.folder, None, app.recordings.limits)
        reference = await recordings.check(recording, transcript)
        return app.shelf.create(name, reference, consent, language=language)


async def _known_voices(invocation: Invocation) -> list[Voice]:
    from portevoix.cli.session import load_in_time, opened

    async with opened(invocation) as app:
        await load_in_time(app)
        spoken = [voice for level in app.chain.levels for voice in level.engine.voices()]
        return spoken + [_as_voice(stored, spoken) for stored in app.shelf.list()]


def _as_voice(stored: StoredVoice, spoken: list[Voice]) -> Voice:
    """Return a stored voice as one of those that can speak, where an engine clones."""
    from portevoix.speech import Voice

    can_clone = any(voice.can_clone and voice.is_installed for voice in spoken)
    return Voice(
        stored.name, STORED, "", is_installed=can_clone, why_not="" if can_clone else "no engine that clones is ready",
        hint="" if can_clone else "portevoix voices list --available shows which there are", can_clone=True,
    )  # fmt: skip


def _is_own(voice: Voice) -> bool:
    return voice.engine == STORED


def _speaks(voice: Voice, language: str | None) -> bool:
    if language is None or not (voice.language or voice.languages):
        return True
    wanted = language.replace("_", "-").lower()
    own = [tag.replace("_", "-").lower() for tag in (voice.language, *voice.languages)]
    return any(tag == wanted or tag.startswith(f"{wanted}-") for tag in own)


def _state(voice: Voice) -> str:
    return "installed" if voice.is_installed else f"{voice.why_not}. {voice.hint}".rstrip(". ")
