"""Small environments for tests: packages made on the spot, installed by the real installer without a network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.rooms.environments import EnvironmentShelf
from portevoix.rooms.installation import Limits
from portevoix.rooms.installations import Installations
from portevoix.rooms.recipe import Recipe
from portevoix.rooms.sources import Sources

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from portevoix.rooms.progress import Progress

SOURCE = Path(__file__).parents[1] / "src"
SMALL = Recipe("small", ("voix==1.0",), proves=("voix",))

ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
"""Where a program finds what this one finds."""

TENANT = """
import sys
sys.path.append(sys.argv[1])
from portevoix.rooms.environments import occupy
kept = occupy(*sys.argv[2:])
print("occupied" if kept else "free", flush=True)
input()
"""

WAITS = """
import os, pathlib, time
flag = pathlib.Path({flag!r})
flag.with_suffix(".begun").write_text(str(os.getppid()))
while flag.exists():
    time.sleep(0.02)
"""
"""A module that is not imported as long as a file lies there; tells the number of the process that imports it."""


def make_wheel(
    folder: Path, name: str = "voix", version: str = "1.0", *, code: str = "", requires: tuple[str, ...] = (),
    scripts: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
    """Make a package with one module.

    Args:
        folder: where it is put.
        name: of the package and of its module.
        version: of the package.
        code: of the module.
        requires: what the package asks for.
        scripts: functions to be made programs of, by the program's name.
        more: further files by path, in the folder where packages lie.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    asked = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{asked}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(more or {}),
    }
    if scripts:
        lines = "".join(f"{program} = {function}\n" for program, function in scripts.items())
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return wheel


@asynccontextmanager
async def installing(
    folder: Path, *recipes: Recipe, wheels: Path | None = None, limits: Limits | None = None, **sources: object
) -> AsyncIterator[tuple[Installations, list[Progress]]]:
    """Open installations in `folder`, from the packages in `wheels` alone, with all that they tell."""
    places = (str(wheels),) if wheels else ()
    wanted = replace(Sources(wheels=places, is_offline=True), **sources)
    known = {recipe.name: recipe for recipe in recipes or (SMALL,)}
    rooms = Installations(EnvironmentShelf(folder), sources=wanted, limits=limits or Limits(120), recipes=lambda: known,
                          reads_pip=False)  # fmt: skip
    told: list[Progress] = []
    rooms.listeners.append(told.append)
    try:
        yield rooms, told
    finally:
        await rooms.aclose()


@contextmanager
def tenancy(python: Path | str, *place: str) -> Iterator[subprocess.Popen[str]]:
    """Let a process of an interpreter live in its environment, or in the one at `place`."""
    command = [python, "-c", TENANT, str(SOURCE), *place]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tenant:
        assert tenant.stdout.readline() == "occupied\n"
        yield tenant
        tenant.kill()


async def until(is_so: Callable[[], object]) -> None:
    """Return once something outside is so, which tells nobody; a test's time limit is the limit."""
    while not is_so():  # noqa: ASYNC110 - other processes set no events
        await asyncio.sleep(0.02)


def leftovers(folder: Path) -> list[str]:
    """Return what lies in a folder of environments besides them and the packages that they share."""
    kept = (".packages",)
    return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(".") and entry.name not in kept)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
