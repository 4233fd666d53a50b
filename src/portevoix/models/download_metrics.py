"""What is counted of downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from portevoix.models.faults import KINDS

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from portevoix.models.progress import Progress


class DownloadMetrics:
    """Count downloads; a listener to them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics."""
        self._ratio = Gauge("tts_download_progress_ratio", "How much of a model is here", ["model"], registry=registry)
        self._bytes = Counter("tts_download_bytes", "Bytes of models that have arrived", registry=registry)
        self._ended = Counter("tts_downloads", "Downloads by how they ended", ["outcome"], registry=registry)
        self._done: dict[str, int] = {}
        for outcome in ("done", *KINDS):
            self._ended.labels(outcome)

    def __call__(self, progress: Progress) -> None:
        """Count one step; the bytes that lay there already when it began are not counted."""
        self._ratio.labels(progress.model).set(progress.ratio)
        if progress.phase == "fetching":
            self._bytes.inc(max(0, progress.done_bytes - self._done.get(progress.model, progress.done_bytes)))
            self._done[progress.model] = progress.done_bytes
        if progress.has_ended:
            self._done.pop(progress.model, None)
            self._ended.labels(progress.code or progress.phase).inc()
