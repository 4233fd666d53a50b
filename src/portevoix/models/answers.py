"""What a hub's answers mean: its statements, its refusals, its silences."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from portevoix.models.faults import (
    DownloadStalled,
    FetchError,
    HubBadAnswer,
    HubBusy,
    HubNotFound,
    HubTokenInvalid,
    HubUnreachable,
    ModelGated,
)
from portevoix.models.order import OrderedFile

LONGEST_PAUSE_SECONDS = 3.0
"""Longest wish of a hub (`Retry-After`) that is granted."""

NOT_FOUND = {"RepoNotFound": "repository", "RevisionNotFound": "revision", "EntryNotFound": "file"}
ENDPOINT_HINT = "Check HF_ENDPOINT and the proxy settings."


class Interrupted(Exception):
    """Ask for another attempt; `error` is what it came to if that is not granted."""

    def __init__(self, error: FetchError, pause_seconds: float = 0.0) -> None:
        super().__init__(error)
        self.error = error
        self.pause_seconds = pause_seconds


@dataclass(frozen=True, slots=True)
class Statement:
    """What the hub says of a file.

    Attributes:
        size_bytes: 0 when it says nothing.
        sha256: in hex, or "".
        blob: git's checksum of it in hex, or "".
    """

    size_bytes: int = 0
    sha256: str = ""
    blob: str = ""


def statement_of(answer: httpx.Response) -> Statement:
    """Return what the hub says: `X-Linked-*` stand on its own answer, before it sends us to where the bytes lie."""
    first, *_ = chain = [*answer.history, answer]
    size = next((one.headers["x-linked-size"] for one in chain if "x-linked-size" in one.headers), "")
    linked = next((one.headers["x-linked-etag"] for one in chain if "x-linked-etag" in one.headers), "")
    tag = (linked or first.headers.get("etag", "")).removeprefix("W/").strip('"').lower()
    return Statement(
        int(size) if size.isdigit() else 0,
        tag if re.fullmatch(r"[0-9a-f]{64}", tag) else "",
        tag if re.fullmatch(r"[0-9a-f]{40}", tag) and "x-repo-commit" in first.headers else "",
    )


def require_file(answer: httpx.Response, file: OrderedFile, *, has_token: bool) -> None:
    """Make sure that an answer brings the file; raises as `require_answer`."""
    require_answer(answer, file.url, file.place.name, has_token=has_token)


def require_answer(answer: httpx.Response, url: str, what: str, *, has_token: bool) -> None:
    """Make sure that an answer brings `what` was asked for at `url`.

    Raises:
        FetchError: it does not, and will not.
        Interrupted: it may the next time.
    """
    if answer.status_code in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        if answer.headers.get("content-type", "").startswith("text/html"):
            raise HubBadAnswer(f"{answer.url.host} sent a web page in place of {what}",
                               "a network's login page does this", "Log in to the network with a browser.")  # fmt: skip
        return
    refusal = _refusal(answer, url, has_token=has_token)
    if isinstance(refusal, HubBusy):
        raise Interrupted(refusal, _wished_pause(answer))
    raise refusal


def _refusal(answer: httpx.Response, url: str, *, has_token: bool) -> FetchError:
    told = next((one.headers["x-error-code"] for one in (answer, *answer.history) if "x-error-code" in one.headers), "")
    hub, host, status = httpx.URL(url), answer.url.host, answer.status_code
    # Where it sends us to knows neither accounts nor terms.
    is_of_hub = host == hub.host and answer.url.port in (hub.port, None)
    if told == "GatedRepo" or (not told and is_of_hub and status == httpx.codes.FORBIDDEN):
        return ModelGated(f"{host} gives this model only to those who accepted its terms", f"HTTP {status}",
                          "Accept them on its page, and set HF_TOKEN to a token of that account.")  # fmt: skip
    if told in NOT_FOUND or (not told and status == httpx.codes.NOT_FOUND):
        what = NOT_FOUND.get(told, "file")
        return HubNotFound(f"{host} does not have this {what}", f"{shown(url)}, HTTP {status}",
                           "It may have moved, or be private: then set HF_TOKEN.")  # fmt: skip
    if is_of_hub and status == httpx.codes.UNAUTHORIZED:
        why = "the token in HF_TOKEN has expired or is wrong" if has_token else "it wants a token"
        return HubTokenInvalid(f"{host} does not let us in", why, "Set HF_TOKEN to a valid token, or unset it.")
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return HubBusy(f"{host} is busy", f"HTTP {status}", "Try again later.")
    return HubBadAnswer(f"{host} gave an answer that makes no sense", f"HTTP {status}", ENDPOINT_HINT)


def translated(error: Exception, url: str) -> Exception:
    """Return what an error of httpx comes to: an `Interrupted` where another attempt is worth while, else the error."""
    host = url.rpartition("@")[2][:80] if isinstance(error, httpx.InvalidURL) else httpx.URL(url).host
    why = str(error)[:200]
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return Interrupted(DownloadStalled(f"{host} fell silent", why, "Try again: it goes on where it stopped."))
    if isinstance(error, httpx.TooManyRedirects | httpx.InvalidURL | httpx.UnsupportedProtocol):
        return HubBadAnswer(f"{host} cannot be asked", why, ENDPOINT_HINT)
    what = f"{host} is not reachable" if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else (
        f"the connection to {host} broke")  # fmt: skip
    return Interrupted(HubUnreachable(what, why, "Check the network, or name a mirror with HF_ENDPOINT."))


def _wished_pause(answer: httpx.Response) -> float:
    wish = answer.headers.get("retry-after", "")
    return min(float(wish), LONGEST_PAUSE_SECONDS) if wish.isdigit() else 0.0


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return to whom a request for `url` goes: scheme, host and port."""
    whole = httpx.URL(url)
    return whole.scheme, whole.host, whole.port


def shown(url: str) -> str:
    """Return an address as it may be printed: without a name and a password."""
    return str(httpx.URL(url).copy_with(username=None, password=None))


def is_encoded(answer: httpx.Response) -> bool:
    """Tell whether the file was packed on its way, though nobody asked for it: then the lengths are not the file's."""
    return str(answer.headers.get("content-encoding", "identity")).lower() != "identity"


def range_begin(answer: httpx.Response) -> int:
    """Return the place in the file, in bytes, of the first byte of a partial answer; -1 where it does not tell."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("content-range", ""))
    return int(found[1]) if found else -1


def range_total(answer: httpx.Response) -> int:
    """Return the size of the whole file that a partial answer tells of, in bytes, or 0."""
    found = re.search(r"/(\d+)$", answer.headers.get("content-range", ""))
    return int(found[1]) if found else 0
