"""An event loop whose time jumps: hours pass in a test without one second of waiting.

When nothing is ready the loop's time jumps to the next timer. It knows only what happens inside the loop: threads,
sockets and child processes do not work with it, because nobody waits for them. Where every task waits and no timer is
set, a `Deadlock` is raised, so a test that hangs ends at once and says so.

```
@virtual
async def test_gives_up_after_ten_seconds() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 10)
    assert asyncio.get_running_loop().time() == 10
```
"""

from __future__ import annotations

import asyncio
import functools
import gc
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Result = TypeVar("Result")


class Deadlock(Exception):
    """Every task waits for another, and no timer is set."""


class _JumpingSelector(selectors.DefaultSelector):
    """Add the time it was to wait to `seconds`, instead of waiting."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Deadlock("every task waits for another, and no timer is set")
        if not ready and timeout:
            self.seconds += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Count time from 0 seconds and jump over the time when nothing happens.

    Attributes:
        complaints: what asyncio would have logged, such as "Task exception was never retrieved".
    """

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self.complaints: list[dict[str, Any]] = []
        super().__init__(self._jumping)
        self.set_exception_handler(lambda _, context: self.complaints.append(context))

    def time(self) -> float:
        """Return virtual seconds since the loop was made; a clock for anything that takes one."""
        return self._jumping.seconds


def run_virtual(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in virtual time, and fail on anything that asyncio would have complained about.

    Tasks that are still there at the end are cancelled, as `asyncio.run` does.
    """
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(coroutine)
        del coroutine
        gc.collect()
    assert not loop.complaints, loop.complaints
    return result


def virtual(test: Callable[..., Coroutine[Any, Any, Result]]) -> Callable[..., Result]:
    """Turn an asynchronous test into one that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> Result:
        return run_virtual(test(*args, **kwargs))

    return run


async def settle() -> None:
    """Let everything happen that can happen now, without time going on."""
    for _ in range(50):
        await asyncio.sleep(0)
