"""The metrics on a port of their own, for a Prometheus that is told to look there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from prometheus_client import CollectorRegistry, start_http_server

if TYPE_CHECKING:
    from threading import Thread
    from types import TracebackType
    from wsgiref.simple_server import WSGIServer

    from portevoix.config import MonitoringSettings

logger = logging.getLogger(__name__)


class MetricsPort:
    """Serve a registry while it is open, where the settings ask for it; a thread of its own does.

    Attributes:
        port: where, or 0 when it is not served.
    """

    def __init__(self, registry: CollectorRegistry, settings: MonitoringSettings, host: str) -> None:
        """Do nothing yet."""
        self.port = 0
        self._registry = registry
        self._settings = settings
        self._host = host
        self._running: tuple[WSGIServer, Thread] | None = None

    def open(self) -> None:
        """Begin to serve; a port in use costs the metrics there, never the speech."""
        if self._settings.prometheus_enabled:
            try:
                self._running = start_http_server(self._settings.prometheus_port, self._host, self._registry)
                self.port = self._running[0].server_port
                logger.info("metrics.served", extra={"host": self._host, "port": self.port})
            except OSError as error:
                logger.warning("metrics.port_not_usable", extra={
                    "host": self._host, "port": self._settings.prometheus_port, "why": error.strerror or str(error),
                    "hint": "Choose another monitoring.prometheus_port; /metrics on the main port has the same.",
                })  # fmt: skip

    def close(self) -> None:
        """Stop."""
        running, self._running = self._running, None
        if running is not None:
            server, thread = running
            server.shutdown()
            server.server_close()
            thread.join()

    def __enter__(self) -> Self:
        """Begin to serve."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.close()
