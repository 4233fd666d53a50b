"""Make a model that translates here of published weights, in the environment that has PyTorch."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portevoix.children import end_child
from portevoix.errors import EngineUnavailable, MachineError, ModelBroken, ModelMissing, NotWritable
from portevoix.locks import drop_lock, take_lock
from portevoix.models.catalogue import Model
from portevoix.models.downloads import Finish
from portevoix.models.locks import lock_of
from portevoix.rooms.environments import EnvironmentShelf, install_command
from portevoix.rooms.worker import OFFLINE

ENVIRONMENT = "neural"
ENTRANCE = """
import os, sys, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
sys.path.append(sys.argv.pop(1))
from portevoix.translate.conversion import main
sys.exit(main())
"""
"""Run the conversion, also in an environment that does not have this package installed; end with who started it."""

LIMIT_SECONDS = 3600.0


async def prepare_model(
    source: Path, target: Path, *, rooms: EnvironmentShelf, python: Path | None = None, quantization: str = "int8",
    limit_seconds: float = LIMIT_SECONDS,
) -> None:  # fmt: skip
    """Convert the published weights in `source` into the folder `target`, which appears when it is whole.

    Cancelling ends the process that converts, and leaves nothing of what it made.

    Args:
        source: where the weights are.
        target: where the model goes; must not exist.
        rooms: environments that are installed.
        python: interpreter that has torch, transformers and ctranslate2; that of the environment when None.
        quantization: as `int8`.
        limit_seconds: longest time.

    Raises:
        ModelMissing: there are no weights.
        MachineError: the target exists, is being made by another process, or cannot be written.
        EngineUnavailable: the environment is not installed.
        ModelBroken: the weights cannot be converted.
    """
    _check(source, target)
    python = python or rooms.python(ENVIRONMENT)
    if python is None:
        raise EngineUnavailable("weights cannot be converted", f"the environment {ENVIRONMENT} is not installed",
                                f"Run `{install_command(ENVIRONMENT)}`.")  # fmt: skip
    root = str(Path(__file__).parents[2])
    with _reserved(target) as scratch:
        made = scratch / target.name
        await _run([str(python), "-P", "-c", ENTRANCE, root, str(source), str(made), "--quantization", quantization],
                   source.name, limit_seconds)  # fmt: skip
        made.rename(target)


def left_to_do(name: str, rooms: EnvironmentShelf) -> str:
    """Return what is to be done by hand before the weights of a model can be converted here, or ""."""
    if rooms.python(ENVIRONMENT) is not None:
        return ""
    then = f"`{install_command(ENVIRONMENT)}`, then `portevoix models convert {name}`"
    return f"To translate with it, it has to be converted once. Run {then}."


def converting(weights: Path, models: Path, rooms: Path) -> Finish:
    """Return what converts a translation model that was fetched, once, where there is the environment for that.

    Args:
        weights: folder with the folders of weights.
        models: folder for those of converted models.
        rooms: folder with environments.
    """

    async def finish(model: Model) -> str:
        target, shelf = models / model.name, EnvironmentShelf(rooms)
        if target.exists():
            return ""
        if todo := left_to_do(model.name, shelf):
            return todo
        await prepare_model(weights / model.name, target, rooms=shelf)
        return ""

    return finish


@contextmanager
def _reserved(target: Path) -> Iterator[Path]:
    """Be the only process that makes `target`; give a folder beside it, of which nothing is left afterwards.

    Raises:
        MachineError: another process makes it, or the folder does not allow it.
    """
    scratch, place = target.with_name(f".{target.name}.converting"), lock_of(target.parent, target.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(place)
    except OSError as error:
        why = error.strerror or str(error)
        raise NotWritable(f"{target.parent} cannot be written", why, "Correct its permissions.") from error
    if lock is None:
        raise MachineError(f"{target.name} is being converted", hint="Wait until that has ended.")
    try:
        shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
        scratch.mkdir()
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        drop_lock(lock, place)


def _check(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise ModelMissing(f"the weights of {source.name} are not here", f"there is no {source}",
                           f"Fetch them: `portevoix models get {source.name}`.")  # fmt: skip
    if target.exists():
        raise MachineError(f"{target.name} is converted already", f"there is {target}", "Remove it to make it anew.")


async def _run(command: list[str], name: str, limit_seconds: float) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True,
            env={**os.environ, **OFFLINE, "PYTHONUTF8": "1"},
        )  # fmt: skip
    except OSError as error:
        raise EngineUnavailable("weights cannot be converted", f"{command[0]}: {error.strerror}") from error
    assert process.stderr is not None  # noqa: S101 - it was started with a pipe
    try:
        async with asyncio.timeout(limit_seconds):
            told = await process.stderr.read()
            await process.wait()
    except TimeoutError:
        raise ModelBroken(f"{name} was not converted", f"it took over {limit_seconds:g} s") from None
    finally:
        await end_child(process)
    if process.returncode:
        hint = f"Fetch it again: `portevoix models get {name}`."
        raise ModelBroken(f"{name} was not converted", _last_words(told), hint)


def _last_words(told: bytes) -> str:
    lines = [line.strip() for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:300] if lines else "the process that converts died"
