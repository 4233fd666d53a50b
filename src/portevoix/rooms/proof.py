"""Import what an environment is for, in its own interpreter, and tell what it is made of."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from portevoix.rooms.faults import RoomBroken
from portevoix.rooms.recipe import Recipe
from portevoix.rooms.worker import OFFLINE

SCRIPT = """
import importlib, importlib.metadata, json, os, platform, sys
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
def tell(**facts):
    print(json.dumps(facts), file=out, flush=True)
modules, packages = sys.argv[1].split(), sys.argv[2].split()
for module in modules:
    try:
        importlib.import_module(module)
    except BaseException as error:
        tell(broken=module, why=f"{type(error).__name__}: {error}"[:300])
        sys.exit(1)
    tell(proved=module)
torch = sys.modules.get("torch")
device = "" if torch is None else f"cuda {torch.version.cuda}" if torch.version.cuda else "cpu"
versions = {name: importlib.metadata.version(name) for name in packages}
tell(python=platform.python_version(), packages=versions, device=device)
out.close()
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """Tell what an environment is made of.

    Attributes:
        python: version of its interpreter.
        packages: version of what was asked for, by name.
        device: what its PyTorch was built for, as `cpu` or `cuda 13.0`; "" without PyTorch.
    """

    python: str
    packages: Mapping[str, str]
    device: str


def prove(python: Path, recipe: Recipe, tell: Callable[[str], None]) -> Facts:
    """Import what a recipe promises with the interpreter `python`; `tell` is called with each module that is sound.

    Raises:
        RoomBroken: a module cannot be imported.
    """
    names = [requirement.partition("==")[0] for requirement in recipe.requirements]
    command = (str(python), "-I", "-W", "ignore", "-c", SCRIPT, " ".join(recipe.proves), " ".join(names))
    broken = f"the environment {recipe.name} is of no use"
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          env={**os.environ, **OFFLINE}, text=True, encoding="utf-8") as process:  # fmt: skip
        assert process.stdout is not None  # noqa: S101 - it was asked for
        for line in process.stdout:
            facts = json.loads(line)
            if "proved" in facts:
                tell(facts["proved"])
            elif "broken" in facts:
                raise RoomBroken(broken, f"{facts['broken']} cannot be imported: {facts['why']}", BROKEN_HINT)
            else:
                return Facts(**facts)
    raise RoomBroken(broken, f"importing ended with status {process.returncode}", BROKEN_HINT)


BROKEN_HINT = "Install it again; if that does not help, report what it says."
