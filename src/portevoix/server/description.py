"""The OpenAPI description of everything that is answered over HTTP, at `/openapi.json`."""

from __future__ import annotations

import asyncio
import json
from copy import deepcopy
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from starlette.responses import Response
from starlette.routing import Route

import portevoix
from portevoix.server.etags import has_copy, tag_of
from portevoix.server.gate import scope_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

FOLDER = "openapi"
ALSO_AT = "x-also-at"
"""In the description of a path: another path that answers the same."""

METHODS = frozenset({"get", "put", "post", "delete", "patch"})


class ApiDescription:
    """Serve the description; read when it is first asked for."""

    def routes(self) -> list[Route]:
        """Return its route."""
        return [Route("/openapi.json", self.show)]

    async def show(self, request: Request) -> Response:
        """Return the description."""
        content, tag = await asyncio.to_thread(lambda: self._encoded)
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if has_copy(request, tag):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)

    @cached_property
    def _encoded(self) -> tuple[bytes, str]:
        content = json.dumps(describe_api(), ensure_ascii=False).encode()
        return content, tag_of(content)


def describe_api() -> dict[str, Any]:
    """Return the description: the package's parts put together, with the version, and each operation's scope."""
    whole: dict[str, Any] = {}
    for part in _parts():
        _merge(whole, part)
    whole["info"]["version"] = portevoix.__version__
    whole["paths"] = _all_paths(whole["paths"])
    for path, item in whole["paths"].items():
        for method in METHODS & item.keys():
            item[method]["x-scope"] = scope_for(method.upper(), path) or "any"
    return whole


def _parts() -> Iterable[dict[str, Any]]:
    folder = files("portevoix.server").joinpath(FOLDER)
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            yield yaml.safe_load(file.read_text("utf-8"))


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value


def _all_paths(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the paths with those that answer the same as another, in order."""
    found: dict[str, Any] = {}
    for path, item in paths.items():
        also = item.pop(ALSO_AT, None)
        _merge(found.setdefault(path, {}), deepcopy(item))
        if also is not None:
            _merge(found.setdefault(also, {}), _renamed(deepcopy(item)))
    return dict(sorted(found.items()))


def _renamed(item: dict[str, Any]) -> dict[str, Any]:
    for method in METHODS & item.keys():
        item[method]["operationId"] += "_too"
    return item
