"""Fetching models with the real program: its commands, its server, and a double of the hub."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.command_line import VOICES, CommandLine
from tests.hub import Fault, answers, hub

NAME = "fr_FR-petit-low"
CONTENT = {f"fr/{path.name}": path.read_bytes() for path in (VOICES / f"{NAME}.onnx.json", VOICES / f"{NAME}.onnx")}
SIZE = sum(map(len, CONTENT.values()))
LIST = {NAME: {"num_speakers": 1, "files": {path: {"size_bytes": len(data)} for path, data in CONTENT.items()}}}
FILES = {"voices.json": json.dumps(LIST).encode(), **CONTENT}
CONFIG = f"""
voice_folders: [voices]
backends:
  piper_native: {{voices: {{fr: {NAME}}}}}
  piper_cli: {{enabled: false}}
server: {{port: 0}}
"""


class Fresh(CommandLine):
    """A machine without voices, whose hub is the double."""

    def __init__(self, folder: Path, url: str, **variables: str) -> None:
        (folder / "config").mkdir()
        (folder / "config" / "tts.yaml").write_text(CONFIG, encoding="utf-8")
        super().__init__(folder, {"HF_ENDPOINT": url, "PORTEVOIX_VOICES": "", **variables})

    @property
    def voice(self) -> Path:
        return self.folder / "voices" / f"{NAME}.onnx"


def told(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode()


@pytest.fixture
def knowing(tmp_path: Path):
    """Give a double, and a machine that has its list."""
    with hub(dict(FILES)) as one:
        machine = Fresh(tmp_path, one.url)
        done = machine.run("models", "list", "--refresh", "--json")
        assert done.returncode == 0, told(done)
        assert NAME in [model["model"] for model in json.loads(done.stdout)]
        yield one, machine


def test_a_voice_is_fetched_checked_found_and_removed(knowing) -> None:
    _, machine = knowing
    done = machine.run("models", "get", NAME, "--json")
    assert json.loads(done.stdout) == {NAME: [f"{machine.voice}.json", str(machine.voice)]}
    lines = told(done).splitlines()
    assert lines[0] == f"{NAME}: 0.3 MB, licence see its model card"
    assert re.fullmatch(rf"{NAME}  \d+% of 0.3 MB  [\d.]+ MB/s(  \d:\d\d left)?", lines[1]), lines
    assert lines[-1] == f"{NAME} is in voices"
    assert machine.voice.read_bytes() == CONTENT[f"fr/{NAME}.onnx"]
    listed = json.loads(machine.run("models", "list", "--installed", "--json").stdout)
    assert [(model["model"], model["state"]) for model in listed] == [(NAME, "installed")]
    assert machine.run("models", "verify").returncode == 0
    assert machine.run("models", "path", NAME).stdout.decode().splitlines()[-1] == str(machine.voice)
    removed = machine.run("models", "rm", NAME)
    assert told(removed) == f"{NAME} removed, 0.3 MB are free again\n"
    assert not machine.voice.exists()
    assert machine.run("models", "rm", NAME).returncode == 4


def test_a_damaged_voice_is_found(knowing) -> None:
    _, machine = knowing
    machine.run("models", "get", NAME)
    machine.voice.write_bytes(b"cut short")
    done = machine.run("models", "verify", NAME)
    assert done.returncode == 4
    assert b"9 bytes in place of" in done.stdout


def test_a_killed_program_leaves_no_process_and_the_next_one_goes_on(knowing) -> None:
    one, machine = knowing
    one.goes_on, one.holds_after = threading.Event(), 200_000
    one.is_asked.clear()
    machine.variables["PORTEVOIX_MODELS__STALL_TIMEOUT_SECONDS"] = "600"
    with machine.start("models", "get", NAME, stderr=subprocess.DEVNULL) as program:
        assert one.is_asked.wait(20)
        (child,) = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        alive = os.pidfd_open(int(child))
        program.kill()
    assert select.select([alive], [], [], 20)[0]
    os.close(alive)
    one.goes_on.set()
    assert machine.run("models", "get", NAME).returncode == 0
    assert machine.voice.read_bytes() == CONTENT[f"fr/{NAME}.onnx"]


XTTS = {"config.json": b"{}", "model.pth": b"w" * 2_000_000, "vocab.json": b"[]", "speakers_xtts.pth": b"s" * 2000}
LICENCE = "CPML (non-commercial)"


def test_a_folder_is_fetched_after_consent_verified_repaired_and_removed(tmp_path: Path) -> None:
    with hub(dict(XTTS), repository="coqui/XTTS-v2") as one:
        machine = Fresh(tmp_path, one.url)
        refused = machine.run("models", "get", "xtts_v2")
        assert refused.returncode == 2
        assert f'--accept-licence "{LICENCE}"' in told(refused)
        assert not one.requests
        done = machine.run("models", "get", "xtts_v2", "--accept-licence", LICENCE, "--json")
        (place,) = map(Path, json.loads(done.stdout)["xtts_v2"])
        assert {path.name for path in place.iterdir()} == {*XTTS, "portevoix.json"}
        assert told(done).startswith(f"xtts_v2: about 1880.0 MB, licence {LICENCE}")
        (listed,) = json.loads(machine.run("models", "list", "--installed", "--json").stdout)
        assert (listed["model"], listed["clones"], listed["commercial"]) == ("xtts_v2", True, False)
        assert listed["size_bytes"] == sum(map(len, XTTS.values()))
        assert machine.run("models", "verify").returncode == 0
        (place / "model.pth").write_bytes(b"x" + XTTS["model.pth"][1:])
        damaged = machine.run("models", "verify", "xtts_v2")
        assert (damaged.returncode, b"damaged: its sha256" in damaged.stdout) == (4, True)
        assert machine.run("models", "rm", "xtts_v2").returncode == 0
        assert machine.run("models", "get", "xtts_v2").returncode == 0, "it was accepted once"
        assert machine.run("models", "path", "xtts_v2").stdout.decode().strip() == str(place)


def test_what_another_program_fetches_is_seen_and_what_it_left(knowing) -> None:
    one, machine = knowing
    one.goes_on, one.holds_after = threading.Event(), 200_000
    fetching = machine.start("models", "get", NAME, stderr=subprocess.PIPE)
    try:
        assert f"{NAME}  " in fetching.stderr.readline().decode() + fetching.stderr.readline().decode()
        (state,) = states(machine)
        assert re.fullmatch(r"fetching \d+%", state)
        listed = json.loads(machine.run("engines", "--json").stdout)
        native = next(engine for engine in listed if engine["engine"] == "piper_native")
        assert re.fullmatch(rf"fetching {NAME}: \d+%", native["why"])
    finally:
        fetching.kill()
        fetching.communicate()
    one.goes_on.set()
    deadline = time.monotonic() + 20
    while states(machine)[0].startswith("fetching") and time.monotonic() < deadline:
        pass
    assert re.fullmatch(r"\d+% here", states(machine)[0])


def states(machine: Fresh) -> list[str]:
    listed = json.loads(machine.run("models", "list", "--json").stdout)
    return [model["state"] for model in listed if model["model"] == NAME]


def test_a_name_that_is_not_known_is_told_before_anything_is_asked(knowing) -> None:
    one, machine = knowing
    one.requests.clear()
    done = machine.run("models", "get", "fr_FR-siwis-medum")
    assert done.returncode == 2
    assert "Did you mean fr_FR-siwis-medium" in told(done)
    assert not one.requests


@pytest.mark.parametrize(
    ("variables", "fault", "words", "code"),
    [
        ({}, answers(403, "GatedRepo"), "accepted its terms", 4),
        ({"HF_TOKEN": "hf_secret"}, answers(401), "the token in HF_TOKEN has expired or is wrong", 4),
        ({}, Fault("portal"), "sent a web page", 4),
        ({"HF_HUB_OFFLINE": "1"}, None, "the network may not be used", 4),
        ({"HF_ENDPOINT": "nonsense"}, None, "Check HF_ENDPOINT", 4),
        ({"TTS_DOWNLOAD_TIMEOUT": "1"}, Fault("hang"), "more than 1 s", 4),
    ],
    ids=["gated", "token", "portal", "offline", "address", "time"],
)
def test_each_fault_is_told_in_words(variables, fault, words: str, code: int, tmp_path: Path) -> None:
    with hub({}, faults=[fault], stays=True) as one:
        done = Fresh(tmp_path, **{"url": one.url, **variables}).run("models", "get", "fr_FR-siwis-medium")
    assert done.returncode == code
    assert words in told(done)
    assert "hf_secret" not in told(done)
    assert "Traceback" not in told(done)


@contextmanager
def serving(machine: Fresh):
    with machine.start("serve", "--log-format", "json", stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            rest = process.stderr.read()
            assert "Traceback" not in rest, rest
            assert process.wait(20) == 0


def event(process: subprocess.Popen[str], name: str) -> dict:
    """Return the next log line of a name."""
    for line in process.stderr:
        if line.startswith("{") and (content := json.loads(line))["event"] == name:
            return content
    raise AssertionError(f"the server ended without {name}")


def speech(url: str) -> httpx.Response:
    order = {"model": "tts-1", "input": "Bonjour tout le monde.", "voice": "alloy", "response_format": "wav"}
    return httpx.post(f"{url}/v1/audio/speech", json=order, timeout=30)


def is_half_way(change: dict) -> bool:
    return change["phase"] == "fetching" and change["done_bytes"] > SIZE - len(CONTENT[f"fr/{NAME}.onnx"])


def changes(url: str):
    """Yield the server-sent events about downloads."""
    with httpx.stream("GET", f"{url}/api/models/events", timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def native(url: str) -> dict:
    engines = httpx.get(f"{url}/api/engines").json()["engines"]
    return next(engine for engine in engines if engine["name"] == "piper_native")


def test_a_fresh_machine_speaks_at_once_and_better_when_the_voice_is_there(knowing) -> None:
    one, machine = knowing
    one.goes_on, one.holds_after = threading.Event(), 200_000
    with serving(machine) as server:
        url = event(server, "server.started")["address"]
        assert event(server, "download.begun")["model"] == NAME
        before = speech(url)
        assert before.status_code == 200, before.text
        assert before.headers["x-tts-voice"] != NAME
        half = next(change for change in changes(url) if is_half_way(change))
        assert (half["model"], half["phase"], half["total_bytes"]) == (NAME, "fetching", SIZE)
        shown = httpx.get(f"{url}/api/models/{NAME}").json()
        assert (shown["installed"], shown["download"]["phase"]) == (False, "fetching")
        assert f'tts_download_progress_ratio{{model="{NAME}"}} 0.' in httpx.get(f"{url}/metrics").text
        waiting = native(url)
        assert waiting["download"]["phase"] == "fetching"
        assert re.fullmatch(rf"fetching {NAME}: \d+%", waiting["why"])
        one.goes_on.set()
        assert event(server, "voice.took_over")["voice"] == NAME
        assert speech(url).headers["x-tts-voice"] == NAME
        assert httpx.get(f"{url}/api/models/{NAME}").json()["installed"]
        assert native(url)["state"] == "ready"


def test_models_are_fetched_stopped_and_removed_over_http(knowing) -> None:
    one, machine = knowing
    machine.variables["PORTEVOIX_MODELS__FETCH_MISSING"] = "false"
    one.goes_on, one.holds_after = threading.Event(), 200_000
    with serving(machine) as server:
        url = event(server, "server.started")["address"]
        at = f"{url}/api/models"
        assert {model["name"]: model["licence"] for model in httpx.get(at).json()["models"]}["en_US-ryan-medium"]
        assert httpx.post(at, json={"name": NAME}).status_code == 202
        next(change for change in changes(url) if is_half_way(change))
        again = httpx.post(at, json={"name": NAME}).json()["download"]
        assert again["phase"] == "fetching", again
        assert httpx.delete(f"{at}/{NAME}/download").status_code == 202
        stopped = next(change for change in changes(url) if change["phase"] == "cancelled")
        assert stopped["code"] == "download_cancelled"
        one.goes_on.set()
        httpx.post(at, json={"name": NAME})
        next(change for change in changes(url) if change["phase"] == "done")
        assert httpx.get(f"{at}/{NAME}").json()["installed"]
        assert not httpx.delete(f"{at}/{NAME}").json()["installed"]
        assert httpx.get(f"{at}/none").json()["error"]["code"] == "model_not_found"
        assert httpx.post(at, json={"name": "none"}).status_code == 404
        assert httpx.post(at, json={}).status_code == 400
        assert httpx.post(at, content=json.dumps({"name": NAME})).status_code == 415
        assert httpx.delete(f"{at}/..%2Fx").status_code in (404, 405)


def test_a_server_without_a_network_says_so_and_speaks(tmp_path: Path) -> None:
    machine = Fresh(tmp_path, "http://127.0.0.1:9", PORTEVOIX_BACKENDS__PIPER_NATIVE__VOICES="{}")
    with serving(machine) as server:
        url = event(server, "server.started")["address"]
        said = event(server, "voice.not_fetched")
        assert (said["model"], said["code"]) == ("fr_FR-siwis-medium", "hub_unreachable")
        assert (answer := speech(url)).status_code == 200, answer.text
