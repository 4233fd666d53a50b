"""`bench`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from portevoix.cli.invocation import Invocation, shared_options
from portevoix.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.app import App
    from portevoix.cli.trial import Trial
    from portevoix.level import Level

TEXTS = {
    "fr": {
        "short": "Bonjour à tous.",
        "medium": "Le train de huit heures quinze partira de la voie numéro trois, avec dix minutes de retard.",
        "long": (
            "La pluie tombait depuis le matin sur les toits de la ville. Dans la cuisine, une bouilloire chantait, et "
            "le chat dormait près du poêle. Marie ouvrit la lettre avec soin, la lut deux fois, puis la posa sur la "
            "table. Rien ne pressait. Elle prit son manteau, descendit l'escalier et marcha jusqu'au port, où les "
            "bateaux attendaient la marée."
        ),
    },
    "en": {
        "short": "Good morning.",
        "medium": "The quarter past eight train will leave from platform three, about ten minutes late.",
        "long": (
            "Rain had been falling on the roofs of the town since morning. In the kitchen a kettle sang, and the cat "
            "slept beside the stove. Mary opened the letter with care, read it twice, and laid it on the table. There "
            "was no hurry. She took her coat, went down the stairs and walked to the harbour, where the boats were "
            "waiting for the tide."
        ),
    },
}

CHAIN = "the chain"


@dataclass(frozen=True, slots=True)
class BenchWish:
    """Say what is to be measured.

    Attributes:
        runs: of each text.
        text: in place of the three that there are.
        engines: to be measured alone; the chain when there is none.
        measures_each: every engine is measured alone.
        language: to be spoken, or None for the configured one.
    """

    runs: int
    text: str | None
    engines: tuple[str, ...]
    measures_each: bool
    language: str | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Hold how measurements of one thing are spread, in milliseconds."""

    min: float
    median: float
    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class BenchRow:
    """Show the runs of one text.

    Attributes:
        speaker: the engine, or the chain.
        text: `short`, `medium`, `long` or `given`.
        characters: length of the text.
        runs: how many were measured; a first one to warm up is not among them.
        failures: how many of them failed.
        first_audio_ms: from the request to the first audible frame; None when all failed.
        total_ms: from the request to the end.
        real_time_factor: median seconds of work for each second of speech.
        spoken_by: engines that were heard.
        why: the first failure.
    """

    speaker: str
    text: str
    characters: int
    runs: int
    failures: int
    first_audio_ms: Spread | None
    total_ms: Spread | None
    real_time_factor: float | None
    spoken_by: tuple[str, ...]
    why: str = ""


@click.command()
@click.option("--runs", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Runs of each text.")
@click.option("--text", help="Measure this text in place of a short, a medium and a long one.")
@click.option("--engine", "engines", multiple=True, metavar="NAME", help="Measure this engine alone; may be repeated.")
@click.option("--each", "measures_each", is_flag=True, help="Measure every engine alone.")
@click.option("--lang", "language", metavar="TAG", help="Language to speak; the configured one when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def bench(invocation: Invocation, /, *, as_json: bool, **wishes: Any) -> None:
    """Measure how fast speech begins and is made, without the cache: the whole chain, or engines alone.

    Ends with 5 when nothing was spoken.
    """
    from portevoix.cli.session import run

    rows = run(_rows(invocation, BenchWish(**wishes)))
    _print(rows, as_json=as_json)
    if all(row.failures == row.runs for row in rows):
        raise click.exceptions.Exit(EngineError.exit_code)


def _print(rows: Sequence[BenchRow], *, as_json: bool) -> None:
    from portevoix.cli.tables import print_json, print_table

    if as_json:
        print_json([asdict(row) for row in rows])
        return
    columns = ("speaker", "text", "chars", "runs", "failed", "first ms: min", "median", "p95", "max", "all ms: min",
               "median", "p95", "max", "rtf", "remark")  # fmt: skip
    print_table(columns, [_cells(row) for row in rows], flexible=1)


async def _rows(invocation: Invocation, wish: BenchWish) -> list[BenchRow]:
    from portevoix.cli.session import opened

    async with opened(invocation) as app:
        await app.load()
        language = wish.language or app.settings.advanced.default_language
        known = TEXTS["fr" if language.lower().startswith("fr") else "en"]
        texts = known if wish.text is None else {"given": wish.text}
        return [
            await _measure(app, who, levels, named, language=language, runs=wish.runs)
            for who, levels in _speakers(app, wish.engines, measures_each=wish.measures_each)
            for named in texts.items()
        ]


def _speakers(app: App, names: tuple[str, ...], *, measures_each: bool) -> list[tuple[str, Sequence[Level]]]:
    from portevoix.casting import find_level

    levels = app.chain.levels
    if measures_each:
        return [(level.name, [level]) for level in levels if not level.engine.is_silent]
    return [(name, [find_level(levels, name)]) for name in names] or [(CHAIN, levels)]


async def _measure(
    app: App, who: str, levels: Sequence[Level], named: tuple[str, str], *, language: str, runs: int
) -> BenchRow:
    from portevoix.cli.progress import stepping
    from portevoix.cli.trial import speak_with

    name, text = named
    await speak_with(app, levels, text, language)
    trials = []
    with stepping(range(runs), f"{who}, {name}") as rounds:
        for _ in rounds:
            trials.append(await speak_with(app, levels, text, language))  # noqa: PERF401 - one after the other
    return _row(who, name, text, trials)


def _row(who: str, name: str, text: str, trials: Sequence[Trial]) -> BenchRow:
    heard = [trial for trial in trials if trial.error is None]
    why = next((str(trial.error) for trial in trials if trial.error is not None), "")
    factors = sorted(trial.real_time_factor for trial in heard if trial.real_time_factor is not None)
    return BenchRow(
        who, name, len(text), len(trials), len(trials) - len(heard),
        spread([trial.first_audio_ms for trial in heard if trial.first_audio_ms is not None]),
        spread([trial.seconds * 1000 for trial in heard]),
        rank(factors, 50) if factors else None,
        tuple(sorted({trial.report.engine for trial in heard})), why,
    )  # fmt: skip


def spread(values: Sequence[float]) -> Spread | None:
    """Return how values are spread, or None where there are none."""
    ordered = sorted(values)
    return Spread(ordered[0], rank(ordered, 50), rank(ordered, 95), ordered[-1]) if ordered else None


def rank(ordered: Sequence[float], percent: int) -> float:
    """Return a percentile of ascending values by the nearest rank: always one that was measured."""
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def _cells(row: BenchRow) -> tuple[object, ...]:
    def cut(one: Spread | None) -> tuple[str | None, ...]:
        if one is None:
            return (None,) * 4
        return tuple(f"{value:.1f}" for value in (one.min, one.median, one.p95, one.max))

    remark = row.why or ("spoken by " + ", ".join(row.spoken_by) if row.speaker == CHAIN else "")
    factor = None if row.real_time_factor is None else f"{row.real_time_factor:.3f}"
    return (row.speaker, row.text, row.characters, row.runs, row.failures, *cut(row.first_audio_ms),
            *cut(row.total_ms), factor, remark)  # fmt: skip
