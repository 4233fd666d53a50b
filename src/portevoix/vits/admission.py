"""Who may be spoken to at once, so that nobody runs dry."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from portevoix.errors import Overloaded

if TYPE_CHECKING:
    from types import TracebackType

WEIGHT_OF_NEWS = 0.2
"""How much one sentence's measured speed moves what is known of its voice."""


class Admissions:
    """Count the listeners against what the machine was measured to manage; safe from any thread.

    Args:
        workers: threads that compute.
        utilisation: the share of them that accepted listeners may need, 0..1.
    """

    def __init__(self, workers: int, utilisation: float = 0.9) -> None:
        self._capacity = workers * utilisation
        self._work_per_second: dict[str, float] = {}
        self._listeners: dict[Admission, str] = {}
        self._lock = threading.Lock()

    def admit(self, voice: str, *, is_listening: bool = False, listener: int = 0) -> Admission:
        """Accept one more listener to a voice, until the admission is closed.

        Args:
            voice: what its measured speed is filed under.
            is_listening: somebody who has been accepted before and goes on; counted, never refused.
            listener: whoever has a number is counted once, however many sentences are made for them; 0 for none.

        Raises:
            Overloaded: those accepted before would no longer keep real time.
        """
        admission = Admission(self, listener)
        with self._lock:
            spoken_to = {one.listener or one: spoken for one, spoken in self._listeners.items()}
            needed = sum(map(self._work_of, {**spoken_to, admission.listener or admission: voice}.values()))
            if self._listeners and needed > self._capacity and not is_listening:
                raise Overloaded(
                    "there are too many listeners",
                    f"{len(spoken_to)} are being spoken to, and one more would make the others wait",
                )
            self._listeners[admission] = voice
        return admission

    def leave(self, admission: Admission) -> None:
        """Forget a listener; a second time does nothing."""
        with self._lock:
            self._listeners.pop(admission, None)

    def measured(self, voice: str, work_seconds: float, audio_seconds: float) -> None:
        """Learn how many seconds of one worker a second of a voice's audio takes."""
        if audio_seconds <= 0:
            return
        with self._lock:
            news = work_seconds / audio_seconds
            known = self._work_per_second.get(voice, news)
            self._work_per_second[voice] = known + WEIGHT_OF_NEWS * (news - known)

    def _work_of(self, voice: str) -> float:
        """Return what is known of a voice's work, nothing before its first sentence."""
        return self._work_per_second.get(voice, 0.0)


class Admission:
    """One accepted listener; a context manager.

    Attributes:
        listener: the listener's number, 0 without one.
    """

    def __init__(self, admissions: Admissions, listener: int = 0) -> None:
        self._admissions = admissions
        self.listener = listener

    def close(self) -> None:
        """Make room for another listener."""
        self._admissions.leave(self)

    def __enter__(self) -> Self:
        """Return the admission itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
