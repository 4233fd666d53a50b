from __future__ import annotations

import pytest

from portevoix.server.hosts import is_loopback
from tests.scripted import kind
from tests.served import connected, make_app


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8001", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8001", "LOCALHOST"]
)
async def test_own_names_are_served(host):
    async with connected(make_app(kind("alpha"))) as client:
        assert (await client.get("/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", [
    "", "evil.example", "evil.example:8001", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
    "[::2]:8001", "[::1", "evil:[::1]",
])  # fmt: skip
async def test_other_names_are_refused(host):
    async with connected(make_app(kind("alpha"))) as client:
        answer = await client.get("/health/live", headers={"Host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "host_not_allowed"
    assert answer.headers["x-request-id"]


async def test_any_name_is_served_where_the_network_is_listened_to():
    async with connected(make_app(kind("alpha")), host_names=None) as client:
        assert (await client.get("/health/live", headers={"Host": "tts.example"})).status_code == 200


@pytest.mark.parametrize(("address", "expected"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
    ("192.168.0.1", False), ("example.org", False), ("", False), ("::ffff:127.0.0.1", True),
])  # fmt: skip
def test_loopback(address, expected):
    assert is_loopback(address) is expected
