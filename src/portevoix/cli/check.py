"""`check`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portevoix.cli.invocation import Invocation, shared_options
from portevoix.engine import RaisesAlarms
from portevoix.errors import EngineError, PortevoixError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portevoix.app import App
    from portevoix.cli.trial import Trial
    from portevoix.level import Level

DEFAULT_FOLDER = Path("portevoix-check")
CUT_DIGITS = 3


@dataclass(frozen=True, slots=True)
class CheckRow:
    """Show one trial.

    Attributes:
        tried: the engine that was asked, or those that were switched off before it, or `alarm`.
        spoke: the engine that was heard, or None.
        voice: its voice.
        audio_seconds: length of its speech.
        first_audio_ms: when it was first heard.
        real_time_factor: seconds of work for each second of speech.
        verdict: `audible`, `silent as meant`, `SILENT`, `not ready` or `FAILED`; of the alarm `reachable` or `rang`.
        file: where to listen to it, or None.
        remark: why not, or why somebody else spoke; and what to do.
    """

    tried: str
    spoke: str | None
    voice: str | None
    audio_seconds: float | None
    first_audio_ms: float | None
    real_time_factor: float | None
    verdict: str
    file: str | None
    remark: str = ""


@click.command()
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(path_type=Path),
    default=DEFAULT_FOLDER,
    metavar="FOLDER",
    show_default=True,
    help="Write what was spoken into FOLDER, one WAVE file each.",
)
@click.option("--fallback", is_flag=True, help="Switch one level after the other off, and see who speaks instead.")
@click.option("--ring", is_flag=True, help="Send a test alarm to the webhook, marked as one.")
@click.option("--lang", metavar="TAG", help="Language to speak; the configured one when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def check(invocation: Invocation, *, folder: Path, fallback: bool, ring: bool, lang: str | None, as_json: bool) -> None:
    """Let every engine speak a phrase, and judge whether it can be heard.

    No alarm is raised: where one is configured, its address is only connected to. Ends with 5 when an engine that was
    ready failed, none can be heard, or an alarm would not arrive.
    """
    from portevoix.cli.session import run
    from portevoix.cli.tables import print_json, print_table

    rows = run(_rows(invocation, folder, lang, is_fallback=fallback, rings=ring))
    if as_json:
        print_json([asdict(row) for row in rows])
    else:
        columns = ("switched off" if fallback else "engine", "spoke", "voice", "seconds", "first ms", "rtf", "verdict",
                   "file", "remark")  # fmt: skip
        print_table(columns, [_cells(row) for row in rows], flexible=1)
    if not _is_well(rows):
        raise click.exceptions.Exit(EngineError.exit_code)


async def _rows(
    invocation: Invocation, folder: Path, lang: str | None, *, is_fallback: bool, rings: bool
) -> list[CheckRow]:
    from portevoix.cli.progress import stepping
    from portevoix.cli.session import opened
    from portevoix.cli.trial import phrase, speak_with

    _make(folder)
    rows = []
    async with opened(invocation) as app:
        await app.load()
        alarms = [level.engine for level in app.levels if isinstance(level.engine, RaisesAlarms)]
        for alarm in alarms:
            alarm.mute()
        language = lang or app.settings.advanced.default_language
        with stepping(_courses(app, is_fallback=is_fallback), "Speaking") as courses:
            for number, (tried, levels) in enumerate(courses, 1):
                trial = await speak_with(app, levels, phrase(language), language)
                rows.append(_row(number, tried, levels, trial, folder))
        tried_alarms = [await _try_alarm(alarm, rings=rings) for alarm in alarms]
    return [*rows, *(row for row in tried_alarms if row.remark)]


async def _try_alarm(alarm: RaisesAlarms, *, rings: bool) -> CheckRow:
    """Return what came of the alarm, with no remark where none is configured."""
    try:
        verdict, remark = "rang" if rings else "reachable", await alarm.try_alarm(rings=rings)
    except PortevoixError as error:
        verdict, remark = "FAILED", error.in_full
    return CheckRow("alarm", None, None, None, None, None, verdict, None, remark)


def _courses(app: App, *, is_fallback: bool) -> list[tuple[str, Sequence[Level]]]:
    """Return what is to be tried: each level alone, or what is left when the first ones are switched off."""
    levels = app.chain.levels
    if not is_fallback:
        return [(level.name, [level]) for level in levels]
    return [
        (", ".join(one.name for one in levels[:count]) or "nothing", levels[count:]) for count in range(len(levels))
    ]


def _row(number: int, tried: str, levels: Sequence[Level], trial: Trial, folder: Path) -> CheckRow:
    spoke = trial.report.engine if trial.sample_rate else None
    file = _keep(trial, folder / f"{number}-{spoke}.wav") if spoke else None
    return CheckRow(
        tried, spoke, trial.report.voice or None, _rounded(trial.audio_seconds or None), _rounded(trial.first_audio_ms),
        _rounded(trial.real_time_factor), _verdict(levels, trial), str(file) if file else None, _remark(trial),
    )  # fmt: skip


def _verdict(levels: Sequence[Level], trial: Trial) -> str:
    if trial.error is not None:
        was_ready = levels[0].state().phase.value == "ready" and trial.error.code != "model_missing"
        return "FAILED" if was_ready and len(levels) == 1 else "not ready"
    if trial.is_audible:
        return "audible"
    speaker = next((level for level in levels if level.name == trial.report.engine), None)
    return "silent as meant" if speaker is not None and speaker.engine.is_silent else "SILENT"


def _remark(trial: Trial) -> str:
    if trial.error is not None:
        return trial.error.in_full
    return trial.report.why_degraded


def _is_well(rows: Sequence[CheckRow]) -> bool:
    verdicts = [row.verdict for row in rows]
    return "audible" in verdicts and not {"FAILED", "SILENT"}.intersection(verdicts)


def _make(folder: Path) -> None:
    from portevoix.cli.draft import refused

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error


def _keep(trial: Trial, path: Path) -> Path:
    from portevoix.cli.draft import Draft

    draft = Draft(path.parent)
    try:
        draft.write(trial.wav())
        return draft.publish(path)
    finally:
        draft.discard()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, CUT_DIGITS)


def _cells(row: CheckRow) -> tuple[object, ...]:
    def cut(value: float | None, digits: int) -> str | None:
        return None if value is None else f"{value:.{digits}f}"

    return (
        row.tried, row.spoke, row.voice, cut(row.audio_seconds, 2), cut(row.first_audio_ms, 0),
        cut(row.real_time_factor, 3), row.verdict, row.file, row.remark,
    )  # fmt: skip
