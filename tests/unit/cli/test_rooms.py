from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from portevoix.cli.rooms import Display, line
from portevoix.rooms.environments import Note, interpreter_in
from portevoix.rooms.progress import Progress
from tests.rooms import ENVIRON, tenancy

FETCHING = Progress("neural", "fetching", 0.5, packages=136, fetched_bytes=100_000_000)


def portevoix(tmp_path, *arguments):
    environ = {**ENVIRON, "PORTEVOIX_ROOMS__FOLDER": str(tmp_path / "rooms"), "PORTEVOIX_MODELS__OFFLINE": "true",
               "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "portevoix", *arguments], capture_output=True, text=True, env=environ, check=False,
        stdin=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip


def put(tmp_path, name="kokoro"):
    place = tmp_path / "rooms" / name
    interpreter_in(place).parent.mkdir(parents=True)
    interpreter_in(place).symlink_to(sys.executable)
    Note(name, "of another time", "3.11.7", {"kokoro-onnx": "0.6.1"}, "", 150_000_000).write(place)
    return place


def test_a_line_tells_phase_and_amount():
    assert line(FETCHING) == "neural  36%  fetching  136 packages, 100 MB"
    assert line(Progress("neural", "proving", 0.5, item="transformers")) == "neural  88%  proving  transformers"
    assert line(Progress("neural", "waiting")) == "neural  0%  waiting"


def test_where_nobody_looks_each_phase_and_tenth_is_a_line(capsys):
    display = Display(is_seen=False)
    display(Progress("neural"))
    for done in range(101):
        display(Progress("neural", "fetching", done / 100))
    display(Progress("neural", "done"))
    display.clear()
    lines = capsys.readouterr().err.splitlines()
    assert [one.split()[2] for one in lines] == ["starting", *["fetching"] * 8]


def test_on_a_terminal_a_bar_is_drawn_now_and_then(capsys):
    times = iter([1.0, 1.1, 1.3, 1.4])
    display = Display(is_seen=True, clock=lambda: next(times))
    for _ in range(4):
        display(FETCHING)
    display.clear()
    drawn = capsys.readouterr().err.split("\r")[1:]
    assert drawn == [f"[########----------------] {line(FETCHING)}\x1b[K"] * 2 + ["\x1b[K"]


def test_what_is_installed_is_told_before_and_nobody_is_asked_without_a_terminal(tmp_path):
    ended = portevoix(tmp_path, "engines", "install", "kokoro")
    assert ended.returncode == 2
    assert "licences: kokoro-onnx MIT, phonemizer GPL-3.0-or-later" in ended.stderr
    assert "Add --yes" in ended.stderr
    assert not (tmp_path / "rooms").exists()


def test_without_a_network_it_fails_in_words(tmp_path):
    ended = portevoix(tmp_path, "engines", "install", "kokoro", "--yes")
    assert ended.returncode == 5
    assert "Error: packages cannot be fetched" in ended.stderr
    assert [path.name for path in (tmp_path / "rooms").iterdir()] in ([], [".packages"])


@pytest.mark.parametrize(("name", "told"), [("kokorro", "Did you mean kokoro?"), ("../..", "There are ")])
def test_an_unknown_name_is_refused(tmp_path, name, told):
    ended = portevoix(tmp_path, "engines", "install", name, "--yes")
    assert ended.returncode == 2
    assert told in ended.stderr


def test_an_engine_that_needs_nothing_says_so(tmp_path):
    ended = portevoix(tmp_path, "engines", "install", "piper_native")
    assert (ended.returncode, ended.stderr) == (0, "piper_native needs nothing to be installed\n")


def test_what_is_here_is_listed(tmp_path):
    put(tmp_path)
    rows = json.loads(portevoix(tmp_path, "engines", "list", "--installed", "--json").stdout)
    built_in = next(row for row in rows if row["engine"] == "piper_native")
    assert built_in["environment"] == ""
    assert {row["environment"] for row in rows} <= {"", "kokoro"}


def test_it_is_removed_unless_somebody_lives_there(tmp_path):
    place = put(tmp_path)
    with tenancy(sys.executable, str(place)):
        ended = portevoix(tmp_path, "engines", "remove", "kokoro")
        assert ended.returncode == 5
        assert "in use" in ended.stderr
    ended = portevoix(tmp_path, "engines", "remove", "kokoro")
    assert (ended.returncode, ended.stderr) == (0, "kokoro removed, 150 MB are free again\n")
    assert portevoix(tmp_path, "engines", "remove", "kokoro").stderr == "kokoro is not installed\n"


def test_an_engine_that_lacks_a_setting_is_off_and_one_that_lacks_packages_is_not_installed(tmp_path):
    rows = {row["engine"]: row for row in json.loads(portevoix(tmp_path, "engines", "--json").stdout)}
    assert (rows["kokoro"]["state"], rows["remote_openai"]["state"]) == ("not installed", "off")
    assert "base_url" in rows["remote_openai"]["what_to_do"]


def test_without_a_command_the_engines_are_listed(tmp_path):
    plain, listed = (portevoix(tmp_path, "engines", *words, "--json") for words in ((), ("list",)))
    assert [row["engine"] for row in json.loads(plain.stdout)] == [row["engine"] for row in json.loads(listed.stdout)]


def test_the_doctor_looks_at_environments(tmp_path):
    from portevoix.cli.findings import examine_rooms
    from portevoix.config import Loaded, Settings
    from portevoix.config.settings import RoomSettings

    loaded = Loaded(Settings(rooms=RoomSettings(folder=tmp_path / "rooms")))
    (finding,) = examine_rooms(loaded)
    assert (finding.verdict, "portevoix engines install" in finding.fact) == ("ok", True)
    put(tmp_path)
    (finding,) = examine_rooms(loaded)
    assert finding.verdict == "warn"
    assert finding.what_to_do == "Renew it: portevoix engines install kokoro"
