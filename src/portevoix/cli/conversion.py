"""`models convert`, which `models get` does by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portevoix.cli.invocation import Invocation, shared_options

if TYPE_CHECKING:
    from portevoix.config.settings import Settings


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--quantization", default="int8", show_default=True, help="Precision of the weights: int8, float16 …")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Interpreter that has torch, transformers and ctranslate2, in place of that of the environment.",
)
@shared_options(is_hidden=True)
@click.pass_obj
def convert(invocation: Invocation, name: str, *, quantization: str, python: Path | None) -> None:
    """Make a translation model that runs here of the published weights of NAME.

    `portevoix models get` does so by itself once there is the environment that it needs (`portevoix engines install
    neural`); the model runs without it.
    """
    from portevoix.cli.session import run
    from portevoix.errors import InvalidParameter

    if Path(name).name != name or name in ("", ".", ".."):
        raise InvalidParameter(f"{name!r:.80} is no name of a model", hint="Run `portevoix models list`.", param="name")
    run(_convert(invocation.read().settings, name, python=python, quantization=quantization))


async def make_ready(settings: Settings, name: str) -> None:
    """Convert a translation model that was fetched, or say what is to be done for that."""
    from portevoix.rooms.environments import EnvironmentShelf
    from portevoix.translate.preparation import left_to_do

    if (target := settings.translation_models_folder / name).exists():
        click.echo(f"{name} is converted already, in {target}", err=True)
    elif todo := left_to_do(name, EnvironmentShelf(settings.rooms_folder)):
        click.echo(todo, err=True)
    else:
        await _convert(settings, name)


async def _convert(settings: Settings, name: str, **wishes: Any) -> None:
    from portevoix.cli.progress import ticking
    from portevoix.rooms.environments import EnvironmentShelf
    from portevoix.translate.preparation import prepare_model

    target, rooms = settings.translation_models_folder / name, EnvironmentShelf(settings.rooms_folder)
    async with ticking(f"{name}  converting"):
        await prepare_model(settings.models_folder / name, target, rooms=rooms, **wishes)
    click.echo(f"{name} is ready, in {target}", err=True)
