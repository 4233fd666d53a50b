"""Where packages come from: what the settings, uv's variables and pip's configuration say together.

uv ignores pip's configuration, so what is configured for pip alone is passed on. Addresses travel as variables, never
as arguments: they may hold passwords.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

PIP_SECONDS = 30.0
DRIVER = Path("/dev/nvidiactl")


@dataclass(frozen=True, slots=True)
class Sources:
    """Say where packages come from.

    Attributes:
        torch_index: address of an index with the builds of PyTorch to take, or "".
        torch_backend: kind of build that uv is to choose, as `cpu` or `cu130`; `auto` looks at the machine.
        index: address of the package index, or "" for the usual one.
        more_indexes: addresses of further ones.
        wheels: folders or pages with packages.
        certificates: file of the authorities to trust, or "".
        is_offline: the network may not be used.
    """

    torch_index: str = ""
    torch_backend: str = "auto"
    index: str = ""
    more_indexes: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    certificates: str = ""
    is_offline: bool = False

    @property
    def has_own_torch(self) -> bool:
        """Tell whether builds of PyTorch lie ready, so that none needs to be chosen."""
        return bool(self.torch_index) or any(_holds_torch(place) for place in self.wheels)

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` with what uv has to know; what it says about uv itself stays."""
        indexes = (self.torch_index, *self.more_indexes)
        wanted = {
            "UV_DEFAULT_INDEX": self.index,
            "UV_INDEX": " ".join(filter(None, indexes)),
            "UV_FIND_LINKS": ",".join(self.wheels),
            "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_TORCH_BACKEND": "" if self.has_own_torch else self.torch_backend,
            "UV_OFFLINE": "1" if self.is_offline else "",
            "SSL_CERT_FILE": self.certificates,
        }
        return {**{name: value for name, value in wanted.items() if value}, **environ}

    def fields(self) -> dict[str, Any]:
        """Return them as JSON-able values."""
        return asdict(self)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Sources:
        """Return what `fields` made plain values of."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**plain)

    def with_pip(self, configuration: Mapping[str, str]) -> Sources:
        """Return these with what pip is configured with, which gives way to what stands here."""
        return Sources(
            self.torch_index,
            self.torch_backend,
            self.index or configuration.get("index-url", ""),
            (*self.more_indexes, *configuration.get("extra-index-url", "").split()),
            (*self.wheels, *configuration.get("find-links", "").split()),
            self.certificates or configuration.get("cert", ""),
            self.is_offline,
        )


def pip_configuration(python: str = sys.executable, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what pip is configured with, by key; empty where there is no pip."""
    command = (python, "-m", "pip", "config", "list")
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, env=environ, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return read_pip_list(listed.stdout)


def read_pip_list(text: str) -> dict[str, str]:
    """Return the values of `pip config list`, by key; variables come before files, as with pip itself."""
    values: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        name, is_pair, value = line.partition("=")
        section, _, key = name.rpartition(".")
        rank = {":env:": 3, "install": 2, "global": 1}.get(section, 0)
        if is_pair and rank >= values.get(key, (1, ""))[0]:
            values[key] = (rank, _unquoted(value))
    return {key: value for key, (_, value) in values.items()}


def device_kind(driver: Path = DRIVER) -> str:
    """Return `cuda` where an NVIDIA driver is loaded, else `cpu`."""
    return "cuda" if driver.exists() else "cpu"


def _unquoted(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def _holds_torch(place: str) -> bool:
    parts = urlsplit(place)
    folder = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(place)
    return folder.is_dir() and any(folder.glob("torch-*.whl"))
