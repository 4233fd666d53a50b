"""`serve`."""

from __future__ import annotations

import click

from portevoix.cli.invocation import Invocation, shared_options


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 for every network.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 takes a free one.")
@shared_options(is_hidden=True)
@click.pass_obj
def serve(invocation: Invocation, host: str | None, port: int | None) -> None:
    """Start the server and run it until it is stopped.

    Address and port come from the configuration where they are not given.
    """
    from portevoix.cli.logs import start_logging
    from portevoix.server.run import serve as serve_until_stopped

    loaded = invocation.read()
    monitoring = loaded.settings.monitoring
    start_logging(invocation.verbosity, invocation.log_format or monitoring.log_format, monitoring.log_level)
    serve_until_stopped(loaded, host=host, port=port)
