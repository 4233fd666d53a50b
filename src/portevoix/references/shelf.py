"""The voices that are kept of people: with their names, their recordings, and their consent."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from portevoix.errors import InvalidParameter, NotWritable, VoiceNotFound
from portevoix.references.faults import ConsentMissing, ReferenceMissing, VoiceExists
from portevoix.speech import Reference

logger = logging.getLogger(__name__)

ID = re.compile(r"voice_[0-9a-f]{24}")
FACTS, RECORDING, CONSENT = "voice.json", "recording.wav", "consent.bin"
LONGEST_NAME = 80
PRIVATE = 0o700
OLD_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Consent:
    """Record that a person agrees to lend their voice.

    Attributes:
        text: what was agreed to, or the name of a consent that is kept elsewhere.
        recording: the person saying so, as a file in any format; kept as it is.
    """

    text: str = ""
    recording: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredVoice:
    """Describe a voice that is kept.

    Attributes:
        id: name that never changes, made of the voice's name.
        name: what people call it; different from all others, upper and lower case aside.
        created_at: Unix seconds.
        reference: its recording.
        language: what is spoken in the recording, as a tag, or "".
        consent_text: what was agreed to.
        has_consent_recording: the person said so, and it is kept.
    """

    id: str
    name: str
    created_at: int
    reference: Reference
    language: str = ""
    consent_text: str = ""
    has_consent_recording: bool = False


class ReferenceShelf:
    """Keep voices, each in a folder of its own that is whole or not there; several programs may use one shelf.

    The calls touch a few small files; finding one that is not there costs one look at the disk.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        """Keep voices in `folder`, which is made for the first one; `now` is in Unix seconds."""
        self.folder = folder
        self._now = now

    def create(
        self, name: str, recording: Reference, consent: Consent, *, language: str = "", transcript: str = ""
    ) -> StoredVoice:
        """Keep a voice; the recording is copied.

        Args:
            name: printable, at most 80 characters, without a colon.
            recording: a checked one.
            consent: of the person who speaks in it.
            language: what is spoken, as a tag.
            transcript: what is said, in place of the recording's own.

        Raises:
            InvalidParameter: the name cannot be used.
            ConsentMissing: there is no consent.
            VoiceExists: another voice has this name.
            ReferenceMissing: the recording is not there any more.
            NotWritable: the folder does not allow it.
        """
        name = _usable_name(name)
        if not consent.text.strip() and not consent.recording:
            raise ConsentMissing(f"there is no consent for voice {name!r}", hint="Send the consent of the person "
                                 "who speaks, as a text or a recording.", param="consent")  # fmt: skip
        voice = StoredVoice(
            voice_id(name), name, int(self._now()),
            Reference(str(self.folder / voice_id(name) / RECORDING), recording.digest,
                      transcript or recording.transcript),
            language, consent.text.strip(), bool(consent.recording),
        )  # fmt: skip
        if not Path(recording.path).is_file():
            raise ReferenceMissing("the recording is not there any more", hint="Send it again.", param="reference")
        try:
            self._write(voice, Path(recording.path), consent)
        except OSError as error:
            if (self.folder / voice.id).exists():
                raise VoiceExists(f"there is a voice {name!r} already", hint="Choose another name, or remove it first.",
                                  param="name") from error  # fmt: skip
            why = error.strerror or str(error)
            raise NotWritable(f"voice {name!r} cannot be kept", why, f"Correct {self.folder}.") from error
        logger.info("voice.stored", extra={"voice_id": voice.id})
        return voice

    def list(self) -> tuple[StoredVoice, ...]:
        """Return all voices by name; one that cannot be read is left out, and logged."""
        found = (self._read(folder) for folder in self.folder.glob("voice_*") if ID.fullmatch(folder.name))
        return tuple(sorted((voice for voice in found if voice), key=lambda voice: voice.name.casefold()))

    def find(self, name: str) -> StoredVoice | None:
        """Return the voice of a name or an id, or None."""
        identity = name if ID.fullmatch(name) else voice_id(name)
        return self._read(self.folder / identity)

    def lend(self, name: str) -> Reference | None:
        """Return the recording behind a voice's name or id, or None where there is no such voice."""
        voice = self.find(name)
        return voice.reference if voice else None

    def remove(self, name: str) -> StoredVoice:
        """Take a voice away, with its recording and its consent, by its name or id.

        Raises:
            VoiceNotFound: there is none.
            NotWritable: the folder does not allow it.
        """
        voice = self.find(name)
        if voice is None:
            raise VoiceNotFound(f"there is no stored voice {name[:80]!r}", hint="`portevoix voices` shows them.",
                                param="voice")  # fmt: skip
        leaving = self.folder / f".{voice.id}.{secrets.token_hex(4)}"
        try:
            (self.folder / voice.id).rename(leaving)
            shutil.rmtree(leaving)
        except OSError as error:
            raise NotWritable(f"voice {voice.name!r} cannot be removed", error.strerror or "",
                              f"Correct {self.folder}.") from error  # fmt: skip
        logger.info("voice.removed", extra={"voice_id": voice.id})
        return voice

    def _write(self, voice: StoredVoice, recording: Path, consent: Consent) -> None:
        arriving = self.folder / f".{voice.id}.{secrets.token_hex(4)}"
        self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        self._sweep()
        arriving.mkdir(mode=PRIVATE)
        try:
            shutil.copyfile(recording, arriving / RECORDING)
            if consent.recording:
                (arriving / CONSENT).write_bytes(consent.recording)
            facts = {key: value for key, value in asdict(voice).items() if key != "reference"}
            facts |= {"digest": voice.reference.digest, "transcript": voice.reference.transcript}
            (arriving / FACTS).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
            arriving.rename(self.folder / voice.id)
        except OSError:
            shutil.rmtree(arriving, ignore_errors=True)
            raise

    def _read(self, folder: Path) -> StoredVoice | None:
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            if folder.is_symlink() or (folder / RECORDING).is_symlink() or not (folder / RECORDING).is_file():
                raise ValueError("its recording is not in its folder")  # noqa: TRY301 - told below as all the others
            reference = Reference(str(folder / RECORDING), facts.pop("digest"), facts.pop("transcript"))
            return StoredVoice(reference=reference, **facts)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.warning("voice.unreadable", extra={"voice_id": folder.name, "why": str(error)[:200]})
            return None

    def _sweep(self) -> None:
        """Take away what a creation or a removal left that was cut; one that goes on is younger."""
        for left in self.folder.glob(".voice_*"):
            with suppress(OSError):
                if self._now() - left.stat().st_mtime > OLD_SECONDS:
                    shutil.rmtree(left)


def voice_id(name: str) -> str:
    """Return the id of a voice: the same for the same name, upper and lower case aside."""
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    return f"voice_{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"


def _usable_name(name: str) -> str:
    name = unicodedata.normalize("NFKC", name).strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable() or ":" in name or ID.fullmatch(name):
        raise InvalidParameter(f"{name[:LONGEST_NAME]!r} cannot be the name of a voice",
                               f"it must be printable, have 1 to {LONGEST_NAME} characters, and no colon",
                               param="name")  # fmt: skip
    return name
