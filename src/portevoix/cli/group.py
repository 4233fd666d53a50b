"""A group of commands that imports each only when it is used."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from portevoix.cli.failure import BROKEN_PIPE

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """Know commands by the place of their code."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        """Take `commands_at`: for each name `module:attribute` and a summary of one sentence."""
        super().__init__(*args, **kwargs)
        self.commands_at = dict(commands_at or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order they were given in."""
        return [*self.commands_at, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in self.commands_at:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.commands_at[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries, without importing them."""
        _ = ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.commands_at.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; where nobody reads its output any more it ends quietly, with an exit code of its own."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise click.exceptions.Exit(BROKEN_PIPE) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; suggests the nearest name for one that there is not."""
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
            raise click.UsageError(f"No such command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class ListingGroup(click.Group):
    """Hold commands of which one, `list`, is meant where none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default in where the first word is no command."""
        is_for_group = bool(args) and (args[0] in self.commands or args[0] in self.get_help_option_names(ctx))
        return super().parse_args(ctx, args if is_for_group else ["list", *args])
