"""A new configuration: checked, tried beside the running one, put in force between two requests, and taken back."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from portevoix.app import App, build
from portevoix.config import changed_keys, fingerprint, load_content, rows
from portevoix.engine import Phase
from portevoix.errors import EngineError, EngineTimeout, NotWritable
from portevoix.server.errors import ConfigRefused, NoFormerConfig, RolloutBusy
from portevoix.tasks import see_through

if TYPE_CHECKING:
    from portevoix.config import Loaded, Problem
    from portevoix.level import Level
    from portevoix.server.history import History, Record
    from portevoix.server.news import News
    from portevoix.server.queue import Queue
    from portevoix.server.stage import Deployment, Stage

logger = logging.getLogger(__name__)

TRIAL_SECONDS = 120.0
"""How long one engine of a new configuration may take to load and to speak its phrase."""

FIXED = (
    "data_folder", "server.host", "server.port", "server.reuse_port", "server.allow_anyone", "server.allowed_origins",
    "server.send_timeout_seconds", "server.stop_timeout_seconds", "wyoming.", "monitoring.prometheus_",
    "monitoring.log_format", "monitoring.log_level", "monitoring.traces_",
)  # fmt: skip
"""What a running server cannot change, by the beginnings of the keys."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Tell how one engine of a new configuration did.

    Attributes:
        engine: its name.
        result: it spoke its phrase, failed, or was not asked: an engine that is silent on purpose, or one that stays
            as it is and is not in memory.
        first_audio_ms: when it was first heard, from asking.
        is_shared: it is the running one, whose settings stay as they are.
        condemns: the configuration is refused for it; not so for an engine that cannot speak in the running one either.
        code: of the error.
        why: the error in words.
        hint: what to do about it.
    """

    engine: str
    result: Literal["spoke", "failed", "not_asked"]
    first_audio_ms: float | None = None
    is_shared: bool = False
    condemns: bool = False
    code: str = ""
    why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tell what came of a configuration.

    Attributes:
        is_applied: it is in force.
        record: of what is in force now; None for a trial alone.
        problems: everything that is wrong with it, warnings too.
        trials: each engine's.
        changed: keys that differ from what was in force.
        needs_restart: those among them that take effect only when the server is started again.
    """

    is_applied: bool = False
    record: Record | None = None
    problems: tuple[Problem, ...] = ()
    trials: tuple[Trial, ...] = ()
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "applied": self.is_applied,
            "config": None if self.record is None else describe_record(self.record),
            "problems": [{**asdict(problem), "text": str(problem)} for problem in self.problems],
            "trials": [asdict(trial) for trial in self.trials],
            "changed": list(self.changed),
            "needs_restart": list(self.needs_restart),
        }


class Rollout:
    """Put configurations in force, one at a time; used from one event loop."""

    TRIAL_SECONDS: ClassVar[float] = TRIAL_SECONDS

    def __init__(
        self, stage: Stage, queue: Queue, history: History, news: News, environ: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        """Put them on `stage`; variables of `environ` come before what is written in them."""
        self._stage = stage
        self._queue = queue
        self._history = history
        self._news = news
        self._environ = os.environ if environ is None else environ
        self._turn = asyncio.Lock()
        self._started_with = stage.app.loaded

    def describe(self) -> dict[str, Any]:
        """Return what is in force, as JSON."""
        record = self._history.current
        shown = describe_record(record) if record else {"id": 0, "hash": fingerprint(self._stage.app.settings)}
        return {**shown, "can_roll_back": record is not None and self._history.find(record.after) is not None}

    async def apply(
        self, content: bytes, name: str, who: str, *, is_dry_run: bool = False, accepts_failures: bool = False
    ) -> Outcome:
        """Check and try a configuration, and put it in force.

        Args:
            content: as in a file.
            name: what it is called in problems and in the history.
            who: who asks, for the history.
            is_dry_run: leave out the putting in force.
            accepts_failures: put it in force though engines failed, as long as one can be heard.

        Raises:
            ConfigRefused: it is not fit; what was in force still is.
            RolloutBusy: another one is being tried.
            NotWritable: it could not be kept over a restart; what was in force still is.
        """
        self._refuse_crowd()
        async with self._turn:
            loaded = load_content(content, name, self._environ, self._stage.app.engines)
            outcome = self._outcome(loaded)
            if loaded.errors:
                count = len(loaded.errors)
                raise ConfigRefused("the configuration is refused", f"it has {count} error{'s' * (count > 1)}",
                                    "Correct them all.", outcome.describe())  # fmt: skip
            candidate = self._rehearse(loaded)
            try:
                outcome = self._outcome(loaded, await self._try(candidate.app))
                self._judge(outcome, candidate.app, accepts_failures=accepts_failures)
                if is_dry_run:
                    self._stage.dismiss(candidate)
                    return outcome
                record = self._history.prepare(content, name, fingerprint(loaded.settings), who)
            except BaseException:
                self._stage.dismiss(candidate)
                raise
            await see_through(self._move(candidate, record, content))
            return replace(outcome, is_applied=True, record=record)

    async def rollback(self, who: str, to: int | None = None) -> Outcome:
        """Go back to what was in force before, or to a record of the history.

        What was in force just before is still loaded, so this takes no time; anything else is built, and tried first.

        Raises:
            NoFormerConfig: there is none, or it is not kept any more.
            ConfigRefused: it is not fit any more.
            RolloutBusy: another one is being tried.
        """
        self._refuse_crowd()
        async with self._turn:
            record = self._former(to)
            former = self._stage.former
            if former is not None and former.record == record.id:
                deployment, outcome = former, self._outcome(former.app.loaded)
            else:
                loaded, deployment = self._rebuild(record)
                try:
                    outcome = self._outcome(loaded, await self._try(deployment.app))
                    self._judge(outcome, deployment.app, accepts_failures=False)
                except BaseException:
                    self._stage.dismiss(deployment)
                    raise
            await see_through(self._move(deployment, record))
            logger.info("config.rolled_back", extra={"config": record.id, "who": who})
            return replace(outcome, is_applied=True, record=record)

    def _refuse_crowd(self) -> None:
        if self._turn.locked():
            raise RolloutBusy("another configuration is being tried", hint="Ask again when it is done.")

    def _former(self, to: int | None) -> Record:
        current = self._history.current
        wanted = to if to is not None else current.after if current else 0
        record = self._history.find(wanted)
        if record is None or (current is not None and record.id == current.id):
            kept = ", ".join(str(one.id) for one in self._history.records) or "none"
            raise NoFormerConfig("there is no configuration to go back to", f"kept are {kept}",
                                 "See `portevoix config history`.", param="to")  # fmt: skip
        return record

    def _rebuild(self, record: Record) -> tuple[Loaded, Deployment]:
        content = self._history.content(record)
        if content is None:
            raise NoFormerConfig(f"configuration {record.id} is gone", "its file is missing or was changed",
                                 "Apply it again from where you have it.", param="to")  # fmt: skip
        loaded = load_content(content, record.name, self._environ, self._stage.app.engines)
        if loaded.errors:
            raise ConfigRefused(f"configuration {record.id} is not fit any more", "it has errors by now",
                                "Correct it, and apply it.", self._outcome(loaded).describe())  # fmt: skip
        return loaded, self._rehearse(loaded, record.id)

    def _rehearse(self, loaded: Loaded, record: int = 0) -> Deployment:
        running = self._stage.app
        app = build(
            loaded, engines=running.engines, max_text_length=loaded.settings.server.max_text_length,
            hooks=(self._news,), beside=running,
        )  # fmt: skip
        return self._stage.rehearse(app, record)

    async def _try(self, app: App) -> tuple[Trial, ...]:
        """Let every engine speak a phrase, one after the other: the running one needs the processors too."""
        return tuple([await self._try_level(level, app) for level in app.levels])

    async def _try_level(self, level: Level, app: App) -> Trial:
        running = next((one for one in self._stage.app.levels if one.name == level.name), None)
        if level.engine.is_silent:
            return Trial(level.name, "not_asked", is_shared=level is running, why="it is silent on purpose")
        if level is running and level.state().phase is Phase.IDLE:
            return Trial(level.name, "not_asked", is_shared=True, why="it is as before, and not in memory")
        spoke_before = running is not None and running.can_speak()
        try:
            async with asyncio.timeout(self.TRIAL_SECONDS):
                seconds = await level.prove(app.settings.advanced.default_language)
        except TimeoutError:
            error: EngineError = EngineTimeout(f"{level.name} was not ready", f"within {self.TRIAL_SECONDS:g} s")
        except EngineError as raised:
            error = raised
        else:
            return Trial(level.name, "spoke", round(seconds * 1000, 1), level is running)
        return Trial(level.name, "failed", None, level is running, running is None or spoke_before, error.code,
                     str(error), error.hint)  # fmt: skip

    def _judge(self, outcome: Outcome, app: App, *, accepts_failures: bool) -> None:
        condemned = [trial for trial in outcome.trials if trial.condemns]
        is_heard = any(trial.result == "spoke" for trial in outcome.trials)
        was_heard = any(level.can_speak() and not level.engine.is_silent for level in self._stage.app.levels)
        if condemned and not accepts_failures:
            why = "; ".join(f"{trial.engine}: {trial.why}" for trial in condemned)
            raise ConfigRefused("the configuration is refused", why, condemned[0].hint, outcome.describe())
        if not is_heard and was_heard:
            why = "no engine of it could be heard" if app.levels else "it has no engine"
            raise ConfigRefused("the configuration is refused", why, "Run `portevoix doctor`.", outcome.describe())

    async def _move(self, deployment: Deployment, record: Record, content: bytes | None = None) -> None:
        """Put a deployment in force and keep that it is: half of it would leave engines open and the history wrong."""
        deployment.record = record.id
        wanted = deployment.app.settings.server
        await self._stage.move(deployment)
        self._queue.limit(wanted.max_concurrent_requests, wanted.max_queued_requests, wanted.queue_timeout_seconds)
        try:
            self._history.put(record, content)
        except NotWritable as error:
            logger.error("config.not_kept", extra={"config": record.id, "why": str(error), "hint": error.hint})  # noqa: TRY400
        logger.info("config.put_in_force", extra={"config": record.id, "hash": record.hash, "who": record.who})

    def _outcome(self, loaded: Loaded, trials: tuple[Trial, ...] = ()) -> Outcome:
        changed = () if loaded.errors else changed_keys(self._stage.app.loaded, loaded)
        fixed = () if loaded.errors else changed_keys(self._started_with, loaded)
        return Outcome(
            problems=loaded.problems, trials=trials, changed=changed,
            needs_restart=tuple(key for key in fixed if key.startswith(FIXED)),
        )  # fmt: skip


def describe_record(record: Record) -> dict[str, Any]:
    """Return a record as JSON."""
    return {"id": record.id, "hash": record.hash, "path": record.name or None, "time": record.time, "who": record.who,
            "how": record.how, "after": record.after or None}  # fmt: skip


def describe_settings(loaded: Loaded) -> list[dict[str, Any]]:
    """Return every key in force, secrets not shown, each with where it came from."""
    return [{"key": row.key, "value": row.value, "origin": str(row.origin)} for row in rows(loaded)]
