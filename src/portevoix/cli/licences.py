"""Ask for consent to a licence, once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

import click

from portevoix.models.licences import LicenceNotAccepted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portevoix.models.licences import LicenceBook

F = TypeVar("F", bound="Callable[..., Any]")


def consent_option(function: F) -> F:
    """Add `--accept-licence`, for scripts; the command gets `accepted`, a tuple of names."""
    return click.option("--accept-licence", "accepted", multiple=True, metavar="LICENCE",
                        help="Accept this licence without being asked; may be repeated.")(function)  # fmt: skip


def require_consent(
    book: LicenceBook, licence: str, subject: str, terms: str, accepted: Sequence[str] = (), *,
    is_seen: bool | None = None,
) -> None:  # fmt: skip
    """Return when a licence has been accepted, now or before; asks on a terminal.

    Args:
        book: where consent is remembered.
        licence: its name.
        subject: what it is the licence of.
        terms: what it comes to, in a clause.
        accepted: those that the command line accepts.
        is_seen: somebody can answer; found out when None.

    Raises:
        LicenceNotAccepted: it was declined, or nobody can answer.
    """
    if book.is_accepted(licence):
        return
    is_consented = licence in accepted
    if not is_consented and (sys.stdin.isatty() if is_seen is None else is_seen):
        click.echo(f"{subject} is under the licence {licence!r}: {terms}", err=True)
        is_consented = click.confirm("Do you accept it?", err=True)
    if not is_consented:
        raise LicenceNotAccepted(f"{subject} needs your consent to its licence", f"{licence}: {terms}",
                                 f'Read it, then add: --accept-licence "{licence}"')  # fmt: skip
    book.accept(licence)
