"""Which addresses a server may be sent to by a URL: the open network, and nothing inside unless that is meant.

A name is resolved once, every address of it is checked, and the one that was checked is the one to connect to: a name
that answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from portevoix.errors import NotAllowed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return all addresses of a name, as texts.

Raises:
    OSError: it has none.
"""

TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052)."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a name, as the system knows them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]).partition("%")[0] for entry in found]


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Decide where a URL may lead.

    Attributes:
        what: what is done, for the error: "the alert webhook may not be called".
        hint: how to allow it, where that is meant.
        param: the setting or field that the URL came from.
        allows_private: this machine and private networks are meant.
    """

    what: str
    hint: str = ""
    param: str | None = None
    allows_private: bool = False

    async def address(self, host: str, port: int, resolve: Resolve = resolve) -> str:
        """Return the address to connect to.

        Raises:
            NotAllowed: one of the addresses of `host` is loopback, private, link-local (where clouds keep their
                secrets) or otherwise not of the open network.
            OSError: it has no address.
        """
        addresses = [ipaddress.ip_address(text) for text in await resolve(host, port)]
        if not addresses:
            raise OSError(f"{host} has no address")
        inside = next((address for address in addresses if not is_open(address)), None)
        if inside is not None and not self.allows_private:
            raise NotAllowed(self.what, f"{host} is {inside}, inside this network", self.hint, param=self.param)
        return str(addresses[0])


def is_open(address: Address) -> bool:
    """Return whether an address, and every address that is wrapped in it, is of the open network."""
    return all(one.is_global and not one.is_multicast for one in _unwrapped(address))


def _unwrapped(address: Address) -> Iterator[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in TRANSLATED:
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if address.ipv4_mapped is None:
        yield address
    yield from (one for one in wrapped if one is not None)
