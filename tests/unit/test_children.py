from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

from portevoix.children import end_child
from tests.cancelling import cancel_again_and_again, is_left

FAMILY = "import subprocess; print('begun', flush=True); subprocess.run(['sleep', '600'])"
"""A grandchild holds the output open: reading it ends with the last of the family."""


async def test_a_child_is_ended_with_all_it_started_however_often_that_is_cancelled():
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", FAMILY, stdout=PIPE, start_new_session=True)
    await child.stdout.readline()
    outcome = await cancel_again_and_again(asyncio.create_task(end_child(child)))
    assert isinstance(outcome, asyncio.CancelledError)
    assert child.returncode is not None
    assert not is_left(child.pid)
    assert child.stdout.at_eof()


async def test_one_that_has_ended_is_ended():
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "", start_new_session=True)
    await child.wait()
    await end_child(child)
    assert child.returncode == 0
