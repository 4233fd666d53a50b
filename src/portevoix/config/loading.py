"""Load the configuration: a file, then the environment over it, then everything that is wrong, at once."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from portevoix.config import folders
from portevoix.config.binding import bind_settings
from portevoix.config.conversion import found
from portevoix.config.document import MAX_BYTES, read_document
from portevoix.config.environment import read_environment
from portevoix.config.keys import all_keys
from portevoix.config.ledger import Ledger
from portevoix.config.node import Node, node_of, overlay
from portevoix.config.problem import Origin, Problem
from portevoix.config.settings import Settings
from portevoix.engine import Engine
from portevoix.errors import ConfigError

DEFAULT_FILE = Path("config/tts.yaml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Hold a configuration with what is to be said about it.

    Attributes:
        settings: what is in force; where a value was refused, its default.
        problems: everything that is wrong, the file's in the order of its lines, then the environment's.
        origins: where a value came from, by key; a key that is not here has its default.
        path: the file that was read, or None.
    """

    settings: Settings
    problems: tuple[Problem, ...] = ()
    origins: Mapping[str, Origin] = field(default_factory=dict)
    path: Path | None = None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems that stop the start."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def or_raise(self) -> Loaded:
        """Return itself when it can be used.

        Raises:
            ConfigError: there is an error among the problems; carries all of them, warnings too.
        """
        if self.errors:
            count = len(self.errors)
            what = f"the configuration has {count} error{'s' if count > 1 else ''}"
            raise ConfigError(what, tuple(map(str, self.problems)))
        return self


def load(path: Path | None, environ: Mapping[str, str], engines: Mapping[str, type[Engine]]) -> Loaded:
    """Load a configuration; never raises for what is written in it.

    Args:
        path: the file; None looks in the usual places, see `find_file`.
        environ: variables of the environment; they come before the file.
        engines: classes of the installed engines by name, whose options become keys.
    """
    file = path or find_file(environ)
    tree, problems = _read_file(file) if file else (None, ())
    return _bound(tree, problems, file, environ, engines)


def load_content(
    content: bytes, name: str, environ: Mapping[str, str], engines: Mapping[str, type[Engine]]
) -> Loaded:  # fmt: skip
    """Load a configuration that is no file, or no longer the one that is called so.

    Args:
        content: as it would stand in a file.
        name: what stands in problems and origins in place of a path.
        environ: variables of the environment; they come before the content.
        engines: classes of the installed engines by name.
    """
    if len(content) > MAX_BYTES:
        return Loaded(Settings(), (_too_large(name),), path=Path(name))
    tree, problems = read_document(content, name)
    return _bound(tree, problems, Path(name), environ, engines)


def load_values(
    values: Mapping[str, Any], environ: Mapping[str, str], engines: Mapping[str, type[Engine]]
) -> Loaded:  # fmt: skip
    """Load a configuration that a program has read already, as `yaml.safe_load` returns it; otherwise as `load`."""
    return _bound(node_of(values, Origin("file", "the given configuration")), (), None, environ, engines)


def _bound(
    tree: Node | None, problems: tuple[Problem, ...], file: Path | None, environ: Mapping[str, str],
    engines: Mapping[str, type[Engine]],
) -> Loaded:  # fmt: skip
    ledger = Ledger(folders.home_folder(environ), [key.name for key in all_keys(engines)])
    if tree is not None and tree.value is not None and not isinstance(tree.value, dict):
        ledger.refuse("", tree, f"expected a section of keys, found {found(tree, {})}")
        tree = None
    settings = bind_settings(overlay(tree, read_environment(environ)), engines, ledger)
    settings = _place_folders(settings, environ, ledger)
    _check_ports(settings, file, ledger)
    return Loaded(settings, tuple(sorted((*problems, *ledger.problems), key=_place)), ledger.origins, file)


def find_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file that is read when none is named.

    `PORTEVOIX_CONFIG`, else `config/tts.yaml` in the current folder, else the user's own, else None.
    """
    if named := environ.get("PORTEVOIX_CONFIG"):
        return Path(named)
    places = (DEFAULT_FILE, folders.settings_folder(environ) / "tts.yaml")
    return next((place for place in places if os.path.lexists(place)), None)


def _place(problem: Problem) -> float:
    """Return what sorts problems: the file as a whole, its lines, then the environment."""
    return problem.line or (math.inf if problem.key else 0)


def _read_file(path: Path) -> tuple[Node | None, tuple[Problem, ...]]:
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None, (Problem(name, None, "", "there is no such file", suggestion="Check the path."),)
    except IsADirectoryError:
        return None, (Problem(name, None, "", "is a folder", suggestion="Name a file."),)
    except PermissionError:
        return None, (Problem(name, None, "", "may not be read", suggestion="Give this user the right to read it."),)
    except (OSError, ValueError) as error:
        return None, (Problem(name, None, "", f"cannot be read: {error}"),)
    if len(content) > MAX_BYTES:
        return None, (_too_large(name),)
    return read_document(content, name)


def _too_large(name: str) -> Problem:
    what = f"is larger than {MAX_BYTES // 1024} KiB, which no configuration is"
    return Problem(name, None, "", what, suggestion="Check the path.")


def _place_folders(settings: Settings, environ: Mapping[str, str], ledger: Ledger) -> Settings:
    """Fill in the folders that depend on the environment; those of `PORTEVOIX_VOICES` come first."""
    given = ledger.origins
    data = settings.data_folder if "data_folder" in given else folders.data_folder(environ)
    cache = settings.cache_folder if "cache_folder" in given else folders.cache_folder(environ)
    voices = settings.voice_folders if "voice_folders" in given else folders.voice_folders(data)
    if listed := folders.listed_voice_folders(environ):
        before = given.get("voice_folders", Origin())
        given["voice_folders"] = Origin("environment", f"PORTEVOIX_VOICES, then {before}")
    return replace(settings, data_folder=data, cache_folder=cache, voice_folders=(*listed, *voices))


def _check_ports(settings: Settings, path: Path | None, ledger: Ledger) -> None:
    port = settings.monitoring.prometheus_port
    if not settings.monitoring.prometheus_enabled or port != settings.server.port or port == 0:
        return
    origin = next((ledger.origins[key] for key in _PORTS if key in ledger.origins), Origin("file", str(path or "")))
    ledger.refuse(_PORTS[0], Node(port, origin), f"{port} is also the server's port", "Choose another.")


_PORTS = ("monitoring.prometheus_port", "server.port")
