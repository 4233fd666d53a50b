from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from starlette.routing import Route

import portevoix
from portevoix.codecs import FORMATS
from portevoix.server.application import create_application
from portevoix.server.description import METHODS, describe_api
from portevoix.server.elevenlabs.formats import OUTPUTS
from portevoix.server.elevenlabs.order import FIELDS as ELEVENLABS_FIELDS
from portevoix.server.gate import scope_for
from portevoix.server.order import FIELDS
from tests.scripted import kind
from tests.served import connected, make_app

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def description() -> dict:
    return describe_api()


def operations(description: dict) -> Iterator[tuple[str, str, dict]]:
    for path, item in description["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def test_it_has_every_route_and_no_other(description) -> None:
    application = create_application(make_app(kind("alpha")))
    routes = [*application.routes, *application.router.default.current.doors.routes]
    served = {
        (re.sub(r"{(\w+):\w+}", r"{\1}", route.path), method.lower())
        for route in routes if isinstance(route, Route) for method in route.methods or () if method != "HEAD"
    }  # fmt: skip
    assert served == {(path, method) for path, method, _ in operations(description)}


def test_every_reference_leads_somewhere(description) -> None:
    def references(node: object) -> Iterator[str]:
        match node:
            case {"$ref": str(place)}:
                yield place
            case dict():
                for value in node.values():
                    yield from references(value)
            case list():
                for value in node:
                    yield from references(value)

    found = set(references(description))
    assert found
    for place in found:
        node = description
        for part in place.removeprefix("#/").split("/"):
            node = node[part]


def test_every_operation_has_a_name_of_its_own_and_an_answer_for_errors(description) -> None:
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names))
    known = {tag["name"] for tag in description["tags"]}
    for path, method, operation in operations(description):
        assert "default" in operation["responses"], path
        assert operation["summary"]
        assert set(operation["tags"]) <= known
        parameters = [*description["paths"][path].get("parameters", []), *operation.get("parameters", [])]
        resolved = [description["components"]["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
                    for one in parameters]  # fmt: skip
        inside = {one["name"] for one in resolved if one["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path))
        assert operation["x-scope"] == (scope_for(method.upper(), path) or "any")


def test_fields_and_formats_are_those_that_are_read(description) -> None:
    schemas = description["components"]["schemas"]
    assert set(schemas["SpeechOrder"]["properties"]) == FIELDS
    assert set(schemas["ElevenLabsOrder"]["properties"]) == ELEVENLABS_FIELDS
    assert set(schemas["Format"]["enum"]) == set(FORMATS)
    assert set(description["components"]["parameters"]["OutputFormat"]["schema"]["enum"]) == set(OUTPUTS)


async def test_it_is_served_with_the_version_and_a_tag() -> None:
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get("/openapi.json")
        assert answer.json()["info"]["version"] == portevoix.__version__
        again = await client.get("/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.status_code, again.status_code) == (200, 304)
