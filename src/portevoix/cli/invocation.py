"""What every command is called with: configuration, verbosity, log format."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from portevoix.config import Loaded

F = TypeVar("F", bound="Callable[..., Any]")

TRACEBACK_VERBOSITY = 2
LOG_LEVELS = (None, "INFO", "DEBUG")
STANDARD = "-"
"""Stands for standard input in place of a text, and for standard output in place of a file."""

QUIET = "ERROR"
"""What commands log by themselves: they tell in their own words what warnings would repeat."""


class Finite(click.FloatRange):
    """Take a number in a range; unlike `click.FloatRange` not `nan`, which is neither below nor above any other."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


@dataclass
class Invocation:
    """Collect the options that stand before or behind a command's name.

    Attributes:
        config: file of the configuration, or None for the usual places.
        verbosity: 0 tells errors, 1 what happens, 2 everything, with tracebacks.
        log_format: `human` or `json`, or None for what the configuration says.
    """

    config: Path | None = None
    verbosity: int = 0
    log_format: str | None = None

    @property
    def shows_tracebacks(self) -> bool:
        """Tell whether a programmer reads the errors."""
        return self.verbosity >= TRACEBACK_VERBOSITY

    def read(self) -> Loaded:
        """Return the configuration, after telling its warnings; from then on there are log lines.

        Raises:
            ConfigError: it cannot be used.
        """
        self.start_logging()
        loaded = self.read_quietly()
        for problem in loaded.problems:
            click.echo(f"Warning: {problem}", err=True)
        self.start_logging(loaded.settings.monitoring.log_format)
        return loaded

    def read_quietly(self) -> Loaded:
        """Return the configuration; its warnings are the caller's to tell.

        Raises:
            ConfigError: it cannot be used.
        """
        from portevoix.app import read_configuration

        return read_configuration(self.config)

    def examine(self, file: Path | None = None) -> Loaded:
        """Return the configuration, or `file`, whatever is wrong with it."""
        from portevoix.config import load
        from portevoix.registry import installed_engines

        return load(file or self.config, os.environ, installed_engines())

    def start_logging(self, log_format: str = "human") -> None:
        """Write log lines to stderr, in `log_format` where the command line does not say how."""
        from portevoix.logs import configure_logging

        configure_logging(self.log_format or log_format, self.log_level or QUIET)

    @property
    def log_level(self) -> str | None:
        """Return the least severity that was asked for, or None."""
        return LOG_LEVELS[min(self.verbosity, len(LOG_LEVELS) - 1)]


def shared_options(*, is_hidden: bool = False) -> Callable[[F], F]:
    """Return what adds the options of an `Invocation` to a command; hidden ones are taken but not listed."""

    def decorate(function: F) -> F:
        for option in reversed(_options(is_hidden=is_hidden)):
            function = option(function)
        return function

    return decorate


def _options(*, is_hidden: bool) -> list[Callable[[F], F]]:
    common: dict[str, Any] = {"expose_value": False, "hidden": is_hidden}
    return [
        click.option("--config", type=click.Path(path_type=Path), metavar="FILE", callback=_keep("config"),
                     help="Read the configuration from FILE.", **common),
        click.option("-v", "--verbose", count=True, callback=_add_verbosity,
                     help="Tell what happens; twice: everything, with tracebacks.", **common),
        click.option("--log-format", type=click.Choice(["human", "json"]), callback=_keep("log_format"),
                     help="Write log lines for people, or one JSON object a line.", **common),
    ]  # fmt: skip


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Invocation), name, value)

    return keep


def _add_verbosity(ctx: click.Context, _: click.Parameter, count: int) -> None:
    ctx.ensure_object(Invocation).verbosity += count
