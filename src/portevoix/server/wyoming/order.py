"""What a Wyoming client asks to be spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from portevoix.errors import InvalidParameter
from portevoix.server.fields import read_section, read_speaker, read_text, wrong_value
from portevoix.speech import SpeechRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT_FORMATS = ("text", "ssml")


def read_request(data: Mapping[str, Any], request_id: str = "") -> SpeechRequest:
    """Return who is to speak, without the text; never silence: clients keep what they get, under its text, for good.

    Raises:
        InvalidParameter: a field is of the wrong type.
    """
    voice = read_section(data, "voice")
    name = read_text(voice, "name") or None
    language = None if name else read_text(voice, "language") or None
    return SpeechRequest("", voice=name, language=language and language.replace("_", "-"),
                         speaker=read_speaker(voice) if name else None, request_id=request_id,
                         takes_silence=False)  # fmt: skip


def is_ssml(data: Mapping[str, Any]) -> bool:
    """Return whether the text is SSML.

    Raises:
        InvalidParameter: it is neither that nor text.
    """
    text_format = (read_text(data, "text_format") or "text").lower()
    if text_format not in TEXT_FORMATS:
        raise wrong_value("text_format", text_format, "it must be text or ssml")
    return text_format == "ssml"


def plain_text(ssml: str) -> str:
    """Return the words of an SSML document; its marks change nothing.

    Raises:
        InvalidParameter: it is not well-formed, or declares entities, which can grow without bounds.
    """
    if "<!" in ssml:
        hint = "Send elements and text alone."
        raise InvalidParameter("the SSML is refused", "it has declarations", hint, param="text")
    try:
        return " ".join("".join(ET.fromstring(ssml).itertext()).split())  # noqa: S314 - no declarations
    except ET.ParseError as error:
        raise InvalidParameter("the SSML is not well-formed", str(error), param="text") from error
