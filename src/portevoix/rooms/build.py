"""Build an environment in a process of its own: `python -m portevoix.rooms.build`.

The order comes as one line of JSON on standard input, the steps leave as lines of JSON on standard output. The process
ends when standard input does, with all that it started, and may be killed at any time: what is not whole lies in a
folder that counts for nothing and is swept by the next one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from portevoix.errand import Tell, run_errand
from portevoix.errors import DiskFull, NotWritable
from portevoix.locks import wait_for_lock
from portevoix.rooms.environments import PACKAGES, EnvironmentShelf, Note, interpreter_in
from portevoix.rooms.proof import prove
from portevoix.rooms.recipe import MEGABYTE, Recipe
from portevoix.rooms.sources import Sources, device_kind, pip_configuration
from portevoix.rooms.uv import Uv, find_uv

SPARE_BYTES = 200 * MEGABYTE
UV_VARIABLES = {"UV_NO_PROGRESS": "1", "UV_HTTP_RETRIES": "2", "UV_HTTP_CONNECT_TIMEOUT": "5"}
"""A network that is not there is known within seconds; `UV_HTTP_RETRIES` of the surroundings comes before this."""

ASIDE = ".aside"


@dataclass(frozen=True, slots=True)
class Order:
    """Say what is to be built, where, and of what.

    Attributes:
        folder: of all environments, as text.
        recipe: what belongs in.
        sources: where packages come from.
        reads_pip: what pip is configured with counts as well.
    """

    folder: str
    recipe: Recipe
    sources: Sources
    reads_pip: bool = True

    def line(self) -> bytes:
        """Return it as one line of JSON."""
        content = {"folder": self.folder, "recipe": self.recipe.fields(), "sources": self.sources.fields(),
                   "reads_pip": self.reads_pip}  # fmt: skip
        return json.dumps(content).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Order:
        """Return what `line` made a line of."""
        content = json.loads(line)
        recipe, sources = content.pop("recipe"), content.pop("sources")
        return cls(recipe=Recipe.of(recipe["name"], recipe), sources=Sources.of(sources), **content)


def build(order: Order, tell: Tell) -> None:
    """Build what is ordered, unless it is there already; another process that builds the same is waited for.

    Raises:
        PortevoixError: what went wrong, in the words of the house.
    """
    name, shelf = order.recipe.name, EnvironmentShelf(Path(order.folder))
    lock = wait_for_lock(lambda: shelf.reserve(name), tell)
    try:
        note = shelf.note(name)
        if note is None or note.fingerprint != order.recipe.fingerprint:
            _Building(order, shelf, lock, tell).run()
    finally:
        shutil.rmtree(shelf.building(name), ignore_errors=True)
        shelf.release(name, lock)


class _Building:
    """Make one environment beside its place, and put it there when it is proved."""

    def __init__(self, order: Order, shelf: EnvironmentShelf, lock: IO[bytes], tell: Tell) -> None:
        self._order = order
        self._recipe = order.recipe
        self._shelf = shelf
        self._lock = lock
        self._tell = tell
        self._place = shelf.building(order.recipe.name)

    def run(self) -> None:
        self._shelf.clear_way(self._recipe.name)
        shutil.rmtree(self._place, ignore_errors=True)
        require_room(self._shelf.folder, self._recipe)
        self._tell("preparing")
        self._install(self._uv())
        for module, patterns in self._recipe.aside.items():
            self._set_aside(module, patterns)
        self._tell("proving", modules=len(self._recipe.proves))
        facts = prove(interpreter_in(self._place), self._recipe, lambda module: self._tell("proved", module=module))
        Note(self._recipe.name, self._recipe.fingerprint, facts.python, facts.packages, facts.device,
             _size_of(self._place)).write(self._place)  # fmt: skip
        self._shelf.publish(self._recipe.name)

    def _uv(self) -> Uv:
        sources = self._order.sources.with_pip(pip_configuration() if self._order.reads_pip else {})
        cache = str((self._shelf.folder / PACKAGES).absolute())
        environ = {**UV_VARIABLES, **sources.variables(os.environ), "UV_CACHE_DIR": cache}
        return Uv(find_uv(self._shelf.folder, os.environ), environ, self._lock)

    def _install(self, uv: Uv) -> None:
        recipe, place = self._recipe, self._place.absolute()
        uv.run(("venv", "--relocatable", "--no-project", "--python", _python_for(recipe), str(place)), _ignore)
        arguments = ["pip", "install", "--python", str(interpreter_in(place))]
        for option, lines in (("requirements", recipe.requirements), ("overrides", recipe.overrides),
                              ("constraints", recipe.pins)):  # fmt: skip
            listed = place / f"{option}.txt"
            listed.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            arguments += [f"--{option}", str(listed)]
        uv.run(arguments, Hearing(self._tell))

    def _set_aside(self, module: str, patterns: Sequence[str]) -> None:
        """Rename files with which a module cannot be imported, as parts that were built for another device."""
        command = (str(interpreter_in(self._place)), "-I", "-c", f"import {module}")
        if subprocess.run(command, capture_output=True, timeout=IMPORT_SECONDS, check=False).returncode:
            for packages in (*self._place.glob("lib/python*/site-packages"), *self._place.glob("Lib/site-packages")):
                for path in {path for pattern in patterns for path in packages.glob(pattern)}:
                    path.rename(path.with_name(f"{path.name}{ASIDE}"))


class Hearing:
    """Make steps out of the lines that uv prints."""

    def __init__(self, tell: Tell) -> None:
        """Pass the steps on to `tell`."""
        self._tell = tell
        self._bytes: dict[str, int] = {}

    def __call__(self, line: str) -> None:
        """Take one line."""
        if found := re.match(r"(Resolved|Prepared|Installed) (\d+) packages?\b", line):
            self._tell(found[1].lower(), packages=int(found[2]))
        elif found := re.match(r"Downloading (\S+) \(([\d.]+)([KMG]?i?B)\)", line):
            self._bytes[found[1]] = int(float(found[2]) * UNITS.get(found[3], 1))
            self._tell("ordered", package=found[1], bytes=self._bytes[found[1]])
        elif found := re.match(r"\s*(?:Downloaded|Built) (\S+)", line):
            self._tell("arrived", package=found[1], bytes=self._bytes.get(found[1], 0))


UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
IMPORT_SECONDS = 300.0


def require_room(folder: Path, recipe: Recipe) -> None:
    """Make sure that a disk has room for an environment.

    Raises:
        DiskFull: it has not.
    """
    needed, free = recipe.needs_bytes(device_kind()), shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise DiskFull(
            f"there is no room for the environment {recipe.name}",
            f"{needed / MEGABYTE:.0f} MB and {SPARE_BYTES / MEGABYTE:.0f} MB to spare are needed in {folder}, "
            f"{free / MEGABYTE:.0f} MB are free",
            "Make room there, or set rooms.folder to another one.",
        )


def _python_for(recipe: Recipe) -> str:
    """Return this interpreter where its version will do, else a version that uv is to find or fetch."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return sys.executable if version in recipe.pythons or not recipe.pythons else recipe.pythons[-1]


def _size_of(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _ignore(_: str) -> None:
    """Do nothing with a line."""


def main() -> None:
    """Build what standard input orders."""
    run_errand(_work)


def _work(line: bytes, tell: Tell) -> None:
    try:
        build(Order.parse(line), tell)
    except OSError as error:
        raise NotWritable("the environment cannot be written", error.strerror or str(error),
                          "Correct the folder's permissions.") from error  # fmt: skip


if __name__ == "__main__":
    main()
