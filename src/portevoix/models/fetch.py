"""Fetch files in a process of its own: `python -m portevoix.models.fetch`.

The order comes as one line of JSON on standard input, the steps leave as lines of JSON on standard output. The process
ends when standard input does, and may be killed at any time: what has arrived lies in `*.incomplete` and is continued
by the next one. Nothing lies in its place before it is whole and checked.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from portevoix.errand import run_errand
from portevoix.errors import DiskFull, NotWritable
from portevoix.models.collection import list_files
from portevoix.models.faults import HubUnreachable
from portevoix.models.locks import lock_of, locked
from portevoix.models.manifest import Manifest
from portevoix.models.order import Listing, Order, OrderedFile
from portevoix.models.sizes import size_of
from portevoix.models.transfer import Tell, Transfer, require_room

CONNECT_SECONDS = 5.0


def fetch(order: Order, tell: Tell) -> None:
    """Fetch what is missing of an order, then put it in its place.

    Raises:
        PortevoixError: what went wrong, in the words of the house.
    """
    with _client(order) as client, _writing(order.parent):
        order.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(order.parent, order.name), tell):
            if order.listing is not None:
                _bring_folder(order, order.listing, client, tell)
            else:
                for file in _bring(order.files, order, client, tell):
                    file.incomplete.replace(file.place)


def _client(order: Order) -> httpx.Client:
    timeout = httpx.Timeout(order.patience_seconds, connect=min(CONNECT_SECONDS, order.patience_seconds))
    try:
        return httpx.Client(timeout=timeout, follow_redirects=True)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
        raise HubUnreachable("the network cannot be used as it is configured", str(error)[:200],
                             "Correct HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE, or unset them.") from error  # fmt: skip


def _bring(files: Sequence[OrderedFile], order: Order, client: httpx.Client, tell: Tell, *, places: bool = False,
           ) -> list[OrderedFile]:  # fmt: skip
    """Fetch the files that are not in their places, and return them; `places` puts each there once it is whole."""
    missing = [file for file in files if not _is_in_place(file)]
    require_room(order.parent, sum(map(_missing_bytes, missing)), order.spare_bytes)
    arrived = sum(size_of(file.place) for file in files if file not in missing)
    for number, file in enumerate(missing, 1):
        file.place.parent.mkdir(parents=True, exist_ok=True)
        after = sum(one.size_bytes for one in missing[number:])
        arrived += Transfer(file, order, client, tell, (arrived, after)).run()
        if places:
            file.incomplete.replace(file.place)
    return missing


def _bring_folder(order: Order, listing: Listing, client: httpx.Client, tell: Tell) -> None:
    """Fetch a folder of files beside its place, then put it there as a whole.

    What lies in the place and is not whole is taken up: its sound files are kept.
    """
    final, arriving = order.final, order.arriving
    if final.is_symlink() or arriving.is_symlink():
        raise NotWritable(f"{final} cannot be written", "it is a link", "Remove it, or fetch to where it leads.")
    if (there := Manifest.read(final)) is not None and there.serves(listing) and there.is_whole(final):
        return  # another program, which was waited for, has put it there
    if final.exists() and not arriving.exists():
        final.rename(arriving)
    manifest = Manifest.read(arriving)
    if manifest is None or not manifest.serves(listing):
        manifest = list_files(order, listing, client, tell)
        arriving.mkdir(exist_ok=True)
        manifest.discard_others(arriving)
        manifest.write(arriving)
    _bring(manifest.ordered(arriving, listing), order, client, tell, places=True)
    replaced = final.with_name(f".{final.name}.replaced")
    if final.exists():
        final.rename(replaced)
    arriving.rename(final)
    shutil.rmtree(replaced, ignore_errors=True)


def _is_in_place(file: OrderedFile) -> bool:
    return file.place.is_file() and size_of(file.place) == (file.size_bytes or size_of(file.place))


def _missing_bytes(file: OrderedFile) -> int:
    return max(0, file.size_bytes - size_of(file.incomplete))


@contextmanager
def _writing(folder: Path) -> Generator[None, None, None]:
    """Translate what a disk says."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{folder} is full", error.strerror or "", "Make room there, then go on.") from error
        raise NotWritable(f"{folder} cannot be written", error.strerror or str(error),
                          "Correct its permissions, or choose another data_folder.") from error  # fmt: skip


def main() -> None:
    """Fetch what standard input orders."""
    run_errand(_work)


def _work(line: bytes, tell: Tell) -> None:
    tell("begun")
    fetch(Order.parse(line), tell)


if __name__ == "__main__":
    main()
