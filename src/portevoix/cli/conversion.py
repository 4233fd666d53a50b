"""`models convert`."""

from __future__ import annotations

from pathlib import Path

import click

from portevoix.cli.invocation import Invocation, shared_options


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

    Needs the environment that `portevoix engines install neural` makes; the model runs without it.
    """
    from portevoix.cli.session import run

    click.echo(f"{run(_convert(invocation, name, quantization, python))} is ready", err=True)


async def _convert(invocation: Invocation, name: str, quantization: str, python: Path | None) -> Path:
    from portevoix.cli.session import opened
    from portevoix.errors import InvalidParameter
    from portevoix.rooms.environments import EnvironmentShelf
    from portevoix.translate.preparation import prepare_model

    if Path(name).name != name or name in ("", ".", ".."):
        raise InvalidParameter(f"{name!r:.80} is no name of a model", hint="Run `portevoix models list`.", param="name")
    async with opened(invocation) as app:
        folder = app.settings.data_folder / "models"
        target = folder / "translate" / name
        await prepare_model(folder / name, target, rooms=EnvironmentShelf(app.settings.rooms_folder), python=python,
                            quantization=quantization)  # fmt: skip
    return target
