"""`config check` and `config show`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options
from portevoix.errors import ConfigError

if TYPE_CHECKING:
    from portevoix.config import Loaded


@click.group()
def config() -> None:
    """Check and show the configuration."""


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

    loaded = _load(file or invocation.config)
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


def _load(path: Path | None) -> Loaded:
    from portevoix.config import load
    from portevoix.registry import installed_engines

    return load(path, os.environ, installed_engines())


def _value(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
