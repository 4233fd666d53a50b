"""Sockets that servers listen on, and how one server follows another on the same port."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
from typing import TYPE_CHECKING

from portevoix.errors import MachineError, PortInUse

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket

BACKLOG = 1024

ATTACH_REUSEPORT_CBPF = 51
"""`SO_ATTACH_REUSEPORT_CBPF` of socket(7); Python has no name for it."""

RETURN_CONSTANT = 0x06
"""`BPF_RET | BPF_K`: a program of one instruction that always gives the same answer."""

SUCCESSOR = 1
"""Place of the server that joined the port after this one."""


def listen(host: str, port: int, *, reuses_port: bool = False) -> socket.socket:
    """Return a socket that is bound to an address, so that a port in use is found before anything is built.

    One that shares its port takes no connection before whoever gets it listens on it: until then they are another's.

    Raises:
        PortInUse: somebody else listens there.
        MachineError: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, place = min(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _refusal(host, port, error) from error
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuses_port:
            _share_port(listener)
        listener.bind(place)
        if not reuses_port:
            listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise _refusal(host, port, error) from error
    return listener


def divert(listener: socket.socket | TransportSocket) -> bool:
    """Let the system give all new connections to the other server on a shared port; return whether it can.

    Those that were given to this one already are still taken. Where no other listens, nothing changes: the program that
    chooses names a place in the group of sockets that is empty then.
    """
    if not sys.platform.startswith("linux"):
        return False
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", RETURN_CONSTANT, 0, 0, SUCCESSOR))
    program = struct.pack("HP", 1, ctypes.addressof(instruction))  # struct sock_fprog, with the padding of C
    try:
        listener.setsockopt(socket.SOL_SOCKET, ATTACH_REUSEPORT_CBPF, program)
    except OSError:
        return False
    return True


def _share_port(listener: socket.socket) -> None:
    if not hasattr(socket, "SO_REUSEPORT"):
        raise OSError(errno.ENOPROTOOPT, "this system has no ports that two servers can share")
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _refusal(host: str, port: int, error: OSError) -> MachineError:
    what, why = f"the server cannot listen on {host} port {port}", error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return PortInUse(what, "another program does", f"Stop it, or choose another port: --port {port + 1}.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return MachineError(what, why, "Ports below 1024 belong to the system: choose a higher one.")
    if error.errno == errno.ENOPROTOOPT:
        return MachineError(what, why, "Leave out --reuse-port.")
    return MachineError(what, why, "Choose an address of this machine: --host 127.0.0.1.")
