"""Where models come from, and what the environment says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from portevoix.errors import ConfigError

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


def hub_of(environ: Mapping[str, str], *, endpoint: str | None = None, is_offline: bool = False) -> Hub:
    """Return the hub that the environment describes.

    Args:
        environ: `HF_ENDPOINT` names a mirror, `HF_TOKEN` is sent to it, `HF_HUB_OFFLINE` forbids the network.
        endpoint: comes before `HF_ENDPOINT`.
        is_offline: forbids the network as well.

    Raises:
        ConfigError: the address is none.
    """
    address = (endpoint or environ.get("HF_ENDPOINT", "").strip() or ENDPOINT).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("the hub's address cannot be used", (f"{address[:80]!r} is no http or https address",),
                          "Correct HF_ENDPOINT or models.endpoint.")  # fmt: skip
    offline = is_offline or environ.get("HF_HUB_OFFLINE", "").strip().lower() in YES
    return Hub(address, environ.get("HF_TOKEN", "").strip(), offline)


def total_timeout_of(environ: Mapping[str, str], default_seconds: float) -> float:
    """Return how long one download may take, in seconds: `TTS_DOWNLOAD_TIMEOUT`, else the default.

    Raises:
        ConfigError: it is no positive number.
    """
    text = environ.get("TTS_DOWNLOAD_TIMEOUT", "").strip()
    try:
        seconds = float(text) if text else default_seconds
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError("TTS_DOWNLOAD_TIMEOUT cannot be used", (f"{text[:40]!r} is no number of seconds above 0",),
                          "Give a number, such as 3600, or unset it.")  # fmt: skip
    return seconds
