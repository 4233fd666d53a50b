"""Make a model that translates here of published weights, in the environment that has PyTorch."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE
from contextlib import suppress
from pathlib import Path

from portevoix.errors import EngineUnavailable, MachineError, ModelBroken, ModelMissing
from portevoix.rooms.environments import EnvironmentShelf, install_command
from portevoix.rooms.worker import OFFLINE

ENVIRONMENT = "neural"
ENTRANCE = (
    "import sys; sys.path.append(sys.argv.pop(1)); from portevoix.translate.conversion import main; sys.exit(main())"
)
"""Run the conversion also in an environment that does not have this package installed."""

LIMIT_SECONDS = 3600.0


async def prepare_model(
    source: Path, target: Path, *, rooms: EnvironmentShelf, python: Path | None = None, quantization: str = "int8",
    limit_seconds: float = LIMIT_SECONDS,
) -> None:  # fmt: skip
    """Convert the published weights in `source` into the folder `target`, which appears when it is whole.

    Cancelling ends the process that converts.

    Args:
        source: where the weights are.
        target: where the model goes; must not exist.
        rooms: environments that are installed.
        python: interpreter that has torch, transformers and ctranslate2; that of the environment when None.
        quantization: as `int8`.
        limit_seconds: longest time.

    Raises:
        ModelMissing: there are no weights.
        MachineError: the target exists.
        EngineUnavailable: the environment is not installed.
        ModelBroken: the weights cannot be converted.
    """
    _check(source, target)
    python = python or rooms.python(ENVIRONMENT)
    if python is None:
        raise EngineUnavailable("weights cannot be converted", f"the environment {ENVIRONMENT} is not installed",
                                f"Run `{install_command(ENVIRONMENT)}`.")  # fmt: skip
    root = str(Path(__file__).parents[2])
    await _run([str(python), "-P", "-c", ENTRANCE, root, str(source), str(target), "--quantization", quantization],
               source.name, limit_seconds)  # fmt: skip


def _check(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise ModelMissing(f"the weights of {source.name} are not here", f"there is no {source}",
                           f"Fetch them: `portevoix models get {source.name}`.")  # fmt: skip
    if target.exists():
        raise MachineError(f"{target.name} is converted already", f"there is {target}", "Remove it to make it anew.")


async def _run(command: list[str], name: str, limit_seconds: float) -> None:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=PIPE, stderr=PIPE, start_new_session=True, env={**os.environ, **OFFLINE, "PYTHONUTF8": "1"}
        )
    except OSError as error:
        raise EngineUnavailable("weights cannot be converted", f"{command[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(limit_seconds):
            _, told = await process.communicate()
    except TimeoutError:
        raise ModelBroken(f"{name} was not converted", f"it took over {limit_seconds:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())
    if process.returncode:
        hint = f"Fetch it again: `portevoix models get {name}`."
        raise ModelBroken(f"{name} was not converted", _last_words(told), hint)


def _last_words(told: bytes) -> str:
    lines = [line.strip() for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("Error: ")[:300] if lines else "the process that converts died"
