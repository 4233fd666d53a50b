from __future__ import annotations

import ipaddress

import pytest

from portevoix.errors import NotAllowed
from portevoix.net.addresses import AddressPolicy, is_open

POLICY = AddressPolicy("the picture may not be fetched", "Allow it.", "url")


def names(*addresses: str):
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize("address", [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::",
])  # fmt: skip
async def test_what_lies_inside_is_refused(address):
    assert not is_open(ipaddress.ip_address(address))
    with pytest.raises(NotAllowed, match="inside this network") as caught:
        await POLICY.address("name.example", 80, names(address))
    assert (caught.value.hint, caught.value.param) == ("Allow it.", "url")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"])
async def test_the_open_network_is_allowed(address):
    found = await POLICY.address("name.example", 80, names(address))
    assert ipaddress.ip_address(found) == ipaddress.ip_address(address)


async def test_one_address_inside_is_one_too_many():
    with pytest.raises(NotAllowed):
        await POLICY.address("name.example", 80, names("93.184.216.34", "10.0.0.1"))


async def test_where_it_is_meant_it_is_allowed():
    meant = AddressPolicy("x", allows_private=True)
    assert await meant.address("localhost", 80, names("127.0.0.1")) == "127.0.0.1"


async def test_a_name_is_asked_once_and_what_was_checked_is_used():
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])

    async def rebinding(host: str, port: int) -> list[str]:
        return next(answers)

    assert await POLICY.address("evil.example", 80, rebinding) == "93.184.216.34"
    assert next(answers) == ["127.0.0.1"], "nobody has asked again"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "017700000001"])
async def test_numbers_in_odd_spellings_are_seen_through(host):
    with pytest.raises((NotAllowed, OSError)):
        await POLICY.address(host, 80)


async def test_a_name_without_an_address_is_an_error_of_the_network():
    with pytest.raises(OSError, match="no address"):
        await POLICY.address("name.example", 80, names())
