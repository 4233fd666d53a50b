from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import httpx
import pytest

from portevoix.server.changes import change_events
from portevoix.server.rooms import describe_progress
from tests.rooms import installing, make_wheel, tenancy
from tests.scripted import kind
from tests.served import connected, make_app, served


@pytest.fixture
async def house(tmp_path):
    """Return an app whose engine needs the environment `small`, and a client."""
    make_wheel(tmp_path / "wheels")
    heavy = kind("heavy")
    heavy.environment = "small"
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        app = replace(make_app(heavy, kind("light")), rooms=rooms)
        async with connected(app) as client:
            yield app, client


async def test_what_can_be_installed_is_listed(house):
    _, client = house
    answer = await client.get("/api/rooms")
    (room,) = answer.json()["rooms"]
    assert answer.headers["cache-control"] == "no-store"
    assert (room["name"], room["engines"], room["installed"], room["installation"]) == ("small", ["heavy"], False, None)
    assert (await client.get("/api/rooms/small")).json() == room


async def test_one_is_installed_and_removed_while_the_server_runs(house):
    app, client = house
    answer = await client.post("/api/rooms/small")
    assert answer.status_code == 202
    assert answer.json()["installation"]["phase"] == "starting"
    await app.rooms.install("small")
    room = (await client.get("/api/rooms/small")).json()
    assert (room["installed"], room["is_current"], room["packages"]) == (True, True, {"voix": "1.0"})
    assert room["installation"]["ratio"] == 1
    with tenancy(app.rooms.shelf.python("small")):
        answer = await client.delete("/api/rooms/small")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "room_in_use")
    answer = await client.delete("/api/rooms/small")
    assert (answer.status_code, answer.json()["installed"]) == (200, False)


async def test_an_installation_is_stopped(house):
    app, client = house
    await client.post("/api/rooms/small")
    assert (await client.delete("/api/rooms/small/installation")).status_code == 202
    await asyncio.gather(app.rooms.begin("small"), return_exceptions=True)
    assert (await client.get("/api/rooms/small")).json()["installation"]["code"] == "room_cancelled"
    assert (await client.delete("/api/rooms/small/installation")).status_code == 202


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_unknown_one_is_not_found(house, method):
    _, client = house
    answer = await client.request(method, "/api/rooms/large")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "room_unknown")


async def test_changes_are_told_as_events(house):
    app, _ = house
    app.rooms.begin("small")
    async with aclosing(change_events(app.rooms.watch(), describe_progress)) as events:
        assert (await until_done(events))["room"] == "small"


async def test_the_server_streams_them(tmp_path):
    make_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        with served(replace(make_app(kind("light")), rooms=rooms)) as server:
            async with (
                httpx.AsyncClient(base_url=server.url, timeout=30) as client,
                client.stream("GET", "/api/rooms/events") as answer,
            ):
                assert answer.headers["content-type"].startswith("text/event-stream")
                await client.post("/api/rooms/small")
                await until_done(answer.aiter_lines())
    assert rooms.shelf.python("small") is not None


async def until_done(events):
    """Return the last of an installation's events."""
    async for event in events:
        if (text := event.decode() if isinstance(event, bytes) else event).startswith("data: "):
            progress = json.loads(text.removeprefix("data: "))
            if progress["phase"] in ("done", "failed"):
                assert progress["phase"] == "done", progress
                return progress
    raise AssertionError("the events ended")
