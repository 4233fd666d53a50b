"""The configuration over HTTP: what is in force, a new one, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from portevoix.config.document import MAX_BYTES
from portevoix.errors import InvalidParameter
from portevoix.server.body import read_bytes
from portevoix.server.errors import ConfigRefused, error_body, status_of
from portevoix.server.fresh import fresh_answer
from portevoix.server.hosts import require_this_machine
from portevoix.server.rollout import describe_record, describe_settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from portevoix.server.history import History
    from portevoix.server.rollout import Outcome, Rollout
    from portevoix.server.stage import Stage

LONGEST_NAME = 200
YES = ("1", "true", "yes")
NO = ("0", "false", "no", "")


class ConfigDesk:
    """Answer for the configuration; what changes it is for administrators."""

    def __init__(self, stage: Stage, rollout: Rollout, history: History) -> None:
        """Answer for what is on `stage`."""
        self._stage = stage
        self._rollout = rollout
        self._history = history

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/config", self.show),
            Route("/api/config", self.apply, methods=["PUT"]),
            Route("/api/config/history", self.history),
            Route("/api/config/rollback", self.rollback, methods=["POST"]),
        ]

    async def show(self, _: Request) -> Response:
        """Return every key in force, secrets not shown, with where it came from."""
        loaded = self._stage.app.loaded
        return fresh_answer({
            **self._rollout.describe(),
            "problems": [str(problem) for problem in loaded.problems],
            "settings": describe_settings(loaded),
        })  # fmt: skip

    async def history(self, _: Request) -> Response:
        """Return the configurations that have been in force, the latest first."""
        records = [describe_record(record) for record in reversed(self._history.records)]
        return fresh_answer({"in_force": self._history.in_force, "configurations": records})

    async def apply(self, request: Request) -> Response:
        """Put the configuration in the body in force, YAML or JSON; with `dry_run`, only check and try it."""
        require_this_machine(request)
        content = await read_bytes(request, MAX_BYTES + 1)
        if not content.strip():
            raise InvalidParameter("the body holds no configuration", hint="Send the file's content, YAML or JSON.")
        name = "".join(part for part in request.query_params.get("name", "") if part.isprintable())[:LONGEST_NAME]
        try:
            outcome = await self._rollout.apply(
                content, name or "the request", _who(request), is_dry_run=_flag(request, "dry_run"),
                accepts_failures=_flag(request, "accept_failures"),
            )  # fmt: skip
        except ConfigRefused as error:
            return _refusal(error)
        return _answer(outcome)

    async def rollback(self, request: Request) -> Response:
        """Go back to what was in force before, or to the record that `to` names."""
        require_this_machine(request)
        given = request.query_params.get("to")
        if given is not None and not (given.isascii() and given.isdigit() and len(given) <= 9):  # noqa: PLR2004 - digits
            raise InvalidParameter(f"to is {given[:40]!r}", "it must be the id of a configuration", param="to")
        try:
            outcome = await self._rollout.rollback(_who(request), None if given is None else int(given))
        except ConfigRefused as error:
            return _refusal(error)
        return _answer(outcome)


def _answer(outcome: Outcome) -> Response:
    return fresh_answer(outcome.describe())


def _refusal(error: ConfigRefused) -> Response:
    return fresh_answer({**error_body(error), **error.outcome}, status_of(error))


def _who(request: Request) -> str:
    state: Any = request.scope.get("state", {})
    return str(state.get("client") or (request.client.host if request.client else ""))


def _flag(request: Request, name: str) -> bool:
    given = request.query_params.get(name, "").lower()
    if given not in (*YES, *NO):
        raise InvalidParameter(f"{name} is {given[:40]!r}", "it must be true or false", param=name)
    return given in YES
