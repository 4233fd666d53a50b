from __future__ import annotations

from dataclasses import replace

import pytest

from portevoix.errors import EngineFailed
from tests.scripted import ScriptedEngine, kind
from tests.served import SILENT, make_app


def stubborn(name: str, **script) -> type[ScriptedEngine]:
    """Return a class of engines that do what is to be done to close, and then fail."""
    plain = kind(name, **script)

    class Stubborn(plain):
        async def aclose(self) -> None:
            await super().aclose()
            raise EngineFailed(f"{name} does not close")

    return Stubborn


class Unclosable:
    """A part that is told to close, and does not."""

    def __init__(self) -> None:
        self.was_told = False

    async def aclose(self) -> None:
        self.was_told = True
        raise OSError("it does not close")


async def test_what_cannot_be_closed_keeps_nothing_else_open_and_the_first_error_is_told(caplog):
    kinds = stubborn("alpha", priority=1), kind("beta", priority=2), stubborn("gamma", priority=3)
    app = replace(make_app(*kinds, SILENT), cache=Unclosable())
    with pytest.raises(EngineFailed, match="alpha does not close"):
        await app.aclose()
    assert all(engine.is_closed for one in kinds for engine in one.made)
    assert app.cache.was_told
    told = [record.exc_info[1] for record in caplog.records if record.message == "app.part_not_closed"]
    assert [type(error) for error in told] == [EngineFailed, OSError]


@pytest.mark.parametrize("part", ["library", "rooms", "translator"])
async def test_a_part_that_does_not_close_leaves_no_engine_open(part):
    alpha = kind("alpha")
    app = replace(make_app(alpha, SILENT), **{part: Unclosable()})
    with pytest.raises(OSError, match="it does not close"):
        await app.aclose()
    assert [engine.is_closed for engine in alpha.made] == [True]


async def test_what_another_app_uses_stays_open():
    alpha = kind("alpha")
    app = make_app(alpha, SILENT)
    await app.aclose(spare=[app])
    assert [engine.is_closed for engine in alpha.made] == [False]
    await app.aclose()
    assert [engine.is_closed for engine in alpha.made] == [True]
