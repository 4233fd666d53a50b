"""Which methods a path has: the answer to `OPTIONS`, and to a method that it has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Match, Route

from portevoix.server.errors import MethodNotAllowed, error_answer
from portevoix.server.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.routing import BaseRoute


def answer_method(request: Request) -> Response:
    """Answer a request whose path there is, and whose method it has not."""
    allowed = ", ".join(sorted({"OPTIONS", *_methods(request)}))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    answer = error_answer(MethodNotAllowed(f"{request.method[:20]} is not answered here", f"{allowed} are"))
    answer.headers["Allow"] = allowed
    return answer


def _methods(request: Request) -> Iterator[str]:
    """Yield the methods of every route that has the path: one route has not all of them."""
    for route in _routes(request):
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            yield from route.methods or ()


def _routes(request: Request) -> list[BaseRoute]:
    """Return the server's routes, and those of what is in force."""
    stage = request.app.router.default
    inner = getattr(stage.current.doors, "routes", []) if isinstance(stage, Stage) else []
    return [*request.app.routes, *inner]
