"""Tell the network by multicast DNS that Wyoming is served here, so that nobody types an address (RFC 6762, 6763)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from typing import TYPE_CHECKING

from portevoix.server.hosts import is_loopback

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

logger = logging.getLogger(__name__)

SERVICE = "_wyoming._tcp.local."
LONGEST_NAME_BYTES = 60
"""A label has 63 at most; what tells two of the same name apart takes some."""

FAREWELL_SECONDS = 3.0


async def announce(name: str, host: str, port: int) -> None:
    """Announce a server until cancelled, then take the announcement back.

    Where this cannot be done a warning says so: it costs the discovery, never the server.

    Args:
        name: how it is called; "" for one made from the machine's name. Another of that name gets a number.
        host: address that it listens on.
        port: TCP port.
    """
    try:
        from zeroconf import Error, InterfaceChoice
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
    except ImportError:
        _tell("the package zeroconf is not installed", "Run: pip install 'portevoix[zeroconf]'.")
        return
    label = _label(name or f"portevoix-{socket.gethostname().partition('.')[0]}")
    try:
        network = AsyncZeroconf(interfaces=["127.0.0.1"] if is_loopback(host) else InterfaceChoice.All)
    except OSError as error:
        _tell(str(error), "Check that the machine has a network.")
        return
    try:
        addresses = await asyncio.to_thread(_addresses, host)
        service = AsyncServiceInfo(SERVICE, f"{label}.{SERVICE}", port=port, parsed_addresses=addresses)
        await network.async_register_service(service, allow_name_change=True)
        logger.info("wyoming.announced", extra={"service": service.name, "addresses": ", ".join(addresses)})
        await asyncio.Event().wait()
    except (OSError, Error) as error:
        _tell(f"{type(error).__name__}: {error}", "Choose another wyoming.zeroconf, or check the machine's network.")
    finally:
        await _close(network)


async def _close(network: AsyncZeroconf) -> None:
    """Take back what was announced, as far as the network lets it."""
    try:
        async with asyncio.timeout(FAREWELL_SECONDS):
            await network.async_unregister_all_services()
            await network.async_close()
    except (TimeoutError, OSError) as error:
        logger.debug("wyoming.not_taken_back", extra={"why": str(error)})


def _label(name: str) -> str:
    """Return a name as one label: printable, and cut between characters."""
    visible = "".join(character if character.isprintable() else " " for character in name).replace(".", "-").strip()
    return visible.encode()[:LONGEST_NAME_BYTES].decode("utf-8", "ignore")


def _addresses(host: str) -> list[str]:
    """Return the addresses behind what is listened on; those of every network where it is all of them."""
    import ifaddr

    found = {str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    if any(ipaddress.ip_address(one).is_unspecified for one in found):
        known = (place.ip for adapter in ifaddr.get_adapters() for place in adapter.ips)
        found = {ip for ip in known if isinstance(ip, str) and not is_loopback(ip)}
    return sorted(found)


def _tell(why: str, hint: str) -> None:
    logger.warning("wyoming.not_announced", extra={"why": why, "hint": hint})
