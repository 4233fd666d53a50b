"""The command line: data to stdout, words to stderr, exit codes from the error tree."""

from __future__ import annotations

from portevoix.cli.program import main

__all__ = ["main"]
