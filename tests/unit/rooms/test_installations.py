"""Real installations: a real process, the real installer, packages made on the spot."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from portevoix.errors import DiskFull, NotWritable
from portevoix.rooms.environments import EnvironmentShelf
from portevoix.rooms.faults import (
    RoomBroken,
    RoomCancelled,
    RoomError,
    RoomInUse,
    RoomTimeout,
    RoomUnknown,
    RoomUnreachable,
)
from portevoix.rooms.installation import Limits
from portevoix.rooms.recipe import Recipe
from tests.cancelling import cancel_again_and_again, is_left
from tests.rooms import ENVIRON, SMALL, WAITS, installing, leftovers, make_wheel, tenancy, until

PROGRAM = """
import asyncio, pathlib, sys
from tests.rooms import installing
async def main():
    rooms_folder, wheels = map(pathlib.Path, sys.argv[1:])
    async with installing(rooms_folder, wheels=wheels) as (rooms, _):
        await rooms.install("small")
asyncio.run(main())
"""


def says(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def waiting_wheel(folder: Path) -> tuple[Path, Path]:
    """Return the folder of a package whose import waits, and the file that it waits for to go."""
    flag = folder / "flag"
    folder.mkdir(parents=True, exist_ok=True)
    flag.touch()
    make_wheel(folder, code=WAITS.format(flag=str(flag)))
    return folder, flag


async def begun(flag: Path) -> int:
    """Return the number of the installing process once it imports the package that waits."""
    told = flag.with_suffix(".begun")
    await until(lambda: told.exists() and told.read_text())
    return int(told.read_text())


def alive_in_session(leader: int) -> list[str]:
    """Return the names of the processes of a session that have not ended."""
    names = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = stat.read_text().partition(" (")[2].rpartition(") ")
            state, _, _, session, *_ = rest.split()
            names += [name] * (int(session) == leader and state not in "ZX")
    return names


async def ended(leader: int) -> None:
    """Return once no process of a session is left."""
    await until(lambda: not alive_in_session(leader))


async def test_what_is_installed_can_be_used_at_once_and_wherever_it_lies(tmp_path):
    make_wheel(tmp_path / "wheels", code="import os; WHERE = os.path.dirname(__file__)")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, told):
        assert rooms.shelf.python("small") is None
        await rooms.install("small")
    place = tmp_path / "rooms" / "small"
    assert says(rooms.shelf.python("small"), "import voix; print(voix.WHERE)").startswith(str(place))
    assert leftovers(tmp_path / "rooms") == []
    note = rooms.shelf.note("small")
    assert (note.packages, note.device) == ({"voix": "1.0"}, "")
    assert note.python.startswith("3.")
    assert note.size_bytes > 0
    phases = list(dict.fromkeys(progress.phase for progress in told))
    assert phases == ["starting", "preparing", "fetching", "installing", "proving", "done"]
    assert [progress.ratio for progress in told] == sorted(progress.ratio for progress in told)
    assert told[-1].ratio == 1


async def test_what_is_there_is_not_installed_again_unless_its_recipe_has_changed(tmp_path):
    make_wheel(tmp_path / "wheels")
    make_wheel(tmp_path / "wheels", version="1.1")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, told):
        await rooms.install("small")
        before = len(told)
        await rooms.install("small")
        assert [progress.phase for progress in told[before:]] == ["starting", "done"]
    newer = replace(SMALL, requirements=("voix==1.1",))
    async with installing(tmp_path / "rooms", newer, wheels=tmp_path / "wheels") as (rooms, _):
        assert rooms.shelf.python("small") is not None
        assert not rooms.is_current("small")
        await rooms.install("small")
        assert rooms.is_current("small")
        assert rooms.shelf.note("small").packages == {"voix": "1.1"}
    assert leftovers(tmp_path / "rooms") == []


async def test_a_package_may_be_dropped_pinned_and_forced(tmp_path):
    wheels = tmp_path / "wheels"
    make_wheel(wheels, requires=("weight==9", "lungs<2", "throat"))
    make_wheel(wheels, "lungs", "1.0")
    make_wheel(wheels, "lungs", "2.0")
    make_wheel(wheels, "throat", "1.0")
    make_wheel(wheels, "throat", "2.0")
    overrides = ("weight ; sys_platform == 'never'", "lungs==2.0")
    recipe = replace(SMALL, overrides=overrides, pins=("throat==1.0", "other==3"))
    async with installing(tmp_path / "rooms", recipe, wheels=wheels) as (rooms, _):
        await rooms.install("small")
    code = "import importlib.metadata as m; print(*sorted(d.name + d.version for d in m.distributions()))"
    assert says(rooms.shelf.python("small"), code) == "lungs2.0 throat1.0 voix1.0"


async def test_parts_that_keep_a_package_from_being_imported_are_set_aside(tmp_path):
    code = "import pathlib\nassert not list(pathlib.Path(__file__).parent.glob('*.so')), 'another device'"
    make_wheel(tmp_path / "wheels", code=code, more={"voix/_fast.so": "", "voix/keep.txt": ""})
    recipe = replace(SMALL, aside={"voix": ("voix/*.so",)})
    async with installing(tmp_path / "rooms", recipe, wheels=tmp_path / "wheels") as (rooms, _):
        await rooms.install("small")
    (package,) = (tmp_path / "rooms" / "small").rglob("voix")
    assert {path.name for path in package.iterdir()} >= {"_fast.so.aside", "keep.txt"}


async def test_parts_that_do_no_harm_stay(tmp_path):
    make_wheel(tmp_path / "wheels", more={"voix/_fast.so": ""})
    recipe = replace(SMALL, aside={"voix": ("voix/*.so",)})
    async with installing(tmp_path / "rooms", recipe, wheels=tmp_path / "wheels") as (rooms, _):
        await rooms.install("small")
    assert list((tmp_path / "rooms" / "small").rglob("voix/_fast.so"))


@pytest.mark.parametrize("code", ["import nothing_of_the_kind", "import os; os.abort()", "raise SystemExit"])
async def test_what_cannot_be_imported_leaves_nothing(tmp_path, code):
    make_wheel(tmp_path / "wheels", code=code)
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, told):
        with pytest.raises(RoomBroken) as raised:
            await rooms.install("small")
    assert raised.value.hint
    assert rooms.shelf.installed() == ()
    assert leftovers(tmp_path / "rooms") == []
    assert (told[-1].phase, told[-1].code) == ("failed", "room_broken")
    assert told[-1].why.startswith("the environment small is of no use")


async def test_a_failed_renewal_leaves_what_was_there(tmp_path):
    make_wheel(tmp_path / "wheels")
    make_wheel(tmp_path / "wheels", version="1.1", code="import nothing_of_the_kind")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        await rooms.install("small")
    async with installing(
        tmp_path / "rooms", replace(SMALL, requirements=("voix==1.1",)), wheels=tmp_path / "wheels"
    ) as (rooms, _):
        with pytest.raises(RoomBroken):
            await rooms.install("small")
        assert rooms.shelf.note("small").packages == {"voix": "1.0"}


async def test_several_who_ask_wait_for_one_installation(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels) as (rooms, told):
        asked = [asyncio.create_task(rooms.install("small")) for _ in range(5)]
        await begun(flag)
        asked[0].cancel()
        flag.unlink()
        await asyncio.gather(*asked[1:])
    assert sum(progress.phase == "preparing" for progress in told) == 1


async def test_another_program_that_installs_the_same_is_waited_for(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels) as (rooms, _):
        first = rooms.begin("small")
        await begun(flag)
        async with installing(tmp_path / "rooms", wheels=wheels) as (others, told):
            second = others.begin("small")
            async with aclosing(others.watch()) as changes:
                async for progress in changes:
                    if progress.phase == "waiting":
                        break
            with pytest.raises(RoomInUse):
                others.shelf.remove("small")
            assert others.shelf.sweep() == 0
            flag.unlink()
            await asyncio.gather(first, second)
    assert "preparing" not in {progress.phase for progress in told}
    assert told[-1].phase == "done"
    assert leftovers(tmp_path / "rooms") == []


async def test_a_cancelled_installation_leaves_neither_files_nor_processes(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels) as (rooms, told):
        task = rooms.begin("small")
        pid = await begun(flag)
        assert rooms.cancel("small")
        with pytest.raises(RoomCancelled):
            await task
        assert not rooms.cancel("small")
    assert leftovers(tmp_path / "rooms") == []
    assert told[-1].phase == "cancelled"
    await ended(pid)


async def test_an_installation_that_is_cancelled_again_and_again_leaves_nothing(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels) as (rooms, told):
        task = rooms.begin("small")
        pid = await begun(flag)
        assert isinstance(await cancel_again_and_again(task), RoomCancelled)
        assert not is_left(pid)
    assert leftovers(tmp_path / "rooms") == []
    assert told[-1].phase == "cancelled"


async def test_an_installation_that_is_killed_counts_for_nothing_and_the_next_one_works(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels) as (rooms, told):
        task = rooms.begin("small")
        pid = await begun(flag)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RoomError, match="ended without a word"):
            await task
        assert told[-1].phase == "failed"
        assert rooms.shelf.python("small") is None
        await ended(pid)
        assert ".small.building" in leftovers(tmp_path / "rooms")
        flag.unlink()
        await rooms.install("small")
    assert leftovers(tmp_path / "rooms") == []
    assert says(rooms.shelf.python("small"), "import voix; print(1)") == "1"


async def test_the_end_of_the_program_that_wanted_it_ends_the_installation(tmp_path):
    wheels, flag = waiting_wheel(tmp_path / "wheels")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(tmp_path / "rooms"), str(wheels), env=ENVIRON
    )
    pid = await begun(flag)
    program.kill()
    await program.wait()
    await ended(pid)
    shelf = EnvironmentShelf(tmp_path / "rooms")
    assert shelf.installed() == ()
    await until(lambda: shelf.sweep() == 1)  # the last thread to end gives the lock back
    assert leftovers(tmp_path / "rooms") == []


async def test_a_full_disk_is_known_before_anything_is_done(tmp_path):
    recipe = replace(SMALL, size_mb={"cpu": 10**9, "cuda": 10**9})
    async with installing(tmp_path / "rooms", recipe) as (rooms, told):
        with pytest.raises(DiskFull, match=rf"1000000000 MB .* needed in {tmp_path / 'rooms'}, \d+ MB are free"):
            await rooms.install("small")
    assert "preparing" not in {progress.phase for progress in told}


async def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "rooms").touch()
    async with installing(tmp_path / "rooms") as (rooms, _):
        with pytest.raises(NotWritable, match="cannot be written"):
            await rooms.install("small")


async def test_without_a_network_that_is_said(tmp_path):
    async with installing(tmp_path / "rooms") as (rooms, _):
        with pytest.raises(RoomUnreachable):
            await rooms.install("small")
    assert leftovers(tmp_path / "rooms") == []


async def test_an_index_that_refuses_is_said(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        async with installing(tmp_path / "rooms", is_offline=False, index=index) as (rooms, _):
            with pytest.raises(RoomUnreachable) as raised:
                await rooms.install("small")
    assert "127.0.0.1" in raised.value.why
    assert "network" in raised.value.hint


async def test_a_package_that_nobody_has_is_said(tmp_path):
    make_wheel(tmp_path / "wheels", version="2.0")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        with pytest.raises(RoomError, match="voix"):
            await rooms.install("small")


async def test_an_installation_that_takes_too_long_is_ended(tmp_path):
    wheels, _ = waiting_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=wheels, limits=Limits(total_seconds=3)) as (rooms, _):
        with pytest.raises(RoomTimeout):
            await rooms.install("small")
    assert EnvironmentShelf(tmp_path / "rooms").installed() == ()


async def test_an_environment_in_which_a_process_runs_is_neither_removed_nor_replaced(tmp_path):
    make_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        await rooms.install("small")
        with tenancy(rooms.shelf.python("small")):
            with pytest.raises(RoomInUse) as raised:
                rooms.shelf.remove("small")
            assert "Stop the server" in raised.value.hint
            newer = replace(SMALL, pins=("voix==1.0",))
            async with installing(tmp_path / "rooms", newer, wheels=tmp_path / "wheels") as (others, told):
                with pytest.raises(RoomInUse):
                    await others.install("small")
            assert "preparing" not in {progress.phase for progress in told}
            assert rooms.shelf.python("small") is not None
        assert rooms.shelf.remove("small") > 0
    assert rooms.shelf.python("small") is None
    assert list((tmp_path / "rooms").iterdir()) == []


async def test_an_unknown_environment_is_refused(tmp_path):
    async with installing(tmp_path / "rooms") as (rooms, _):
        with pytest.raises(RoomUnknown) as raised:
            await rooms.install("smal")
    assert raised.value.hint == "Did you mean small?"


async def test_whoever_comes_late_still_sees_how_it_ended(tmp_path):
    make_wheel(tmp_path / "wheels")
    async with installing(tmp_path / "rooms", wheels=tmp_path / "wheels") as (rooms, _):
        await rooms.install("small")
        async with aclosing(rooms.watch()) as changes:
            assert (await anext(changes)).phase == "done"
        assert rooms.progress_of("small").phase == "done"
        assert rooms.progress_of("other") is None


async def test_another_python_is_looked_for_where_this_one_will_not_do(tmp_path):
    async with installing(tmp_path / "rooms", Recipe("small", (), pythons=("3.99",))) as (rooms, _):
        with pytest.raises(RoomError, match=r"3\.99"):
            await rooms.install("small")
