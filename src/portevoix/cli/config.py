"""`config check`, `show`, `apply`, `rollback`, `history`, `import`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portevoix.cli.invocation import Invocation, shared_options
from portevoix.cli.remote import ConfigNotTaken, place_of, place_options
from portevoix.errors import ConfigError, NotWritable

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.group()
def config() -> None:
    """Check and show the configuration; change that of a running server."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def check(invocation: Invocation, file: Path | None, *, as_json: bool) -> None:
    """Name everything that is wrong with FILE, with its key and line.

    Without FILE, looks at the one in force. Ends with 3 when there are errors; warnings alone end with 0.
    """
    from portevoix.cli.tables import print_json

    loaded = invocation.examine(file)
    if as_json:
        print_json({"path": loaded.path and str(loaded.path), "problems": [asdict(one) for one in loaded.problems]})
    else:
        for problem in loaded.problems:
            click.echo(str(problem))
    errors, count = len(loaded.errors), len(loaded.problems)
    click.echo(
        f"{loaded.path or 'the environment'}: {_counted(errors, 'error')}, {_counted(count - errors, 'warning')}",
        err=True,
    )
    if errors:
        raise click.exceptions.Exit(ConfigError.exit_code)


@config.command()
@click.option("--origin", "shows_origin", is_flag=True, help="Tell where each value came from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def show(invocation: Invocation, *, shows_origin: bool, as_json: bool) -> None:
    """Print every setting that is in force; secrets are not shown."""
    from portevoix.cli.tables import print_json, print_table
    from portevoix.config import rows

    shown = rows(invocation.read())
    if as_json:
        print_json([{"key": row.key, "value": row.value, "origin": str(row.origin)} for row in shown])
    elif shows_origin:
        print_table(("key", "value", "origin"), [(row.key, _value(row.value), row.origin) for row in shown])
    else:
        print_table(("key", "value"), [(row.key, _value(row.value)) for row in shown])


@config.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE…")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there; not over a file.")
@shared_options(is_hidden=True)
@click.pass_obj
def take_over(_: Invocation, files: tuple[Path, ...], output: Path | None) -> None:
    """Take over the configuration of openedai-speech.

    FILE is its voice_to_speaker.yaml, its pre_process_map.yaml, or both. Prints a configuration for this program; what
    a configuration cannot carry, such as a recording to speak like, is told with the command for it.
    """
    import yaml

    from portevoix.config.openedai import read_openedai

    taken = read_openedai(list(files))
    text = yaml.safe_dump(dict(taken.settings), allow_unicode=True, sort_keys=False)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write_new(output, text)
        click.echo(f"Written to {output}. Check it: portevoix config check {output}", err=True)
    for remark in taken.remarks:
        click.echo(f"Left to do: {remark}", err=True)


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise NotWritable(f"{path} is there already", hint="Choose another name.") from error
    except OSError as error:
        raise NotWritable(f"{path} cannot be written", error.strerror or "") from error


@config.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check and try it, and leave the server as it is.")
@click.option("--accept-failures", is_flag=True, help="Take it though engines fail, as long as one can be heard.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@place_options
@shared_options(is_hidden=True)
@click.pass_obj
def apply(
    invocation: Invocation, file: Path, *, dry_run: bool, accept_failures: bool, as_json: bool, url: str | None,
    key: str | None,
) -> None:  # fmt: skip
    """Put the configuration FILE in force in a running server, without losing a request.

    The server checks it and lets every engine of it speak a phrase first; one that is not fit changes nothing, and the
    command ends with 3. It is in force after a restart as well, unless the server's own file is changed meanwhile.
    """
    place = place_of(invocation, url, key)
    try:
        outcome = place.ask(
            "PUT", "/api/config", content=file.read_bytes(), name=file, dry_run=dry_run,
            accept_failures=accept_failures,
        )  # fmt: skip
    except ConfigNotTaken as error:
        _tell(error.outcome, as_json=as_json)
        raise
    _tell(outcome, as_json=as_json)
    click.echo("It is fit; nothing was changed." if dry_run else _in_force(outcome), err=True)


@config.command()
@click.option("--to", type=click.IntRange(1), metavar="ID", help="Go back to this one; to the one before if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@place_options
@shared_options(is_hidden=True)
@click.pass_obj
def rollback(invocation: Invocation, *, to: int | None, as_json: bool, url: str | None, key: str | None) -> None:
    """Put the configuration that was in force before in force again, in a running server."""
    outcome = place_of(invocation, url, key).ask("POST", "/api/config/rollback", to=to)
    _tell(outcome, as_json=as_json)
    click.echo(_in_force(outcome), err=True)


@config.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@place_options
@shared_options(is_hidden=True)
@click.pass_obj
def history(invocation: Invocation, *, as_json: bool, url: str | None, key: str | None) -> None:
    """List the last configurations that were in force in a running server."""
    from portevoix.cli.tables import print_json, print_table

    content = place_of(invocation, url, key).ask("GET", "/api/config/history")
    if as_json:
        print_json(content)
        return
    print_table(("", "id", "since", "how", "who", "file", "hash"), [
        ("*" if one["id"] == content["in_force"] else "", one["id"], _moment(one["time"]), one["how"],
         one["who"] or None, one["path"], one["hash"])
        for one in content["configurations"]
    ])  # fmt: skip


def _tell(outcome: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the problems and the trials of a configuration."""
    from portevoix.cli.tables import print_json, print_table

    if as_json:
        print_json(outcome)
        return
    for problem in outcome["problems"]:
        click.echo(problem["text"])
    if outcome["trials"]:
        print_table(("engine", "trial", "first ms", "remark"), [
            (one["engine"], _result(one), one["first_audio_ms"], " ".join(filter(None, (one["why"], one["hint"]))))
            for one in outcome["trials"]
        ], flexible=1)  # fmt: skip
    if outcome["needs_restart"]:
        click.echo(f"Only after a restart: {', '.join(outcome['needs_restart'])}.", err=True)


def _result(trial: Mapping[str, Any]) -> str:
    return "FAILED" if trial["condemns"] else str(trial["result"]).replace("_", " ")


def _in_force(outcome: Mapping[str, Any]) -> str:
    record = outcome["config"]
    return f"Configuration {record['id']} ({record['path'] or 'the start'}) is in force."


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _value(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
