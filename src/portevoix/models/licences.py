"""Licences that somebody has accepted on this machine, so that each is asked for once."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from pathlib import Path

import yaml

from portevoix.errors import NotAllowed, NotWritable

NAME = "licences.yaml"


class LicenceNotAccepted(NotAllowed):
    """Refuse to go on without consent to a licence."""

    code = "licence_not_accepted"


class LicenceBook:
    """Remember accepted licences in a file of one folder, which a person may read and correct."""

    def __init__(self, folder: Path) -> None:
        """Keep them in `folder`, which is made when the first one is accepted."""
        self.path = folder / NAME

    def is_accepted(self, licence: str) -> bool:
        """Tell whether somebody accepted a licence, by its name; reads the file, so a server need not be restarted."""
        return licence in self.accepted()

    def accepted(self) -> dict[str, str]:
        """Return when each licence was accepted, as a date; what cannot be read is no consent."""
        with suppress(OSError, yaml.YAMLError, UnicodeDecodeError):
            content = yaml.safe_load(self.path.read_text(encoding="utf-8"))
            if isinstance(content, dict):
                return {str(licence): str(date) for licence, date in content.items()}
        return {}

    def accept(self, licence: str, date: str | None = None) -> None:
        """Remember that somebody accepted a licence, on `date`, today when None.

        Raises:
            NotWritable: the file cannot be written.
        """
        known = {licence: date or time.strftime("%Y-%m-%d"), **self.accepted()}
        part = self.path.with_name(f".{secrets.token_hex(4)}-{NAME}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(yaml.safe_dump(known, allow_unicode=True), encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise NotWritable(f"{self.path} cannot be written", error.strerror or str(error),
                              "Correct the permissions of the data folder.") from error  # fmt: skip
