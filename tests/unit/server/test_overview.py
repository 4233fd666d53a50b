from __future__ import annotations

import asyncio
import json

import httpx

from portevoix.engine import Phase
from tests.scripted import kind
from tests.served import SILENT, make_app, served

ORDER = {"model": "tts-1", "input": "Bonjour", "response_format": "wav"}


async def events(client: httpx.AsyncClient, url: str, **headers: str):
    """Yield each event's kind, number and content."""
    async with client.stream("GET", f"{url}/api/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                yield fields["event"], fields.get("id"), json.loads(fields["data"])
                fields = {}


async def until(stream, wanted: str):
    async with asyncio.timeout(30):
        async for name, number, content in stream:
            if name == wanted:
                return number, content
    raise AssertionError(f"no {wanted}")


async def test_a_console_is_told_how_it_is_and_what_happens():
    with served(make_app(kind("alpha"), SILENT)) as server:
        async with httpx.AsyncClient(timeout=30) as client:
            stream = events(client, server.url)
            _, engine = await until(stream, "engine")
            assert (engine["name"], engine["breaker"]["state"]) == ("alpha", "closed")
            await until(stream, "queue")
            await client.post(f"{server.url}/v1/audio/speech", json=ORDER)
            number, request = await until(stream, "request")
            assert (request["engine"], request["status"], number) == ("alpha", "success", "1")
            await stream.aclose()
            later = events(client, server.url, **{"Last-Event-ID": "0"})
            assert (await until(later, "request"))[1] == request
            await later.aclose()


async def test_a_change_of_an_engine_is_told():
    alpha = kind("alpha", phase=Phase.UNAVAILABLE, why="no model")
    with served(make_app(alpha, SILENT)) as server:
        async with httpx.AsyncClient(timeout=30) as client:
            stream = events(client, server.url)
            assert (await until(stream, "engine"))[1]["state"] == "unavailable"
            alpha.made[0].phase = Phase.READY
            while True:
                _, engine = await until(stream, "engine")
                if engine["name"] == "alpha":
                    break
            assert engine["state"] == "ready"
            await stream.aclose()
