"""The multipart body of a request: fields and files, within bounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from portevoix.server.body import kind_of
from portevoix.server.errors import BodyTooLarge, UnreadableBody, WrongContentType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

MOST_FIELDS = 16
MOST_FILES = 4
FIELD_BYTES = 65_536
OVERHEAD_BYTES = 65_536
"""What names and borders may add to the files."""

RECORDING_TYPES = frozenset({
    "mpeg", "mp3", "wav", "x-wav", "wave", "vnd.wave", "ogg", "opus", "aac", "x-aac", "flac", "x-flac", "webm", "mp4",
    "m4a", "x-m4a",
})  # fmt: skip
"""Kinds of recordings, as what follows `audio/` or `video/`; what is really in a file is seen when it is decoded."""


@asynccontextmanager
async def read_form(request: Request, max_bytes: int) -> AsyncIterator[FormData]:
    """Give the fields and files of a request; the files, which may lie on disk, are gone afterwards.

    Raises:
        WrongContentType: the body is no form with files.
        BodyTooLarge: it is larger than `max_bytes`; the rest is not read.
        UnreadableBody: it is not what it says it is, or has too many parts.
    """
    kind = kind_of(request.headers.get("content-type", ""))
    if kind != "multipart/form-data":
        raise WrongContentType(f"the body is {kind[:60]!r}" if kind else "the body does not say what it is",
                               "a form with files is read here", "Send multipart/form-data.")  # fmt: skip
    stream = _bounded(request, max_bytes + OVERHEAD_BYTES)
    parser = MultiPartParser(request.headers, stream, max_files=MOST_FILES, max_fields=MOST_FIELDS,
                             max_part_size=FIELD_BYTES)  # fmt: skip
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise UnreadableBody("the form cannot be read", error.message, "Send each field once.") from error
    try:
        yield form
    finally:
        await form.close()


def text_of(form: FormData, name: str) -> str:
    """Return a field's text, "" where there is none.

    Raises:
        UnreadableBody: it is a file.
    """
    value = form.get(name)
    if isinstance(value, UploadFile):
        raise UnreadableBody(f"{name} is a file", hint=f"Send {name} as a text.")
    return value or ""


async def recording_of(form: FormData, name: str, max_bytes: int) -> bytes:
    """Return a file's content, b"" where there is no such file.

    Raises:
        BodyTooLarge: it is larger than `max_bytes`.
        WrongContentType: it says that it is no recording.
    """
    file = form.get(name)
    if not isinstance(file, UploadFile):
        return b""
    family, _, kind = kind_of(file.content_type or "").partition("/")
    is_unsaid = (family, kind) in (("", ""), ("application", "octet-stream"))
    if not is_unsaid and (family not in ("audio", "video") or kind not in RECORDING_TYPES):
        raise WrongContentType(f"{name} is {family}/{kind}"[:80], "a recording is read here",
                               "Send MPEG, WAV, Ogg, AAC, FLAC, WebM or MP4.")  # fmt: skip
    content = await file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise _too_large(max_bytes)
    return content


async def _bounded(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > max_bytes:
        raise _too_large(max_bytes)
    total = 0
    async for piece in request.stream():
        total += len(piece)
        if total > max_bytes:
            raise _too_large(max_bytes)
        yield piece


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge("the recording is too large", f"the limit is {max_bytes} bytes",
                        "Cut about ten seconds of clear speech out of it.")  # fmt: skip
