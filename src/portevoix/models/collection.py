"""What a repository has of what is wanted, as the hub's two calls tell it."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Sequence
from typing import Any

import httpx

from portevoix.models.answers import Interrupted, origin_of, require_answer, translated
from portevoix.models.catalogue import is_safe_name
from portevoix.models.faults import DownloadCorrupt, HubBadAnswer, HubNotFound, HubUnreachable
from portevoix.models.hub import Hub
from portevoix.models.manifest import ListedFile, Manifest
from portevoix.models.order import Listing, Order
from portevoix.models.transfer import PAUSES_SECONDS, Tell, asking, pause

COMMIT = re.compile(r"[0-9a-f]{40}")
UNREACHABLE_TRIES = 2
"""Nothing has been fetched yet, and somebody may wait to hear that there is no network."""

MOST_PAGES = 20
MOST_BYTES = 20_000_000


def list_files(order: Order, listing: Listing, client: httpx.Client, tell: Tell) -> Manifest:
    """Ask a hub for the commit behind a revision, and for its files.

    Raises:
        FetchError: the hub refuses, does not answer, or lacks a file.
    """
    hub, caller = Hub(listing.endpoint), _Caller(order, client, tell)
    commit = listing.revision
    if not COMMIT.fullmatch(commit):
        commit = caller.ask(hub.revision_url(listing.repository, commit))[0].get("sha", "")
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise _senseless(listing.endpoint, "it names no commit")
    entries = caller.ask(hub.tree_url(listing.repository, commit))
    required = (*listing.required, *_chosen(entries, listing))
    files = [_listed(entry) for entry in entries if _is_wanted(entry, required, listing.also)]
    _require_all(files, required, listing)
    return Manifest(listing.repository, commit, tuple(sorted(files, key=lambda file: file.size_bytes)))


class _Caller:
    """Ask for JSON, three times in vain at most."""

    def __init__(self, order: Order, client: httpx.Client, tell: Tell) -> None:
        self._order = order
        self._client = client
        self._tell = tell

    def ask(self, url: str) -> list[dict[str, Any]]:
        """Return the objects of an answer, of all its pages.

        Raises:
            FetchError: the hub refuses, does not answer, or answers with something else.
        """
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            content, following = self._page(url)
            found += content if isinstance(content, list) else [content]
            following = following and str(httpx.URL(url).join(following))
            if not following or origin_of(following) != origin_of(url):
                break
            url = following
        if not all(isinstance(one, dict) for one in found):
            raise _senseless(url, "it lists no files")
        return found

    def _page(self, url: str) -> tuple[Any, str]:
        in_vain = 0
        while True:
            self._tell("asking")
            try:
                return self._once(url)
            except Interrupted as interrupted:
                in_vain += 1
                is_hopeless = isinstance(interrupted.error, HubUnreachable) and in_vain >= UNREACHABLE_TRIES
                if in_vain > len(PAUSES_SECONDS) or is_hopeless:
                    raise interrupted.error from interrupted
                pause(interrupted, in_vain, self._tell)

    def _once(self, url: str) -> tuple[Any, str]:
        try:
            with self._client.stream("GET", url, headers=asking(self._order)) as answer:
                require_answer(answer, url, self._order.name, has_token=bool(self._order.token))
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise _senseless(url, "it is too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise translated(error, url) from error
        try:
            return json.loads(bytes(body)), answer.links.get("next", {}).get("url", "")
        except ValueError as error:
            raise _senseless(url, "it is no JSON") from error


def _chosen(entries: list[dict[str, Any]], listing: Listing) -> list[str]:
    """Return of each choice the first path that is there, else its first, which then is missed."""
    there = {entry.get("path") for entry in entries}
    return [next((path for path in paths if path in there), paths[0]) for paths in listing.either]


def _is_wanted(entry: dict[str, Any], required: Sequence[str], also: Sequence[str]) -> bool:
    path = entry.get("path")
    if entry.get("type") != "file" or not isinstance(path, str) or not all(map(is_safe_name, path.split("/"))):
        return False
    return path in required or any(fnmatch.fnmatchcase(path, pattern) for pattern in also)


def _listed(entry: dict[str, Any]) -> ListedFile:
    """Return a file as the tree states it: of a large one the SHA-256, of another git's checksum."""
    try:
        large = entry.get("lfs")
        if large:
            return ListedFile(entry["path"], int(large["size"]), _hex(large["oid"].removeprefix("sha256:"), 64))
        return ListedFile(entry["path"], int(entry["size"]), blob=_hex(entry.get("oid") or "", 40))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _senseless("the hub", f"its list is damaged at {entry.get('path')!r:.60}") from error


def _hex(text: str, digits: int) -> str:
    return text if re.fullmatch(rf"[0-9a-f]{{{digits}}}", text) else ""


def _require_all(files: list[ListedFile], required: Sequence[str], listing: Listing) -> None:
    has = {file.path: file for file in files}
    if lacking := [path for path in required if path not in has]:
        raise HubNotFound(f"{listing.repository} does not have {lacking[0]}", f"at revision {listing.revision}",
                          "It may have moved: a later version of Portevoix may know where.")  # fmt: skip
    for path, known in listing.sha256:
        if path in has and has[path].sha256 not in ("", known):
            raise DownloadCorrupt(f"{path} of {listing.repository} is not the file that is known",
                                  "the hub states another checksum than the catalogue",
                                  "Try again later, or name another mirror with HF_ENDPOINT.")  # fmt: skip


def _senseless(url: str, why: str) -> HubBadAnswer:
    host = httpx.URL(url).host if "://" in url else url
    return HubBadAnswer(f"{host} gave an answer that makes no sense", why, "Check HF_ENDPOINT and the proxy settings.")
