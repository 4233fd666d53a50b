"""`serve`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.config import Loaded


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for every network.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.")
@click.option("--reuse-port", is_flag=True, help="Share the port with a server that this one is to follow.")
@click.option("--allow-anyone", is_flag=True, help="Listen beyond this machine though there is no key.")
@shared_options(is_hidden=True)
@click.pass_obj
def serve(
    invocation: Invocation, host: str | None, port: int | None, *, reuse_port: bool, allow_anyone: bool
) -> None:  # fmt: skip
    """Start the server and run it until it is stopped.

    Address and port come from the configuration where they are not given.
    """
    from portevoix.server.run import serve as serve_until_stopped

    def adjust(loaded: Loaded) -> Loaded:
        server = loaded.settings.server
        wished = replace(
            server, reuse_port=reuse_port or server.reuse_port, allow_anyone=allow_anyone or server.allow_anyone
        )
        return _with_wishes(replace(loaded, settings=replace(loaded.settings, server=wished)), invocation)

    loaded = _with_wishes(invocation.read_quietly(), invocation)
    serve_until_stopped(loaded, host=host, port=port, adjust=adjust)


def _with_wishes(loaded: Loaded, invocation: Invocation) -> Loaded:
    """Return the configuration with what the command line says about logging."""
    monitoring = loaded.settings.monitoring
    wished = replace(
        monitoring,
        log_format=invocation.log_format or monitoring.log_format,
        log_level=invocation.log_level or monitoring.log_level,
    )
    return replace(loaded, settings=replace(loaded.settings, monitoring=wished))
