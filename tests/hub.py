"""A double of the hub: real HTTP on 127.0.0.1, with a second host for the bytes, and every fault that a hub can have.

```
with hub({"fr/x/x.onnx": b"…"}) as one:
    one.faults = [cut_after(5_000_000)] * 3      # one for each request for bytes; the last one stays if `stays` is set
    … fetch from one.url …
    one.requests                                 # what was asked
```
"""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPOSITORY = "rhasspy/piper-voices"
COMMIT = "c10ece1aade47bb51c153c893d14e5bf8e5b7117"
PORTAL = b"<html><body>Please log in</body></html>"
PIECE = 65_536
ON_THE_WAY = ("cut", "stall", "trickle", "flip", "short", "whole", "bare", "gzip", "misplaced", "refused")
"""Kinds of faults that only where the bytes lie has."""


@dataclass(frozen=True)
class Fault:
    """Say what goes wrong with one request.

    Attributes:
        kind: `answer` a status in place of the file (`refused`: only where the bytes lie), `cut` the connection after
            `after` bytes, `close` it without an answer, `hang` without one, `stall` after `after` bytes, `trickle`,
            `flip` a byte, `short` (a wrong size), `portal` (a web page), `loop` (redirects without end), `whole`
            (ignores Range), `bare` (no length: the end of the connection is the end), `gzip` (packs what nobody wanted
            packed), `misplaced` (another part than asked).
        status: of an `answer`.
        code: its `X-Error-Code`, or "".
        retry_after: its `Retry-After`, or "".
        after: bytes of a body that are sent before.
    """

    kind: str
    status: int = 200
    code: str = ""
    retry_after: str = ""
    after: int = 0


def answers(status: int, code: str = "", retry_after: str = "") -> Fault:
    return Fault("answer", status, code, retry_after)


def cut_after(count: int) -> Fault:
    return Fault("cut", after=count)


@lru_cache(maxsize=8)
def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=64)
def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Asked:
    """One request: to which of the two hosts, for what, with which headers (names in lower case)."""

    host: str
    path: str
    headers: dict[str, str]


@dataclass
class Hub:
    """A running double.

    Attributes:
        files: contents by path in the repository.
        url: of the hub.
        requests: what has been asked so far.
        faults: what goes wrong with the requests for bytes to come, one entry each; None stands for nothing.
        listing_faults: the same for the calls that tell commits and files; the last one is for all after it.
        repository: the one that it has.
        large_bytes: from this size on a file is stated with its SHA-256, as the hub does with large ones.
        stays: the last fault is for all requests after it.
        token: the only one that is accepted, or "" where none is asked for.
        redirects: the bytes lie on the other host.
        is_asked: set at each request.
        goes_on: where it is given, bytes wait until it is set once `holds_after` of them have left.
    """

    files: dict[str, bytes]
    url: str = ""
    requests: list[Asked] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    listing_faults: list[Fault | None] = field(default_factory=list)
    repository: str = REPOSITORY
    large_bytes: int = 1000
    stays: bool = False
    token: str = ""
    redirects: bool = True
    states_checksums: bool = True
    is_asked: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event | None = None
    holds_after: int = 0
    other_url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_listing_fault(self) -> Fault | None:
        with self.lock:
            return self.listing_faults.pop(0) if len(self.listing_faults) > 1 else (self.listing_faults or [None])[0]

    def tree(self) -> list[dict[str, Any]]:
        """Return what the hub lists of its files."""
        entries: list[dict[str, Any]] = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": "folder"}]
        for path, content in self.files.items():
            entry = {"type": "file", "oid": blob(content), "size": len(content), "path": path}
            if len(content) >= self.large_bytes:
                entry["lfs"] = {"oid": checksum(content), "size": len(content), "pointerSize": 134}
            entries.append(entry)
        return entries

    def next_fault(self) -> Fault | None:
        with self.lock:
            if not self.faults:
                return None
            return self.faults[0] if self.stays and len(self.faults) == 1 else self.faults.pop(0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    host: str

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.hub
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.requests.append(Asked(self.host, self.path, headers))
        hub.is_asked.set()
        with suppress(ConnectionError):
            if self.path.startswith("/api/models/"):
                self.describe(headers, hub.next_listing_fault())
            elif self.host == "hub" and hub.redirects:
                self.refer(headers)
            else:
                self.deliver(headers, hub.next_fault())

    def describe(self, headers: dict[str, str], fault: Fault | None) -> None:
        """Answer which commit a revision is, or which files it has."""
        hub = self.hub
        path = self.path.partition("?")[0].removeprefix("/api/models/")
        if fault is not None and fault.kind not in ("trickle", "stall", "cut", "garbage"):
            self.deliver(headers, fault)
        elif not self.is_let_in(headers):
            self.refuse(401, "", "")
        elif not path.startswith(f"{hub.repository}/"):
            self.refuse(404, "RepoNotFound", "")
        elif path.endswith("/revision/unknown"):
            self.refuse(404, "RevisionNotFound", "")
        else:
            is_tree = path.removeprefix(f"{hub.repository}/").startswith("tree/")
            content: Any = hub.tree() if is_tree else {"sha": COMMIT, "siblings": []}
            body = b'{"sha": ' if fault and fault.kind == "garbage" else json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.send_body(body, fault)

    def refer(self, headers: dict[str, str]) -> None:
        """Answer on the hub's own host: refuse, or send to where the bytes lie."""
        fault = self.hub.faults[0] if self.hub.faults else None
        if fault is not None and fault.kind not in ON_THE_WAY:
            self.deliver(headers, self.hub.next_fault())
        elif not self.is_let_in(headers) or (content := self.content()) is None:
            self.deliver(headers, None)
        else:
            self.send_response(302)
            self.state(content)
            self.send_header("Location", f"{self.hub.other_url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def deliver(self, headers: dict[str, str], fault: Fault | None) -> None:
        match fault:
            case Fault(kind="answer" | "refused"):
                self.refuse(fault.status, fault.code, fault.retry_after)
            case Fault(kind="close"):
                self.close_connection = True
            case Fault(kind="hang"):
                self.hub.closing.wait(60)
                self.close_connection = True
            case Fault(kind="portal"):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(PORTAL)))
                self.end_headers()
                self.wfile.write(PORTAL)
            case Fault(kind="loop"):
                self.send_response(302)
                self.send_header("Location", self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self.send_file(headers, fault)

    def send_file(self, headers: dict[str, str], fault: Fault | None) -> None:
        content = self.content()
        if self.host == "hub" and not self.is_let_in(headers):
            self.refuse(401, "", "")
        elif content is None:
            self.refuse(404, "EntryNotFound", "")
        else:
            self.send_content(content, headers, fault)

    def send_content(self, content: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        begin = 0
        if "range" in headers and kind != "whole":
            begin = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
        if begin >= len(content) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = content[begin:]
        if kind == "flip" and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        if kind == "short":
            body = body[:-1]
        self.send_response(206 if begin else 200)
        if begin:
            told = begin + 1 if kind == "misplaced" else begin
            self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", "application/octet-stream")
        if kind == "gzip":
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if kind == "bare":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(body)))
        if self.host == "hub":
            self.state(content)
        self.end_headers()
        self.send_body(body, fault)

    def send_body(self, body: bytes, fault: Fault | None) -> None:
        kind, after = (fault.kind, fault.after) if fault else ("", 0)
        end = after if kind in ("cut", "stall") else len(body)
        if kind == "trickle":
            for number in range(len(body)):
                self.wfile.write(body[number : number + 1])
                if self.hub.closing.wait(0.01):
                    break
            return
        for begin in range(0, min(end, len(body)), PIECE):
            if self.hub.goes_on is not None and begin >= self.hub.holds_after:
                self.hub.goes_on.wait(60)
            self.wfile.write(body[begin : min(begin + PIECE, end)])
        if end < len(body):
            if kind == "stall":
                self.hub.closing.wait(60)
            self.close_connection = True

    def state(self, content: bytes) -> None:
        """Say what the hub says of a file."""
        self.send_header("X-Repo-Commit", COMMIT)
        if self.hub.states_checksums:
            self.send_header("ETag", f'"{checksum(content)}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("X-Linked-ETag", f'"{checksum(content)}"')

    def refuse(self, status: int, code: str, retry_after: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_let_in(self, headers: dict[str, str]) -> bool:
        return not self.hub.token or headers.get("authorization") == f"Bearer {self.hub.token}"

    def content(self) -> bytes | None:
        parts = self.path.split("/", 5)
        if "/".join(parts[1:3]) != self.hub.repository or parts[3] != "resolve":
            return None
        return self.hub.files.get(parts[5])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients leave in the middle here."""


@contextmanager
def hub(files: dict[str, bytes], **attributes: Any) -> Generator[Hub, None, None]:
    """Run a double until the context ends."""
    one = Hub(files, **attributes)
    servers = [
        _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": one, "host": host})) for host in ("hub", "other")
    ]
    one.url, one.other_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield one
    finally:
        one.closing.set()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join(10)
