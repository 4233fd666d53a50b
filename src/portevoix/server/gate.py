"""The gate: what a request needs to be let in, and who it is let in as."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from portevoix.errors import InvalidParameter, NotAllowed, PortevoixError
from portevoix.server.errors import HostNotAllowed, KeyMissing, KeyUnknown, ScopeMissing
from portevoix.server.guest import NOBODY, PRIORITIES, Guest, Priority
from portevoix.server.hosts import is_loopback, is_own_page
from portevoix.server.keys import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from portevoix.server.keys import Key, KeyRing
    from portevoix.server.queue import Queue, Seat

OPEN, ANY = "open", ""
"""Open to everybody; for whoever has a key of any scope."""

PRIORITY_HEADER = "x-priority"
READING = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Rule:
    """Say what a path needs.

    Attributes:
        path: the path itself, or its beginning where it ends in `*`.
        scope: `open`, a scope, or "" for any key.
        methods: those it is about; all when empty.
    """

    path: str
    scope: str
    methods: tuple[str, ...] = ()

    def is_about(self, method: str, path: str) -> bool:
        """Tell whether a request falls under it."""
        fits = path.startswith(self.path[:-1]) if self.path.endswith("*") else path == self.path
        return fits and (not self.methods or method in self.methods)


RULES = (
    Rule("/", OPEN, READING),
    Rule("/favicon.ico", OPEN, READING),
    Rule("/console/*", OPEN, READING),
    Rule("/health/*", OPEN, READING),
    Rule("/metrics", METRICS, READING),
    Rule("/api/config*", "admin"),
    Rule("/v1/voices/add", "voices"),
    Rule("/v1/voices/*", "voices", ("POST", "PUT", "PATCH", "DELETE")),
    *(Rule(f"{prefix}/audio/voice{rest}", "voices", ("POST", "DELETE"))
      for prefix in ("/v1", "") for rest in ("s", "s/*", "_consents", "_consents/*")),
    *(Rule(f"{prefix}/audio/*", "speak", ("POST",)) for prefix in ("/v1", "")),
    Rule("/v1/text-to-speech/*", "speak"),
    Rule("/synthesize", "speak"),
    Rule("/", "speak", ("POST",)),
    Rule("/translate/speech/*", OPEN, READING),  # who has such a link has been given it
    Rule("/translate*", "speak", ("POST",)),
    Rule("*", ANY, READING),
    Rule("*", "admin"),
)  # fmt: skip
"""The first that fits counts."""


def scope_for(method: str, path: str) -> str:
    """Return what a request needs: `open`, a scope, or "" for any key."""
    return next(rule.scope for rule in RULES if rule.is_about(method, path))


class Gate:
    """Let requests in, and tell the queue who asks.

    Without any key, programs on this machine may do everything; others may speak where `allows_anyone`. As soon as
    there is a key, everybody needs one.
    """

    def __init__(
        self, app: ASGIApp, keys: KeyRing, queue: Queue, *, allows_anyone: bool = False, origins: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Stand before `app`; pages of `origins` may ask as well as the server's own."""
        self._app = app
        self._keys = keys
        self._queue = queue
        self._allows_anyone = allows_anyone
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            KeyMissing: it needs a key.
            KeyUnknown: its key is not known.
            ScopeMissing: its key is not for this.
            NotAllowed: there are no keys, and it comes from another machine.
            HostNotAllowed: a page of another site wants to change something.
            InvalidParameter: its priority is not known.
        """
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        method = scope.get("method", "GET")
        if method not in READING:
            self._check_origin(connection)
        needed = scope_for(method, scope["path"])
        priority = _priority(connection)
        secret = secret_of(connection)
        is_told_later = scope["type"] == "websocket" and not secret and bool(self._keys.keys)
        guest = NOBODY if is_told_later else self._admit(connection, secret, needed, priority)
        is_trusted = self._is_known(connection, secret) if needed == OPEN else True
        scope.setdefault("state", {}).update(is_trusted=is_trusted, client=guest.client)
        with self._queue.seat(guest) as seat:
            if is_told_later:
                receive = self._listen_for_key(connection, seat, needed, priority, receive)
            await self._app(scope, receive, send)

    def _admit(self, connection: HTTPConnection, secret: str, needed: str, priority: Priority) -> Guest:
        address = connection.client.host if connection.client else ""
        if needed == OPEN:
            return Guest(address, priority)
        if not self._keys.keys:
            self._check_without_keys(address, needed)
            return Guest(address, priority)
        if not secret:
            raise KeyMissing("a key is needed", hint="Send it as `Authorization: Bearer …` or as `xi-api-key`.")
        key = self._keys.find(secret)
        if key is None:
            raise KeyUnknown("the key is not known", hint="Ask for a new one: `portevoix keys create`.")
        _check_scope(key, needed)
        return Guest(key.id, priority, key.limits)

    def _is_known(self, connection: HTTPConnection, secret: str) -> bool:
        """Return whether a client that needs no key would have had one, or not have needed it."""
        try:
            self._admit(connection, secret, ANY, PRIORITIES[0])
        except PortevoixError:
            return False
        return True

    def _check_without_keys(self, address: str, needed: str) -> None:
        if is_loopback(address):
            return
        if not self._allows_anyone:
            why = "there is none yet, so only programs on the server itself may ask"
            raise KeyMissing("a key is needed", why,
                             "Make one on the server: `portevoix keys create NAME --scope speak`.")  # fmt: skip
        if needed not in (ANY, METRICS, "speak"):
            raise NotAllowed("this may be changed from this machine alone", "the server has no keys",
                             "Ask for it on the server itself, or make a key with the scope.")  # fmt: skip

    def _check_origin(self, connection: HTTPConnection) -> None:
        """Refuse what a page of another site asks for: browsers send some requests without asking the server first."""
        origin = connection.headers.get("origin")
        if origin is None or origin in self._origins or "*" in self._origins:
            return
        if not is_own_page(origin, connection.headers.get("host", "")):
            raise HostNotAllowed("the page that asks is none of this server's", f"it comes from {origin[:80]!r}",
                                 "Add it to server.allowed_origins if it may.")  # fmt: skip

    def _listen_for_key(
        self, connection: HTTPConnection, seat: Seat, needed: str, priority: Priority, receive: Receive
    ) -> Receive:  # fmt: skip
        """Return what looks for the key in a socket's first message, where clients of ElevenLabs may put it."""

        async def receive_checked() -> Message:
            message = await receive()
            if seat.guest is NOBODY and message["type"] == "websocket.receive":
                seat.guest = self._admit(connection, _secret_in(message), needed, priority)
            return message

        return receive_checked


def secret_of(connection: HTTPConnection) -> str:
    """Return the key that a request carries, or ""; a socket's may stand in its query as well."""
    headers, query = connection.headers, connection.query_params
    given = headers.get("xi-api-key") or _bearer(headers.get("authorization", ""))
    if not given and connection.scope["type"] == "websocket":
        given = query.get("xi-api-key") or query.get("xi_api_key") or _bearer(query.get("authorization", ""))
    return given.strip()


def _bearer(value: str) -> str:
    kind, _, rest = value.strip().partition(" ")
    return rest.strip() if kind.lower() == "bearer" else ("" if rest else kind)


def _secret_in(message: Message) -> str:
    fields: Any = None
    with suppress(ValueError, RecursionError):
        fields = json.loads(message.get("text") or "null")
    if not isinstance(fields, dict):
        return ""
    given = fields.get("xi_api_key") or fields.get("xi-api-key") or fields.get("authorization")
    return _bearer(given) if isinstance(given, str) else ""


def _check_scope(key: Key, needed: str) -> None:
    if not key.allows(needed):
        needed = needed or "speak"  # any but that for metrics will do
        raise ScopeMissing(f"the key {key.id} is not for this", f"it has {', '.join(key.scopes)}, not {needed}",
                           f"Ask for a key with the scope {needed}.")  # fmt: skip


def _priority(connection: HTTPConnection) -> Priority:
    given = connection.headers.get(PRIORITY_HEADER) or connection.query_params.get("priority") or PRIORITIES[0]
    for priority in PRIORITIES:
        if priority == given.lower():
            return priority
    raise InvalidParameter(f"priority {given[:40]!r} is not known", f"there are {', '.join(PRIORITIES)}",
                           param="priority")  # fmt: skip
