"""Feature flags that can be changed while running, and the share of traffic they let through."""

from __future__ import annotations

import zlib
from dataclasses import fields, replace

from portevoix.config.settings import FeatureFlags
from portevoix.errors import InvalidParameter


class FlagSwitch:
    """Hold the feature flags that are in force; from one event loop, or any thread for reading."""

    def __init__(self, flags: FeatureFlags = FeatureFlags()) -> None:  # noqa: B008 - frozen
        """Begin with `flags`."""
        self.flags = flags

    def change(self, **values: object) -> FeatureFlags:
        """Put new values in force for the requests that follow, all of them or none.

        Raises:
            InvalidParameter: an unknown flag, a value of the wrong type, or a share outside 0 to 100.
        """
        for name, value in values.items():
            _check(name, value)
        self.flags = replace(self.flags, **values)  # type: ignore[arg-type]
        return self.flags

    def uses_chain(self, request_id: str) -> bool:
        """Return whether a request is spoken by the whole chain; the same request always gets the same answer."""
        flags = self.flags
        if not flags.use_unified_tts or flags.enable_legacy_mode:
            return False
        return zlib.crc32(request_id.encode()) % 10_000 < flags.traffic_percent * 100


def _check(name: str, value: object) -> None:
    kinds = {field.name: field.type for field in fields(FeatureFlags)}
    if name not in kinds:
        raise InvalidParameter(f"flag {name!r} is not known", f"there are {', '.join(kinds)}", param=name)
    if kinds[name] == "bool":
        if not isinstance(value, bool):
            raise InvalidParameter(f"{name} is {value!r:.40}", "it must be true or false", param=name)
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:  # noqa: PLR2004
        raise InvalidParameter(f"{name} is {value!r:.40}", "it must be a number from 0 to 100", param=name)
