"""A part of a clip, for players that jump about in it (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from portevoix.server.errors import RangeNotThere, error_answer
from portevoix.server.etags import has_copy, tag_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

SINGLE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


def ranged_answer(request: Request, content: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return a clip, or the part of it that is asked for.

    One part is sent; who asks for several at once is sent the whole, as is who asks in words that nobody knows.
    """
    tag = tag_of(content)
    facts = {**headers, "Accept-Ranges": "bytes", "ETag": tag}
    if has_copy(request, tag):
        return Response(status_code=304, headers=facts)
    part = _wanted(request, tag, len(content))
    if part is None:
        return Response(content, media_type=media_type, headers=facts)
    if not part:
        return _refusal(len(content), facts)
    facts["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    return Response(content[part.start : part.stop], 206, media_type=media_type, headers=facts)


def _wanted(request: Request, tag: str, size: int) -> range | None:
    """Return the bytes to send, an empty range where there are none such, or None for all."""
    asked = SINGLE_RANGE.fullmatch(request.headers.get("range", ""))
    if request.method != "GET" or asked is None or request.headers.get("if-range", tag) != tag:
        return None
    first, last = asked.groups()
    if first:
        if last and int(last) < int(first):
            return None
        return range(int(first), min(int(last) + 1, size) if last else size)
    if not last:
        return None
    return range(max(0, size - int(last)), size)


def _refusal(size: int, facts: Mapping[str, str]) -> Response:
    answer = error_answer(RangeNotThere("the clip has no such part", f"it has {size} bytes"))
    answer.headers.update({"Content-Range": f"bytes */{size}", "Accept-Ranges": facts["Accept-Ranges"]})
    return answer
