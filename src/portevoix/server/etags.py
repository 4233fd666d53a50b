"""Tags by which a client learns whether the copy that it has is still the same (RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


def tag_of(content: bytes) -> str:
    """Return the tag of a content, quoted as in the header; another content has another tag."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def has_copy(request: Request, tag: str) -> bool:
    """Tell whether the client has what `tag` stands for, by its `If-None-Match`; weak tags count as strong ones."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in known.split(",")]
