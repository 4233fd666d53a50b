"""What can go wrong with the environments of heavy engines: one kind, and one code, for each thing to do about it."""

from __future__ import annotations

from portevoix.errors import DiskFull, EngineUnavailable, NotWritable, PortevoixError, RequestError


class RoomUnknown(RequestError):
    """Refuse an environment that there is no recipe for."""

    code = "room_unknown"


class RoomError(EngineUnavailable):
    """Tell that an environment could not be installed."""

    code = "room_not_installed"


class RoomUnreachable(RoomError):
    """Tell that the packages could not be fetched."""

    code = "room_unreachable"


class RoomBroken(RoomError):
    """Tell that what was installed cannot be imported."""

    code = "room_broken"


class RoomTimeout(RoomError):
    """Tell that installing took too long."""

    code = "room_timeout"


class RoomCancelled(RoomError):
    """Tell that somebody stopped the installation."""

    code = "room_cancelled"


class RoomInUse(RoomError):
    """Tell that an environment cannot be taken away now: an engine runs in it, or it is being installed."""

    code = "room_in_use"


KINDS: dict[str, type[PortevoixError]] = {
    kind.code: kind for kind in (RoomError, RoomUnreachable, RoomBroken, RoomTimeout, RoomInUse, DiskFull, NotWritable)
}
"""What the installing process may tell, by code."""
