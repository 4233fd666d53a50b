"""How far an installation is, as frozen records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

Phase = Literal["starting", "waiting", "preparing", "fetching", "installing", "proving", "done", "failed", "cancelled"]
ENDED: tuple[Phase, ...] = ("done", "failed", "cancelled")

SHARES: dict[Phase, tuple[float, float]] = {
    "preparing": (0.0, 0.03),
    "fetching": (0.03, 0.7),
    "installing": (0.7, 0.75),
    "proving": (0.75, 1.0),
    "done": (1.0, 1.0),
}
"""Where each phase begins and ends within the whole, by what it takes of the time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Say how far one installation is.

    Attributes:
        room: name of the environment.
        phase: `waiting` is for another process that installs the same; `proving` imports what was installed.
        share: how much of the phase is done, 0 to 1.
        packages: how many there are in all, 0 while that is not known.
        fetched_bytes: of the packages that have arrived, without small ones.
        item: package or module that was done last, or "".
        code: code of the error when it has failed or was cancelled.
        why: that error and what to do, in words.
    """

    room: str
    phase: Phase = "starting"
    share: float = 0.0
    packages: int = 0
    fetched_bytes: int = 0
    item: str = ""
    code: str = ""
    why: str = ""

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self.phase in ENDED

    @property
    def ratio(self) -> float:
        """Return how much of the whole is done, 0 to 1, about."""
        begin, end = SHARES.get(self.phase, (0.0, 0.0))
        return begin + (end - begin) * self.share


Tell = Callable[[Progress], None]


class Meter:
    """Make progress out of the steps of the installing process."""

    def __init__(self, room: str) -> None:
        """Begin with nothing done."""
        self.progress = Progress(room)
        self._ordered_bytes = 0
        self._modules = 0
        self._proved = 0

    def step(self, event: str, facts: dict[str, Any]) -> Progress:
        """Return the progress after one step."""
        match event:
            case "waiting" | "preparing" | "done":
                self._enter(event)
            case "resolved":
                self._enter("fetching", packages=facts["packages"])
            case "ordered":
                self._ordered_bytes += facts["bytes"]
                self._arrive("", 0)
            case "arrived":
                self._arrive(facts["package"], facts["bytes"])
            case "prepared":
                self._enter("installing")
            case "proving":
                self._modules = facts["modules"]
                self._enter("proving")
            case "proved":
                self._proved += 1
                self._change(share=self._proved / max(1, self._modules), item=facts["module"])
        return self.progress

    def _arrive(self, package: str, count_bytes: int) -> None:
        fetched = self.progress.fetched_bytes + count_bytes
        share = fetched / self._ordered_bytes if self._ordered_bytes else 0.0
        # What is ordered grows while the first packages arrive: a bar does not go back for that.
        self._change(fetched_bytes=fetched, share=max(self.progress.share, share * 0.99), item=package)

    def _enter(self, phase: Phase, **facts: Any) -> None:
        self._change(phase=phase, share=0.0, item="", **facts)

    def _change(self, **facts: Any) -> None:
        self.progress = replace(self.progress, **facts)
