from __future__ import annotations

import asyncio
import json

from portevoix.engine import Phase
from portevoix.server.application import make_queue
from portevoix.server.stage import Stage
from portevoix.server.wyoming.conversation import Conversation
from tests.scripted import kind
from tests.served import SILENT, make_app
from tests.virtual_time import virtual

HOME_ASSISTANT_SECONDS = 1.0
"""After which it gives up on a server that it asks for its voices."""


class Line:
    """What a client gets, with the time when it came; stands for a `StreamWriter`."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, dict]] = []

    def write(self, content: bytes) -> None:
        head, _, rest = content.partition(b"\n")
        data = json.loads(rest[: json.loads(head).get("data_length", 0)] or b"{}")
        self.heard.append((asyncio.get_running_loop().time(), {**json.loads(head), "data": data}))

    async def drain(self) -> None:
        pass


@virtual
async def test_voices_are_told_in_time_while_another_engine_still_loads() -> None:
    stranger = kind("stranger", voices=(), load_seconds=600.0, phase=Phase.LOADING, priority=5)
    app = make_app(stranger, kind("alpha"), SILENT)
    reader, line = asyncio.StreamReader(), Line()
    reader.feed_data(b'{"type": "describe"}\n')
    reader.feed_eof()
    began = asyncio.get_running_loop().time()
    await Conversation(Stage(app, lambda _: None), make_queue(app), reader, line).run()
    ((when, info),) = line.heard
    assert when - began < HOME_ASSISTANT_SECONDS
    assert [voice["name"] for voice in info["data"]["tts"][0]["voices"]] == ["alpha-fr", "alpha-en"]
    await app.aclose()
