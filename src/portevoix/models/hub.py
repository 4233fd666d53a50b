"""Where models come from, and what the environment says about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

logger = logging.getLogger(__name__)

ENDPOINT = "https://huggingface.co"
YES = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Hub:
    """Say how the hub is reached.

    Attributes:
        endpoint: address of the hub or of a mirror, without a slash at the end.
        token: who we are, or ""; never shown.
        is_offline: the network may not be used.
    """

    endpoint: str = ENDPOINT
    token: str = field(default="", repr=False)
    is_offline: bool = False

    def url(self, repository: str, revision: str, path: str) -> str:
        """Return where a file is asked for."""
        return f"{self.endpoint}/{quote(repository)}/resolve/{quote(revision, safe='')}/{quote(path)}"

    def revision_url(self, repository: str, revision: str) -> str:
        """Return where it tells which commit a revision is."""
        return f"{self.endpoint}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}"

    def tree_url(self, repository: str, commit: str) -> str:
        """Return where it lists the files of a commit."""
        return f"{self.endpoint}/api/models/{quote(repository)}/tree/{commit}?recursive=true&expand=false"


def hub_of(environ: Mapping[str, str], *, endpoint: str | None = None, is_offline: bool = False) -> Hub:
    """Return the hub that the environment describes.

    Args:
        environ: `HF_ENDPOINT` names a mirror, `HF_TOKEN` is sent to it, `HF_HUB_OFFLINE` forbids the network.
        endpoint: comes before `HF_ENDPOINT`.
        is_offline: forbids the network as well.
    """
    address = endpoint or environ.get("HF_ENDPOINT", "").strip() or ENDPOINT
    offline = is_offline or environ.get("HF_HUB_OFFLINE", "").strip().lower() in YES
    return Hub(address.rstrip("/"), environ.get("HF_TOKEN", "").strip(), offline)


def total_timeout_of(environ: Mapping[str, str], default_seconds: float) -> float:
    """Return how long one download may take, in seconds: `TTS_DOWNLOAD_TIMEOUT`, else the default.

    A value that makes no sense is logged and passed over: it is no reason not to speak.
    """
    text = environ.get("TTS_DOWNLOAD_TIMEOUT", "").strip()
    try:
        seconds = float(text) if text else default_seconds
    except ValueError:
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    logger.warning("download.timeout_ignored", extra={"value": text[:40], "seconds": default_seconds})
    return default_seconds
