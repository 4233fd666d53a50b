"""Errors as people read them, and the exit codes of a process."""

from __future__ import annotations

import errno
import os
import traceback

import click

from portevoix.errors import ConfigError, DiskFull, PortevoixError

TERMINATED = 143
BROKEN_PIPE = 141
INTERNAL = PortevoixError.exit_code


def wants_colour() -> bool | None:
    """Return False where people asked for none (no-color.org), else None: a terminal gets it, a file does not."""
    return False if os.environ.get("NO_COLOR") else None


def tell(error: Exception, *, shows_traceback: bool) -> int:
    """Write an error to stderr, with its hint, and return the exit code that goes with it."""
    if shows_traceback:
        click.echo("".join(traceback.format_exception(error)).rstrip(), err=True)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        error = DiskFull("the output cannot be written", "the disk is full", "Make room, or choose another disk.")
    if isinstance(error, PortevoixError):
        _write("Error", _described(error))
        if error.hint:
            _write("Hint", error.hint)
        return error.exit_code
    _write("Error", f"internal error: {type(error).__name__}: {error}")
    if not shows_traceback:
        _write("Hint", "This is a fault of the program. Run it again with -vv, and report what it prints.")
    return INTERNAL


def _described(error: PortevoixError) -> str:
    if isinstance(error, ConfigError):
        return "\n  ".join((f"{error.what}:", *error.problems))
    return str(error)


def _write(label: str, text: str) -> None:
    colour = "red" if label == "Error" else "cyan"
    click.echo(f"{click.style(label, fg=colour)}: {text}", err=True, color=wants_colour())
