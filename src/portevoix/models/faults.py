"""What can go wrong while a model is fetched: one kind, and one code, for each thing to do about it.

They are `ModelError`s: the engine whose model is missing stays not ready, and the chain goes on with the next one.
"""

from __future__ import annotations

from portevoix.errors import DiskFull, ModelError, NotWritable, PortevoixError, RequestError


class ModelUnknown(RequestError):
    """Refuse a model that the catalogue does not have."""

    code = "model_unknown"


class FetchError(ModelError):
    """Tell that a model could not be fetched."""

    code = "download_failed"


class ModelGated(FetchError):
    """Tell that the hub wants its terms to be accepted before it gives a model away."""

    code = "model_gated"


class HubTokenInvalid(FetchError):
    """Tell that the hub does not accept the token."""

    code = "hub_token_invalid"


class HubNotFound(FetchError):
    """Tell that the hub does not have a repository, a revision or a file, or hides it."""

    code = "hub_not_found"


class HubUnreachable(FetchError):
    """Tell that no connection to the hub came about or lasted."""

    code = "hub_unreachable"


class HubBusy(FetchError):
    """Tell that the hub is overloaded or broken right now."""

    code = "hub_busy"


class HubBadAnswer(FetchError):
    """Tell that what answered is no hub, such as a login page of a network."""

    code = "hub_bad_answer"


class NotCached(FetchError):
    """Tell that a model is not on this machine and the network may not be used."""

    code = "offline_not_cached"


class DownloadCorrupt(FetchError):
    """Tell that what arrived is not what was published."""

    code = "download_corrupt"


class DownloadStalled(FetchError):
    """Tell that too few bytes arrived for too long."""

    code = "download_stalled"


class DownloadTimeout(FetchError):
    """Tell that a download as a whole took too long; it can be continued."""

    code = "download_timeout"


class DownloadCancelled(FetchError):
    """Tell that somebody stopped a download; it can be continued."""

    code = "download_cancelled"


class ModelInUse(FetchError):
    """Tell that a model cannot be taken away now: another program is fetching it."""

    code = "model_in_use"


KINDS: dict[str, type[PortevoixError]] = {
    kind.code: kind
    for kind in (
        FetchError, ModelGated, HubTokenInvalid, HubNotFound, HubUnreachable, HubBusy, HubBadAnswer, NotCached,
        DownloadCorrupt, DownloadStalled, DownloadTimeout, DownloadCancelled, DiskFull, NotWritable,
    )
}  # fmt: skip
"""What the fetching process may tell, by code."""
