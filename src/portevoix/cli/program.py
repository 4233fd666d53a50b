"""The program: its commands, imported when they are used, and how it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portevoix import __version__
from portevoix.cli import STOPPED
from portevoix.cli.failure import BROKEN_PIPE, tell, wants_colour
from portevoix.cli.group import LazyGroup
from portevoix.cli.invocation import Invocation, shared_options
from portevoix.privacy import tell_nobody

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "say": ("portevoix.cli.say:say", "Speak a text: play it, or write it to a file."),
    "speak": ("portevoix.cli.say:speak", "Speak like an assistant: play, and print who spoke and how fast."),
    "translate": ("portevoix.cli.translate:translate", "Translate a text, and speak the translation."),
    "serve": ("portevoix.cli.serve:serve", "Start the server."),
    "health": ("portevoix.cli.health:health", "Ask a running server how it is."),
    "engines": ("portevoix.cli.engines:engines", "List who can speak, in order, and why not."),
    "voices": ("portevoix.cli.voices:voices", "List the voices."),
    "models": ("portevoix.cli.models:models", "List, fetch and remove voices."),
    "check": ("portevoix.cli.check:check", "Let every engine speak, and judge what is heard."),
    "bench": ("portevoix.cli.bench:bench", "Measure how fast speech begins and is made."),
    "config": ("portevoix.cli.config:config", "Check, show and change the configuration."),
    "keys": ("portevoix.cli.keys:keys", "Make and revoke the server's keys."),
    "doctor": ("portevoix.cli.doctor:doctor", "Examine this machine."),
}
"""Where each command is, and its summary, so that the list of commands imports none of them."""


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@shared_options()
def program() -> None:
    """Speak text with the best voice that can, and never go silent."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    Args:
        arguments: without the program's name; those of the process when None.
    """
    tell_nobody()
    _open_closed_streams()
    _make_printable(sys.stdout, sys.stderr)
    sys.exit(_flushed(_run(arguments)))


def _run(arguments: Sequence[str] | None) -> int:
    invocation = Invocation()
    try:
        code = program.main(
            args=None if arguments is None else list(arguments), prog_name="portevoix", standalone_mode=False,
            obj=invocation, color=wants_colour(),
        )  # fmt: skip
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the outermost border: people get words, never a traceback
        return tell(error, shows_traceback=invocation.shows_tracebacks)
    return code if isinstance(code, int) else 0


def _open_closed_streams() -> None:
    """Take up the numbers of closed standard streams: else other files would get them, and children inherit those."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def _make_printable(*streams: Any) -> None:
    """Let what a terminal's encoding lacks be replaced, instead of ending the program."""
    for stream in streams:
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _flushed(code: int) -> int:
    """Return the exit code after the last output has left, quietly where nobody reads it any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            # What is still buffered would be complained about at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            is_unread = isinstance(error, BrokenPipeError)
            code = code or (BROKEN_PIPE if is_unread else tell(error, shows_traceback=False))
    return code
