"""The reference of the command line as Markdown, made from what `--help` says.

Run `python -m portevoix.cli.reference` to print it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from portevoix.cli.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH = 100

INTRODUCTION = """# The command line

This page is made from what `--help` says: `make docs` writes it anew.

Data goes to standard output, words go to standard error. The options of `portevoix` itself may also stand behind a
command's name.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a fault of the program |
| 2 | a request that cannot be served as it stands, or wrong usage |
| 3 | a configuration with errors |
| 4 | a model that is missing or broken |
| 5 | nobody could speak |
| 6 | the machine refuses: a port, a folder, a disk, a sound device |
| 7 | too much to do |
| 130, 143 | stopped by Ctrl-C, by a termination signal |
| 141 | nobody reads the output any more |
"""


def reference() -> str:
    """Return the whole page."""
    sections = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in _helps(program, "portevoix", None)]
    return "\n".join([INTRODUCTION, *sections])


def _helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Yield the full name and the help of a command and of all below it."""
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield context.command_path, command.get_help(context).strip()
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            child = command.get_command(context, below)
            if child is not None:
                yield from _helps(child, below, context)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
