"""`keys create`, `list`, `revoke`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.server.keys import Key, KeyRing

SCOPES = ("speak", "voices", "metrics", "admin")
NAME_CHARACTERS = 80


@click.group()
def keys() -> None:
    """Make and revoke the keys that programs show to the server.

    As long as there is none, programs on this machine need none. Servers that are running see a change at once.
    """


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True,
              help="What it is for; may be given several times. admin is for everything.")  # fmt: skip
@click.option("--concurrent", type=click.IntRange(0), default=0, metavar="N", help="Most requests at once; 0: any.")
@click.option("--requests-per-minute", type=click.IntRange(0), default=0, metavar="N", help="Most requests a minute.")
@click.option("--characters-per-minute", type=click.IntRange(0), default=0, metavar="N", help="Most text a minute.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def create(
    invocation: Invocation, name: str, scopes: tuple[str, ...], *, concurrent: int, requests_per_minute: int,
    characters_per_minute: int, as_json: bool,
) -> None:  # fmt: skip
    """Make a key called NAME and print its secret, which is shown this once and kept nowhere."""
    from portevoix.cli.tables import print_json
    from portevoix.server.guest import Limits

    if not name.strip() or len(name) > NAME_CHARACTERS or not name.isprintable():
        raise click.UsageError(f"NAME must be 1 to {NAME_CHARACTERS} printable characters.")
    limits = Limits(concurrent, requests_per_minute, characters_per_minute)
    key, secret = _ring(invocation).create(name, scopes, limits)
    if as_json:
        print_json({**_described(key), "secret": secret})
        return
    click.echo(secret)
    click.echo(f"Key {key.id} ({key.name}) for {', '.join(key.scopes)}. Keep it: it is not shown again.", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def list_keys(invocation: Invocation, *, as_json: bool) -> None:
    """List the keys; their secrets cannot be found out again."""
    from portevoix.cli.tables import print_json, print_table

    known = _ring(invocation).keys
    if as_json:
        print_json([_described(key) for key in known])
        return
    columns = ("id", "name", "scopes", "created", "at once", "requests/min", "characters/min")
    print_table(columns, [
        (key.id, key.name, " ".join(key.scopes), _day(key), key.limits.concurrent or None,
         key.limits.requests_per_minute or None, key.limits.characters_per_minute or None)
        for key in known
    ])  # fmt: skip


@keys.command()
@click.argument("key_id", metavar="ID")
@shared_options(is_hidden=True)
@click.pass_obj
def revoke(invocation: Invocation, key_id: str) -> None:
    """Take a key back; running servers refuse it from their next request on."""
    key = _ring(invocation).revoke(key_id)
    click.echo(f"Key {key.id} ({key.name}) is revoked.", err=True)


def _ring(invocation: Invocation) -> KeyRing:
    from portevoix.server.keys import FILE_NAME, KeyRing

    return KeyRing(invocation.read().settings.data_folder / FILE_NAME)


def _described(key: Key) -> dict[str, object]:
    return {"id": key.id, "name": key.name, "scopes": list(key.scopes), "created_at": key.created_at,
            "limits": asdict(key.limits)}  # fmt: skip


def _day(key: Key) -> str:
    return datetime.fromtimestamp(key.created_at, UTC).date().isoformat()
