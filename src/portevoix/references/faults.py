"""What can be wrong with a recording or with keeping a voice: one kind, and one code, for each thing to do about it."""

from __future__ import annotations

from portevoix.errors import AudioNotReadable, PortevoixError, RequestError


class ReferenceMissing(RequestError):
    """Refuse a recording that is not there."""

    code = "reference_missing"


class ReferenceTooLarge(RequestError):
    """Refuse a recording whose file is too large to look at."""

    code = "reference_too_large"


class ReferenceTooShort(RequestError):
    """Refuse a recording with too little speech to learn a voice from."""

    code = "reference_too_short"


class ReferenceTooLong(RequestError):
    """Refuse a recording that is longer than anybody needs."""

    code = "reference_too_long"


class ReferenceSilent(RequestError):
    """Refuse a recording in which nobody can be heard."""

    code = "reference_silent"


class ReferenceClipped(RequestError):
    """Refuse a recording that was made too loud."""

    code = "reference_clipped"


class ConsentMissing(RequestError):
    """Refuse to keep a voice without the consent of the person it belongs to."""

    code = "consent_missing"


class VoiceExists(RequestError):
    """Refuse a name that another voice has."""

    code = "voice_exists"


KINDS: dict[str, type[PortevoixError]] = {
    kind.code: kind
    for kind in (AudioNotReadable, ReferenceTooShort, ReferenceTooLong, ReferenceSilent, ReferenceClipped)
}
"""What the decoding process may tell, by code."""
