"""The three messages of an answer in ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Send


async def begin_answer(send: Send, headers: Mapping[str, str]) -> None:
    """Send status 200 and the headers, whose names and values are Latin-1."""
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": lines})


async def send_piece(send: Send, piece: bytes) -> None:
    """Send a part of the body."""
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def end_answer(send: Send) -> None:
    """Send the mark that the body is complete."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})
