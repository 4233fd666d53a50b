"""`doctor`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options
from portevoix.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portevoix.cli.findings import Finding
    from portevoix.config import Loaded

    Examination = Callable[[], Finding | list[Finding]]

PATIENCE_SECONDS = 2.0
MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "bad": ("BAD ", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def doctor(invocation: Invocation, *, as_json: bool) -> None:
    """Examine this machine, and say what to do about what is wrong.

    Ends with 6 when something keeps Portevoix from working.
    """
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json

    invocation.start_logging()
    findings = run(examine(_examinations(invocation.examine())))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    if any(finding.verdict == "bad" for finding in findings):
        raise click.exceptions.Exit(MachineError.exit_code)


async def examine(examinations: Mapping[str, Examination], patience_seconds: float = PATIENCE_SECONDS) -> list[Finding]:
    """Make examinations side by side, each with a bounded time, and return their findings in order."""
    work = [_examine(topic, one, patience_seconds) for topic, one in examinations.items()]
    return [finding for findings in await asyncio.gather(*work) for finding in findings]


async def _examine(topic: str, examination: Examination, patience_seconds: float) -> Sequence[Finding]:
    from portevoix.cli import blocking
    from portevoix.cli.findings import Finding

    try:
        found = await asyncio.wait_for(blocking.call(examination), patience_seconds)
    except TimeoutError:
        return [Finding(topic, "warn", f"no answer within {patience_seconds:g} s", "Run `portevoix doctor` again.")]
    except Exception as error:  # noqa: BLE001 - whatever is broken on a machine is a finding
        return [Finding(topic, "bad", f"{type(error).__name__}: {error}", "Repair or reinstall it.")]
    return found if isinstance(found, list) else [found]


def _examinations(loaded: Loaded) -> dict[str, Examination]:
    from portevoix.cli import findings

    return {
        "Python": findings.examine_python,
        "packages": findings.examine_packages,
        "engines": findings.examine_engines,
        "processor": findings.examine_processor,
        "memory": findings.examine_memory,
        "GPU": findings.examine_graphics,
        "sound": findings.examine_sound,
        "disk": lambda: findings.examine_disk(loaded),
        "voices": lambda: findings.examine_voices(loaded),
        "environments": lambda: findings.examine_rooms(loaded),
        "configuration": lambda: findings.examine_configuration(loaded),
        "network": findings.examine_network,
    }


def _print(finding: Finding) -> None:
    mark, colour = MARKS[finding.verdict]
    click.echo(f"{click.style(mark, fg=colour)}  {finding.topic}: {finding.fact}")
    if finding.what_to_do:
        click.echo(f"      {finding.what_to_do}")
