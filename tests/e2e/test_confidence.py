"""What people have spoken is in no log: every engine and every door, with everything logged."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import subprocess
import threading
from contextlib import contextmanager

import httpx
import pytest
from websockets.sync.client import connect

from portevoix.server.wyoming.wire import Event, read_event, write_event
from tests.e2e.command_line import CommandLine

MARKS = ("zibeline", "élégamment", "gamment", "41977")
TEXT = "Zibeline part élégamment. La zibeline 41977 revient [[zibeline]] \x07 zibeline."
ENGINES = ("piper_native", "piper_cli", "sapi_french", "silent_emergency")
EVERYTHING = {
    "PORTEVOIX_WYOMING__ENABLED": "true",
    "PORTEVOIX_WYOMING__PORT": "0",
    "PORTEVOIX_SERVER__PORT": "0",
    "PORTEVOIX_MODELS__OFFLINE": "true",
    "PORTEVOIX_CACHE__ENABLED": "false",
    "PYTHONASYNCIODEBUG": "1",
}
PATIENCE_SECONDS = 60


class Told:
    """A server in a process of its own, and all that it writes.

    Attributes:
        lines: what it has written so far, on standard error and standard output.
    """

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._new: queue.Queue[str] = queue.Queue()
        self._popen = popen
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until(self, pattern: str) -> str:
        """Return the first group of the first line that has the pattern in it."""
        while not (found := re.search(pattern, self._new.get(timeout=PATIENCE_SECONDS))):
            pass
        return found[1]

    def end(self) -> str:
        """Stop the server, and return all it has written."""
        self._popen.terminate()
        self._popen.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        return "".join(self.lines)

    def _read(self) -> None:
        for line in self._popen.stdout:
            self.lines.append(line)
            self._new.put(line)


@contextmanager
def serving(folder):
    line = CommandLine(folder, EVERYTHING)
    command = line.command("-vv", "--log-format", "json", "serve")
    with subprocess.Popen(
        command, cwd=folder, env=line.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as popen:
        told = Told(popen)
        try:
            yield told
        finally:
            told.end()


def ask_over_http(url: str) -> set[int]:
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
        speech = [{"model": name, "input": TEXT, "response_format": "wav"} for name in ENGINES]
        speech += [{**speech[0], "stream_format": "sse"}, {**speech[0], "voice": "nobody"}, {**speech[0], "speed": 99}]
        answers = [client.post("/v1/audio/speech", json=fields) for fields in speech]
        answers += [client.get("/health/live"), client.post("/v1/audio/speech", content=json.dumps(speech[0])[:-4]),
                    client.post("/synthesize", json={"text": TEXT}), client.post("/", json={"text": TEXT, "voice": 3}),
                    client.post("/v1/text-to-speech/fr_FR-petit-low/stream", json={"text": TEXT}),
                    client.post("/v1/audio/speech", params={"input": TEXT}, content=TEXT.encode())]  # fmt: skip
    return {answer.status_code for answer in answers}


def ask_over_a_websocket(url: str) -> None:
    place = f"{url.replace('http', 'ws')}/v1/text-to-speech/fr_FR-petit-low/stream-input"
    with connect(place, close_timeout=PATIENCE_SECONDS) as socket:
        for message in ({"text": " "}, {"text": f"{TEXT} "}, {"text": ""}):
            socket.send(json.dumps(message))
        for _ in socket:
            pass


async def ask_over_wyoming(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            writer.write(write_event(Event("synthesize", {"text": TEXT})))
            while (event := await read_event(reader, 10_000_000)) is not None and event.type != "audio-stop":
                pass
            writer.write(f"{TEXT}\n".encode())
            await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def found_in(written: str) -> list[str]:
    plain = written.encode().decode("unicode_escape", "replace").lower() + written.lower()
    return [mark for mark in MARKS if mark in plain or mark in written.lower()]


def test_a_server_tells_nobody_what_it_speaks(tmp_path):
    with serving(tmp_path) as told:
        wyoming = int(told.until(r'"wyoming.served".*"port": (\d+)'))
        url = told.until(r"page +(http://\S+?)/?$")
        assert {200, 400, 404} <= ask_over_http(url)
        ask_over_a_websocket(url)
        asyncio.run(ask_over_wyoming(wyoming))
        written = told.end()
    assert found_in(written) == []
    records = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    spoken = {record["engine"] for record in records if record["event"] == "speech.ended"}
    assert spoken >= set(ENGINES)
    assert {"DEBUG", "INFO"} <= {record["level"] for record in records}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_command_logs_nothing_of_what_it_speaks(tmp_path, engine):
    said = CommandLine(tmp_path, EVERYTHING).run("-vv", "say", "--engine", engine, "-o", "out.wav", TEXT)
    assert found_in(said.stderr.decode()) == []
    assert (tmp_path / "out.wav").stat().st_size > 1000
