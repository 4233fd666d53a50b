"""Take a voice apart in a process of its own: `python -m portevoix.vits.child ORDER`.

It keeps Python busy for seconds, and whoever speaks meanwhile must not wait for it. The parts are stored where a later
load finds them; whether it went well is seen there and nowhere else. The process ends by itself, and an order that is
given up is finished all the same: the next start is the quicker for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import PortevoixError
from portevoix.vits.config import read_config
from portevoix.vits.scheduler import Scheduler
from portevoix.vits.sessions import Device
from portevoix.vits.voice import VitsVoice, has_parts

if TYPE_CHECKING:
    from portevoix.vits.network import Precision

NICENESS = 10


async def take_apart(model: Path, config: Path, parts_folder: Path, device: Device, precision: Precision) -> None:
    """Store a voice's parts where they are not stored yet, without keeping this process busy.

    Raises:
        ModelMissing: the model or its configuration is not there.
        ModelBroken: the configuration cannot be used.
    """
    await asyncio.to_thread(read_config, config)
    if await asyncio.to_thread(has_parts, model, parts_folder, device, precision):
        return
    order = {"model": str(model), "config": str(config), "parts_folder": str(parts_folder), "precision": precision}
    text = json.dumps({**order, "device": asdict(device)})
    nowhere = asyncio.subprocess.DEVNULL
    command = (sys.executable, "-m", "portevoix.vits.child", text)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    await process.wait()


def main() -> None:
    """Obey the order on the command line."""
    order = json.loads(sys.argv[1])
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    scheduler = Scheduler(1)
    with suppress(PortevoixError):
        VitsVoice.load(
            Path(order["model"]),
            Path(order["config"]),
            scheduler=scheduler,
            device=Device(**order["device"]),
            parts_folder=Path(order["parts_folder"]),
            precision=order["precision"],
        ).close()
    scheduler.close()


if __name__ == "__main__":
    main()
