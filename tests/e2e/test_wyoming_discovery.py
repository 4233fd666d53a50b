"""Home Assistant's way to find a server: a real browser of multicast DNS, on the loopback interface alone."""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import asynccontextmanager

import pytest
from zeroconf import ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from portevoix.server.application import make_queue
from portevoix.server.stage import Stage
from portevoix.server.wyoming.announcement import SERVICE
from portevoix.server.wyoming.server import WyomingServer
from tests.scripted import kind
from tests.served import make_app

PATIENCE_SECONDS = 30


class Browser:
    """What a browser on loopback sees: the services there are."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.news = asyncio.Event()

    def __call__(self, zeroconf, service_type, name, state_change) -> None:
        (self.names.discard if state_change is ServiceStateChange.Removed else self.names.add)(name)
        self.news.set()

    async def until(self, condition) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(self.names):
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def browsing():
    network = AsyncZeroconf(interfaces=["127.0.0.1"])
    seen = Browser()
    browser = AsyncServiceBrowser(network.zeroconf, SERVICE, handlers=[seen])
    try:
        yield seen, network
    finally:
        await browser.async_cancel()
        await network.async_close()


@asynccontextmanager
async def running(**wyoming):
    app = make_app(kind("alpha"), wyoming={"enabled": True, "port": 0, **wyoming})
    queue = make_queue(app)
    async with WyomingServer(Stage(app, lambda _: None), queue) as server:
        yield server, queue
    await app.aclose()


async def test_a_server_is_found_by_its_name_and_gone_when_it_stops():
    async with browsing() as (seen, network):
        async with running(zeroconf="La voix du salon") as (server, _):
            await seen.until(lambda names: f"La voix du salon.{SERVICE}" in names)
            found = AsyncServiceInfo(SERVICE, f"La voix du salon.{SERVICE}")
            assert await found.async_request(network.zeroconf, PATIENCE_SECONDS * 1000)
            assert found.port == server.port
            assert found.parsed_addresses() == ["127.0.0.1"]
        await seen.until(lambda names: f"La voix du salon.{SERVICE}" not in names)


async def test_it_is_taken_back_as_soon_as_the_server_leaves():
    async with browsing() as (seen, _), running(zeroconf="leaving") as (_, queue):
        await seen.until(lambda names: f"leaving.{SERVICE}" in names)
        queue.leave()
        await seen.until(lambda names: f"leaving.{SERVICE}" not in names)


async def test_two_of_the_same_name_are_told_apart():
    async with browsing() as (seen, _), running(zeroconf="twin"):
        await seen.until(lambda names: f"twin.{SERVICE}" in names)
        async with running(zeroconf="twin"):
            await seen.until(lambda names: len({name for name in names if name.startswith("twin")}) == 2)


async def test_nobody_is_told_who_did_not_ask(caplog):
    caplog.set_level(logging.INFO, "portevoix")
    async with running():
        pass
    assert "wyoming.announced" not in caplog.messages
    assert "wyoming.served" in caplog.messages


async def test_without_the_package_it_serves_all_the_same(caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "zeroconf.asyncio", None)
    async with running(zeroconf=True) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b'{"type": "ping"}\n')
        assert b"pong" in await reader.readline()
        writer.close()
        await writer.wait_closed()
    (told,) = [record for record in caplog.records if record.message == "wyoming.not_announced"]
    assert "portevoix[zeroconf]" in told.hint


@pytest.mark.parametrize("name", ["a.b", "é" * 60, "two\nlines"])
async def test_any_name_will_do(name):
    async with browsing() as (seen, _), running(zeroconf=name):
        await seen.until(lambda names: any(one.endswith(SERVICE) for one in names))
