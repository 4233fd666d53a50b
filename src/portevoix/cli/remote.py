"""Ask a running server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from portevoix.errors import ConfigError, MachineError, PortevoixError
from portevoix.net.urls import url_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from portevoix.cli.invocation import Invocation

F = TypeVar("F", bound="Callable[..., Any]")

KEY_VARIABLE = "PORTEVOIX_KEY"
ANSWER_SECONDS = 900.0
"""How long an answer may take: a server tries every engine before it moves to a new configuration."""

NOT_FIT = 422


class ServerNotReached(MachineError):
    """Tell that no server answers."""

    code = "server_not_reached"


class ServerRefused(PortevoixError):
    """Tell what a server has answered."""

    code = "server_refused"


class ConfigNotTaken(ServerRefused):
    """Tell that a server has refused a configuration.

    Attributes:
        outcome: its problems and trials.
    """

    code = "config_not_taken"
    exit_code = ConfigError.exit_code

    def __init__(self, what: str, outcome: Mapping[str, Any]) -> None:
        super().__init__(what)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Place:
    """Say where a server is, and with which key to ask it.

    Attributes:
        url: without a slash at its end.
        key: "" for none.
    """

    url: str
    key: str = ""

    def ask(self, method: str, path: str, *, content: bytes | None = None, **query: object) -> dict[str, Any]:
        """Return what the server answers.

        Raises:
            ServerNotReached: nobody answers.
            ConfigNotTaken: it has refused the configuration.
            ServerRefused: it has refused the request.
        """
        import httpx

        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        given = {name: str(value) for name, value in query.items() if value not in (None, False)}
        try:
            answer = httpx.request(method, self.url + path, content=content, params=given, headers=headers,
                                   timeout=ANSWER_SECONDS)  # fmt: skip
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerNotReached(f"no server answers at {self.url}", str(error),
                                   "Start one: `portevoix serve`. Or name another: --url.") from error  # fmt: skip
        return _content(answer)


def place_options(function: F) -> F:
    """Add the options that say where the server is."""
    key = click.option("--key", metavar="SECRET", help=f"Key to show to the server; ${KEY_VARIABLE} if not given.")
    url = click.option("--url", metavar="URL", help="Address of the server; from the configuration if not given.")
    return url(key(function))


def place_of(invocation: Invocation, url: str | None, key: str | None) -> Place:
    """Return the server that the options name."""
    if url is None:
        server = invocation.read().settings.server
        url = url_of(server.host, server.port)
    return Place(url.rstrip("/"), key or os.environ.get(KEY_VARIABLE, ""))


def _content(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError as error:
        what = f"the server answered HTTP {answer.status_code}, which is no answer of Portevoix"
        raise ServerRefused(what, answer.text[:100], "Check the address: --url.") from error
    if answer.is_success and isinstance(content, dict):
        return content
    fault = content.get("error", {}) if isinstance(content, dict) else {}
    message = str(fault.get("message") or f"HTTP {answer.status_code}").rstrip(".")
    if answer.status_code == NOT_FIT:
        raise ConfigNotTaken(message, content)
    raise ServerRefused(message)
