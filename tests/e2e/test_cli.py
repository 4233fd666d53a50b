"""The whole command line, as real processes with real voices."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from portevoix.codecs import FORMATS
from portevoix.dsp.loudness import is_audible
from tests.e2e.command_line import CommandLine, ScriptedPlayer

FIRST_BYTES = 2000
LONG_TEXT = "Voici une phrase qui prend un peu de temps. " * 40


@pytest.fixture
def shell(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture
def player(tmp_path, shell):
    scripted = ScriptedPlayer(tmp_path)
    shell.variables |= scripted.variables
    return scripted


def samples_of(path):
    """Return a WAVE file's samples, after looking that its header tells its length."""
    with wave.open(str(path)) as file:
        content = file.readframes(file.getnframes())
        assert len(content) == file.getnframes() * 2 > 0
        assert path.stat().st_size == 44 + len(content)
    return np.frombuffer(content, "<i2").astype(np.float32) / 32768


def words(finished):
    return finished.stderr.decode()


def test_says_into_a_file_named_after_the_text(shell, tmp_path):
    finished = shell.run("say", "Bonjour", "à tous")
    assert finished.returncode == 0, words(finished)
    assert finished.stdout == b""
    assert "piper_native (fr_FR-petit-low)" in words(finished)
    assert "Wrote bonjour-a-tous.wav" in words(finished)
    assert is_audible(samples_of(tmp_path / "bonjour-a-tous.wav"))


def test_never_overwrites_a_file_that_it_named(shell, tmp_path):
    (tmp_path / "bonjour.wav").write_bytes(b"mine")
    assert "Wrote bonjour-1.wav" in words(shell.run("say", "Bonjour"))
    assert (tmp_path / "bonjour.wav").read_bytes() == b"mine"


def test_overwrites_the_file_that_was_named(shell, tmp_path):
    (tmp_path / "out.wav").write_bytes(b"old")
    assert shell.run("say", "Bonjour", "-o", "out.wav").returncode == 0
    assert is_audible(samples_of(tmp_path / "out.wav"))
    assert sorted(path.name for path in tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize(
    "arguments", [("say", "Bonjour", "-o", "-"), ("voices",), ("say", "Bonjour", "-o", "/dev/full")], ids=" ".join
)
def test_a_full_disk_is_told_in_words(shell, arguments):
    with Path("/dev/full").open("wb") as full:
        process = shell.start(*arguments, stdout=full, stderr=subprocess.PIPE)
        told = process.communicate()[1].decode()
    assert process.returncode == 6, told
    assert "the disk is full" in told
    assert "Traceback" not in told


def test_a_name_that_no_file_can_have_is_refused_before_the_first_word(shell, tmp_path):
    finished = shell.run("say", "Bonjour", "-o", "x" * 300 + ".wav")
    assert finished.returncode == 6
    assert b"too long" in finished.stderr
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("known", FORMATS.values(), ids=lambda known: known.name)
def test_writes_the_format_of_the_suffix(shell, tmp_path, known):
    path = tmp_path / f"out{known.extension}"
    assert shell.run("say", "Bonjour", "-o", path).returncode == 0
    demuxer = {"pcm": "s16le", "opus": "ogg"}.get(known.name, known.name)
    with av.open(str(path), format=demuxer) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) > 3000


def test_speaks_without_any_voice_installed(shell, tmp_path):
    shell.variables["PORTEVOIX_VOICES"] = str(tmp_path / "none")
    finished = shell.run("say", "Bonjour", "-o", "out.wav", "--json")
    report = json.loads(finished.stdout)
    assert report["engine"] == "sapi_french"
    assert report["is_degraded"]
    assert report["path"] == "out.wav"
    assert is_audible(samples_of(tmp_path / "out.wav"))


def test_begins_to_play_before_the_input_ends(shell, player):
    process = shell.start("speak", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"Premi\xc3\xa8re phrase, assez longue. Et ")
    process.stdin.flush()
    with player.pipe.open("rb") as heard:
        beginning = heard.read(FIRST_BYTES)
        assert len(beginning) == FIRST_BYTES
        process.stdin.write(b"la seconde.")
        process.stdin.close()
        rest = heard.read()
    told = process.stdout.read().decode()
    assert process.wait(60) == 0, process.stderr.read()
    assert is_audible(np.frombuffer(beginning + rest, "<i2").astype(np.float32) / 32768)
    assert "piper_native" in told
    assert "ms" in told
    assert "--rate=16000" in player.arguments.read_text()
    process.stdout.close()
    process.stderr.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_keeps_what_was_spoken_when_it_is_stopped(shell, player, tmp_path, number, code):
    process = shell.start(
        "say", "-", "--play", "-o", "out.wav", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(b"Une phrase qui est dite en entier. ")
    process.stdin.flush()
    with player.pipe.open("rb") as heard:
        heard.read(FIRST_BYTES)
        process.send_signal(number)
        stderr = process.communicate()[1].decode()
    assert process.returncode == code, stderr
    assert "out.partial.wav" in stderr
    assert "Traceback" not in stderr
    assert is_audible(samples_of(tmp_path / "out.partial.wav"))
    assert not (tmp_path / "out.wav").exists()
    assert list(tmp_path.glob(".*.part")) == []


def test_tells_of_a_player_that_fails(shell, tmp_path):
    shell.variables |= ScriptedPlayer(tmp_path, last_words="no such sink", status=3).variables
    finished = shell.run("say", LONG_TEXT)
    assert finished.returncode == 6
    assert "Error: paplay stopped playing: no such sink" in words(finished)
    assert "Hint: Write a file with -o." in words(finished)


def test_writes_audio_to_standard_output(shell):
    finished = shell.run("say", "Bonjour", "-o", "-", "--format", "mp3")
    assert finished.returncode == 0
    assert finished.stdout[0] == 0xFF
    assert b"piper_native" in finished.stderr


def test_is_quiet_when_nobody_reads_any_more(shell):
    process = shell.start("say", LONG_TEXT, "-o", "-", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(4) == b"RIFF"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 141
    process.stderr.close()


def test_reads_input_that_is_not_utf_8(shell, tmp_path):
    finished = shell.run("say", "-o", "out.wav", stdin="Où est la clé ?".encode("latin-1"))
    assert finished.returncode == 0
    assert "not UTF-8" in words(finished)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["say", ""], 2, "the text is empty"),
        (["say", "   "], 2, "the text is empty"),
        (["say", "🙂"], 2, "there is nothing to say"),
        (["say"], 2, "there is nothing to say"),
        (["say", "x", "--voice", "nobody"], 2, "voice 'nobody' is not known"),
        (["say", "x", "--lang", "tlh"], 2, "language 'tlh' is not spoken here"),
        (["say", "x", "--engine", "piper"], 2, "Did you mean piper"),
        (["say", "x", "--speed", "nan"], 2, "speed is nan"),
        (["say", "x", "--speed", "fast"], 2, "'fast' is not a valid float"),
        (["say", "x", "--format", "midi"], 2, "audio cannot be written as 'midi'"),
        (["say", "x", "-o", "out.txt"], 2, "there is no audio format for files named *.txt"),
        (["say", "x", "-o", "nowhere/out.wav"], 6, "Hint: Create the folder first."),
        (["say", "x", "-o", "."], 6, "it is a folder"),
        (["say", "x", "--play"], 6, "there is nothing to play with"),
        (["say", "x", "-o", "-", "--json"], 2, "both want standard output"),
        (["sya"], 2, "Did you mean 'say'?"),
        (["--config", "none.yaml", "say", "x"], 3, "there is no such file"),
        (["config", "check", "none.yaml"], 3, "none.yaml: 1 error, no warnings"),
        (["check", "-o", "taken"], 6, "taken"),
        (["bench", "--runs", "0"], 2, "0 is not in the range"),
        (["say", "x", "-o", ""], 2, "-o needs the name of a file"),
        (["bench", "--engine", "nobody"], 2, "engine 'nobody' is not known"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)  # fmt: skip
def test_refuses_with_a_reason_and_a_code(shell, tmp_path, arguments, code, told):
    (tmp_path / "taken").write_text("a file")
    finished = shell.run(*arguments)
    assert told in words(finished) + finished.stdout.decode()
    assert finished.returncode == code
    assert "Traceback" not in words(finished)
    assert not list(tmp_path.glob("*.wav"))


def test_prints_what_a_terminal_without_unicode_can_show(shell):
    shell.variables |= {"PYTHONIOENCODING": "latin-1"}
    finished = shell.run("say", "x", "--voice", "é日")
    assert finished.returncode == 2
    assert "voice 'é?' is not known" in finished.stderr.decode("latin-1")
    assert json.loads(shell.run("say", "été 日", "--json").stdout.decode("ascii"))["path"] == "ete.wav"


def test_lists_the_engines(shell):
    finished = shell.run("engines")
    lines = finished.stdout.decode().splitlines()
    assert lines[0].split() == ["LEVEL", "ENGINE", "STATE", "VOICE", "DEVICE", "WHY", "WHAT", "TO", "DO"]
    assert lines[1].split()[:4] == ["1", "piper_native", "ready", "fr_FR-petit-low"]
    assert "\x1b" not in finished.stdout.decode()


def test_tells_why_an_engine_is_not_ready(shell, tmp_path):
    shell.variables |= {
        "PORTEVOIX_VOICES": str(tmp_path / "none"),
        "PORTEVOIX_BACKENDS__PIPER_CLI__ENABLED": "false",
    }
    rows = {row["engine"]: row for row in json.loads(shell.run("engines", "--json").stdout)}
    assert rows["piper_native"]["state"] == "unavailable"
    assert "fr_FR-siwis-medium" in rows["piper_native"]["why"]
    assert rows["piper_native"]["what_to_do"].startswith("Run `portevoix models get fr_FR-siwis-medium`")
    assert rows["piper_cli"]["state"] == "off"
    assert rows["sapi_french"]["state"] == "ready"


def test_lists_voices_of_a_language(shell):
    voices = json.loads(shell.run("voices", "--json", "--lang", "en").stdout)
    assert {"en_US-small-low", "en_US-duo-low"} <= {voice["name"] for voice in voices}
    assert all(voice["language"].startswith("en") or not voice["language"] for voice in voices)
    everybody = json.loads(shell.run("voices", "--json", "--all").stdout)
    assert "fr_FR-siwis-medium" in {voice["name"] for voice in everybody if not voice["is_installed"]}


def test_checks_every_engine(shell, tmp_path):
    finished = shell.run("check", "--json", "-o", "heard")
    assert finished.returncode == 0, words(finished)
    rows = {row["tried"]: row for row in json.loads(finished.stdout)}
    assert rows["silent_emergency"].pop("verdict") == "silent as meant"
    for name in ("piper_native", "piper_cli", "sapi_french"):
        assert rows[name]["verdict"] == "audible"
        assert rows[name]["spoke"] == name
        assert rows[name]["real_time_factor"] > 0
        assert is_audible(samples_of(tmp_path / rows[name]["file"]))


@pytest.fixture
def alarms(shell):
    """Return the alarms that a real webhook, which the program is told of, has got."""
    got = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        silence = "PORTEVOIX_BACKENDS__SILENT_EMERGENCY__"
        url = f"http://127.0.0.1:{server.server_port}/alarm"
        shell.variables |= {f"{silence}ALERT_WEBHOOK": url, f"{silence}ALLOW_PRIVATE_WEBHOOK": "true"}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield got
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("option", "verdict", "events"), [((), "reachable", []), (("--ring",), "rang", ["alert.tested"])]
)
def test_a_check_pages_nobody_unless_it_is_to_ring(shell, alarms, option, verdict, events):
    finished = shell.run("check", "--json", "-o", "heard", *option)
    assert finished.returncode == 0, words(finished)
    rows = {row["tried"]: row for row in json.loads(finished.stdout)}
    assert (rows["silent_emergency"]["verdict"], rows["alarm"]["verdict"]) == ("silent as meant", verdict)
    assert [alarm["event"] for alarm in alarms] == events


def test_a_check_fails_when_an_alarm_would_not_arrive(shell):
    shell.variables["PORTEVOIX_BACKENDS__SILENT_EMERGENCY__ALERT_WEBHOOK"] = "http://127.0.0.1:9/"
    finished = shell.run("check", "--json")
    assert finished.returncode == 5
    assert json.loads(finished.stdout)[-1]["verdict"] == "FAILED"


def test_shows_who_speaks_when_levels_are_switched_off(shell):
    finished = shell.run("check", "--fallback", "--json")
    assert finished.returncode == 0, words(finished)
    spoke = [row["spoke"] for row in json.loads(finished.stdout)]
    assert spoke == ["piper_native", "piper_cli", "sapi_french", "silent_emergency"]


def test_check_fails_when_nothing_can_be_heard(shell):
    for name in ("PIPER_NATIVE", "PIPER_CLI", "SAPI_FRENCH"):
        shell.variables[f"PORTEVOIX_BACKENDS__{name}__ENABLED"] = "false"
    assert shell.run("check").returncode == 5


def test_measures(shell):
    rows = json.loads(shell.run("bench", "--runs", "3", "--json").stdout)
    assert [row["text"] for row in rows] == ["short", "medium", "long"]
    for row in rows:
        first, whole = row["first_audio_ms"], row["total_ms"]
        assert 0 < first["min"] <= first["median"] <= first["p95"] <= first["max"]
        assert 0 < whole["min"] <= whole["median"] <= whole["p95"] <= whole["max"]
        assert row["spoken_by"] == ["piper_native"]
        assert row["failures"] == 0


def test_measures_engines_alone(shell):
    finished = shell.run("bench", "--runs", "1", "--each", "--text", "Bonjour.")
    assert [line.split()[0] for line in finished.stdout.decode().splitlines()[1:]] == [
        "piper_native", "piper_cli", "sapi_french",
    ]  # fmt: skip


def test_measuring_fails_when_nothing_is_spoken(shell):
    finished = shell.run("bench", "--runs", "1", "--text", "")
    assert finished.returncode == 5
    assert "the text is empty" in finished.stdout.decode()


def test_names_every_problem_of_a_configuration(shell, tmp_path):
    (tmp_path / "wrong.yaml").write_text("cache:\n  max_size_mb: lots\n  enbled: true\nadvanced:\n  async_workers: 0\n")
    finished = shell.run("config", "check", "wrong.yaml")
    assert finished.returncode == 3
    lines = finished.stdout.decode().splitlines()
    assert [line.split(": ")[0] for line in lines] == ["wrong.yaml:2", "wrong.yaml:3", "wrong.yaml:5"]
    assert "Did you mean 'enabled'?" in lines[1]
    assert "wrong.yaml: 2 errors, 1 warning" in words(finished)
    problems = json.loads(shell.run("config", "check", "wrong.yaml", "--json").stdout)["problems"]
    assert [problem["line"] for problem in problems] == [2, 3, 5]


def test_warnings_alone_are_no_failure(shell, tmp_path):
    (tmp_path / "odd.yaml").write_text("cach: {}\n")
    assert shell.run("config", "check", "odd.yaml").returncode == 0
    finished = shell.run("--config", "odd.yaml", "say", "Bonjour")
    assert finished.returncode == 0
    assert "Warning: odd.yaml:1" in words(finished)


def test_shows_what_is_in_force_and_where_it_came_from(shell, tmp_path):
    (tmp_path / "own.yaml").write_text("cache:\n  max_size_mb: 50\n")
    shell.variables["PORTEVOIX_CACHE__TTL_SECONDS"] = "60"
    rows = {row["key"]: row for row in json.loads(shell.run("--config", "own.yaml", "config", "show", "--json").stdout)}
    assert rows["cache.max_size_mb"] == {"key": "cache.max_size_mb", "value": 50.0, "origin": "own.yaml:2"}
    assert rows["cache.ttl_seconds"]["origin"] == "PORTEVOIX_CACHE__TTL_SECONDS"
    assert rows["cache.enabled"]["origin"] == "default"
    table = shell.run("config", "show", "--origin", "--config", "own.yaml").stdout.decode()
    assert "own.yaml:2" in table


def test_examines_the_machine(shell):
    finished = shell.run("doctor", "--json")
    findings = {finding["topic"]: finding for finding in json.loads(finished.stdout)}
    assert finished.returncode == 0
    assert "piper_native, piper_cli" in findings["engines"]["fact"]
    assert findings["sound"]["verdict"] == "warn"
    assert "fr_FR-petit-low" in findings["voices"]["fact"]


def test_doctor_says_what_is_bad(shell, tmp_path):
    (tmp_path / "file").write_text("")
    shell.variables["XDG_CACHE_HOME"] = str(tmp_path / "file" / "cache")
    finished = shell.run("doctor")
    assert finished.returncode == 6
    assert "BAD   cache folder" in finished.stdout.decode()


def test_tells_its_version(shell):
    assert shell.run("--version").stdout.startswith(b"portevoix 0.")


def test_logs_as_json_when_asked(shell):
    finished = shell.run("say", "Bonjour", "-o", "out.wav", "-v", "--log-format", "json")
    events = [json.loads(line)["event"] for line in words(finished).splitlines() if line.startswith("{")]
    assert "speech.ended" in events
    assert "onjour" not in "".join(line for line in words(finished).splitlines() if line.startswith("{"))


def test_works_without_standard_streams(shell, tmp_path):
    command = 'exec "$0" -m portevoix say Bonjour -o out.wav <&- >&- 2>&-'
    finished = subprocess.run(["/bin/sh", "-c", command, shell.command()[0]], cwd=tmp_path, env=shell.environ)  # noqa: PLW1510
    assert finished.returncode == 0
    assert is_audible(samples_of(tmp_path / "out.wav"))


def test_serves_until_it_is_stopped(shell):
    process = shell.start("serve", "--port", "0", stderr=subprocess.PIPE)
    for line in process.stderr:
        if b"Portevoix" in line:
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest


def test_tells_of_a_port_in_use(shell):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        finished = shell.run("serve", "--port", taken.getsockname()[1])
    assert finished.returncode == 6
    assert "another program does" in words(finished)
    assert "Hint: Stop it, or choose another port" in words(finished)
