"""`health`."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

import click

from portevoix.cli.invocation import Finite, Invocation, shared_options
from portevoix.net.urls import url_of

SICK = 1
"""Exit code, as container engines want it."""

LIVE, READY = "/health/live", "/health/ready"


@click.command()
@click.option("--url", metavar="URL", help="Address of the server; the configured one when not given.")
@click.option("--live", "is_live", is_flag=True, help="Ask only whether it answers, not whether it can be heard.")
@click.option("--timeout", "timeout_seconds", type=Finite(0.1, 600), default=3.0, show_default=True,
              metavar="SECONDS", help="How long to wait for the answer.")  # fmt: skip
@shared_options(is_hidden=True)
@click.pass_obj
def health(invocation: Invocation, *, url: str | None, is_live: bool, timeout_seconds: float) -> None:
    """Ask a running server how it is.

    Ends with 1 when it does not answer, or cannot be heard.
    """
    address = urlsplit(_configured(invocation) if url is None else url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise click.BadParameter("it is no address such as http://127.0.0.1:8001", param_hint="--url")
    try:
        answer = _ask(address, LIVE if is_live else READY, timeout_seconds)
    except (OSError, HTTPException, ValueError) as error:
        click.echo(f"not answering: {address.geturl()}: {error or type(error).__name__}", err=True)
        raise click.exceptions.Exit(SICK) from None
    click.echo(_told(answer), err=not answer.is_well)
    if not answer.is_well:
        raise click.exceptions.Exit(SICK)


class _Answer:
    """What the server said."""

    def __init__(self, status: int, body: bytes) -> None:
        content: Any = json.loads(body)
        if not isinstance(content, dict) or "status" not in content:
            raise ValueError("what answers there is no Portevoix")
        self.is_well = status == 200  # noqa: PLR2004 - an HTTP status
        self.status = str(content["status"])
        self.engines: list[dict[str, Any]] = content.get("engines", [])


def _configured(invocation: Invocation) -> str:
    server = invocation.read_quietly().settings.server
    return url_of(server.host, server.port)


def _ask(address: SplitResult, path: str, timeout_seconds: float) -> _Answer:
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=timeout_seconds)
    try:
        connection.request("GET", address.path.rstrip("/") + path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return _Answer(answer.status, answer.read())
    finally:
        connection.close()


def _told(answer: _Answer) -> str:
    speaking = [engine["name"] for engine in answer.engines if engine.get("can_speak") and not engine.get("silent")]
    why = [f"{engine['name']} is {engine['state']}" for engine in answer.engines if not engine.get("silent")]
    facts = ", ".join(speaking if answer.is_well else why)
    return f"{answer.status.replace('_', ' ')}{': ' if facts else ''}{facts}"
