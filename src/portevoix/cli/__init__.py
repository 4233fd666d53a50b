"""The command line: data to stdout, words to stderr, exit codes from the error tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code, as `program.main`, from Ctrl-C while loading on."""
    try:
        from portevoix.cli.program import main as run
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    run(arguments)
