"""API keys: who may ask for what. Kept on disk as hashes, read again when the file changes.

A secret is 32 random bytes, so its plain SHA-256 is as hard to turn round as the secret is to guess: a slow, salted
hash protects passwords that people choose, and would only slow down each request here.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from portevoix.errors import MachineError, RequestError
from portevoix.server.files import replace_file
from portevoix.server.guest import Limits

METRICS = "metrics"
SCOPES = ("speak", "voices", METRICS, "admin")
"""`speak`: speech and translation. `voices`: to keep and remove voices of people. `metrics`: they, and nothing else.
`admin`: everything. Whoever has any other than `metrics` may read what there is."""

FILE_NAME = "keys.json"
PREFIX = "pv-"
SECRET_BYTES = 32
ID_BYTES = 4
VERSION = 1


class KeysNotReadable(MachineError):
    """Tell that the file with the keys is damaged, so that nobody can be let in."""

    code = "keys_not_readable"


class KeyNotFound(RequestError):
    """Refuse to revoke a key that there is not."""

    code = "key_not_found"


@dataclass(frozen=True, slots=True)
class Key:
    """Describe one key; its secret is known to its owner alone.

    Attributes:
        id: names it in lists and logs.
        name: what its owner calls it.
        scopes: what it is for, of `SCOPES`.
        digest: SHA-256 of the secret, in hexadecimal.
        created_at: Unix seconds.
        limits: what it may ask for.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    digest: str
    created_at: int = 0
    limits: Limits = field(default_factory=Limits)

    def allows(self, scope: str) -> bool:
        """Tell whether it is for `scope`; "" is for every key but one for metrics alone, and `admin` has them all."""
        if scope == METRICS:
            return True
        return set(self.scopes) != {METRICS} if not scope else scope in self.scopes or "admin" in self.scopes


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class KeyRing:
    """Keep the keys of one server in one file; safe for several processes that read, and one that writes."""

    def __init__(self, path: Path, wall_clock: Callable[[], float] = time.time) -> None:
        """Keep them at `path`, which need not exist; `wall_clock` gives Unix seconds."""
        self._path = path
        self._wall_clock = wall_clock
        self._seen: tuple[int, int, int] | None = None
        self._keys: tuple[Key, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Return every key, as the file has them now.

        Raises:
            KeysNotReadable: the file is there and cannot be read.
        """
        stamp = self._stamp()
        if stamp != self._seen:
            self._keys = self._read() if stamp else ()
            self._seen = stamp
        return self._keys

    def find(self, secret: str) -> Key | None:
        """Return the key of a secret; looks at each key for as long, wherever they differ."""
        digest, found = digest_of(secret), None
        for key in self.keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def create(self, name: str, scopes: Iterable[str], limits: Limits | None = None) -> tuple[Key, str]:
        """Keep a new key, and return it with its secret, which nobody can find out again.

        Raises:
            KeysNotReadable: the file is damaged.
            NotWritable: it cannot be written.
        """
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        key = Key(
            f"k{secrets.token_hex(ID_BYTES)}", name, tuple(scope for scope in SCOPES if scope in set(scopes)),
            digest_of(secret), int(self._wall_clock()), limits or Limits(),
        )  # fmt: skip
        self._write((*self.keys, key))
        return key, secret

    def revoke(self, key_id: str) -> Key:
        """Forget a key, and return it; running servers refuse it from then on.

        Raises:
            KeyNotFound: there is none with this id.
            KeysNotReadable: the file is damaged.
            NotWritable: it cannot be written.
        """
        keys = self.keys
        for key in keys:
            if key.id == key_id:
                self._write(tuple(one for one in keys if one is not key))
                return key
        known = ", ".join(f"{key.id} ({key.name})" for key in keys) or "none"
        raise KeyNotFound(f"there is no key {key_id[:80]!r}", f"there are: {known}", "Run `portevoix keys list`.",
                          param="id")  # fmt: skip

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(str(error)) from error
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> tuple[Key, ...]:
        try:
            content = json.loads(self._path.read_text("utf-8"))
            return tuple(_key(entry) for entry in content["keys"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(f"{type(error).__name__}: {error}") from error

    def _unreadable(self, why: str) -> KeysNotReadable:
        hint = "Repair it, or move it away and make new keys: `portevoix keys create NAME --scope speak`."
        return KeysNotReadable(f"the keys in {self._path} cannot be read", why, hint)

    def _write(self, keys: tuple[Key, ...]) -> None:
        content = json.dumps({"version": VERSION, "keys": [asdict(key) for key in keys]}, indent=2)
        replace_file(self._path, content.encode())
        self._seen = None


def _key(entry: Mapping[str, Any]) -> Key:
    known = {item.name for item in fields(Limits)}
    bounds = {name: int(value) for name, value in entry.get("limits", {}).items() if name in known}
    texts = [str(entry[name]) for name in ("id", "name", "digest")]
    scopes = tuple(str(scope) for scope in entry["scopes"])
    return Key(texts[0], texts[1], scopes, texts[2], int(entry.get("created_at", 0)), Limits(**bounds))
