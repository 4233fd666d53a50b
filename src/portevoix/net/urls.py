"""Addresses that a server listens on, as URLs."""

from __future__ import annotations

REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names of every address, and one of them


def url_of(host: str, port: int) -> str:
    """Return where a server that listens on `host` is reached from its own machine, without a slash at the end."""
    name = REACHED_AT.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"
