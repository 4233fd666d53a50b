"""Translation and its speech through real sockets, with a real network, real pipelines and the system's real voice."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import subprocess
import sys
import wave
from dataclasses import replace

import av
import httpx
import pytest

from portevoix.config import load
from portevoix.config.loading import Loaded
from portevoix.registry import installed_engines
from tests.scripted import kind
from tests.served import make_app, served
from tests.translating import (
    MODEL,
    ScriptedTranslation,
    failure,
    fixture_app,
    needs_apertium,
    translator_of,
    with_translator,
)

TEXT = "Hello. The black cat sleeps in the house. The train leaves at noon."
TRANSLATED = "Bonjour. Le chat noir dort dans la maison. Le train part à midi."


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give a server with everything that is installed, and the small model."""
    environment = {"HOME": "/nonexistent", "PORTEVOIX_CACHE__DISK_ENABLED": "false", "HF_HUB_OFFLINE": "1"}
    loaded = load(None, environment, installed_engines())
    models = replace(loaded.settings.models, offline=True)
    folder = tmp_path_factory.mktemp("data")
    with served(fixture_app(Loaded(replace(loaded.settings, models=models)), folder)) as running:
        yield running


def post(server, **fields):
    accept = {"accept": fields.pop("accept")} if "accept" in fields else {}
    order = {"text": TEXT, "source_lang": "auto", "target_lang": "fr", **fields}
    return httpx.post(f"{server.url}/translate", json=order, headers=accept, timeout=60)


def test_a_real_network_answers_and_its_speech_is_in_a_french_voice(server):
    told = post(server, enable_tts=True).json()
    assert told["translated_text"] == TRANSLATED
    assert (told["engine"], told["source_lang"], told["chain"]) == ("ctranslate2", "en", ["en", "fr"])
    voices = {voice["id"]: voice for voice in httpx.get(f"{server.url}/api/voices").json()["voices"]}
    assert voices[told["speech"]["voice"]]["language"].startswith("fr")
    with wave.open(io.BytesIO(base64.b64decode(told["speech"]["audio"]))) as file:
        assert 1.0 < file.getnframes() / file.getframerate() < 20.0


def test_streamed_speech_is_a_file_that_players_read(server):
    answer = post(server, accept="audio/*", output_format="mp3", message_id="42")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["x-translation-chain"] == "en>fr"
    assert answer.headers["x-message-id"] == "42"
    with av.open(io.BytesIO(answer.content)) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) > file.streams.audio[0].rate


@needs_apertium
def test_apertium_answers_by_way_of_a_third_language_and_says_so(server):
    told = post(server, text="La maison est blanche.", target_lang="en").json()
    assert told["translated_text"] == "The house is white."
    assert (told["engine"], told["chain"]) == ("apertium", ["fr", "es", "en"])
    assert told["pivoted"]
    assert told["rule_based"]


@needs_apertium
def test_the_languages_are_those_that_work(server):
    told = httpx.get(f"{server.url}/translate/languages", timeout=60).json()
    pairs = {(pair["source_lang"], pair["target_lang"]): pair["engine"] for pair in told["pairs"]}
    assert pairs["en", "fr"] == "ctranslate2"
    assert pairs["fr", "en"] == pairs["en", "es"] == pairs["es", "fr"] == pairs["fr", "es"] == "apertium"


def test_a_stream_whose_translation_fails_is_cut():
    app = with_translator(make_app(kind("alpha")), translator_of(ScriptedTranslation(faults=[None, failure()])))
    with served(app) as running, pytest.raises(httpx.RemoteProtocolError):
        post(running, stream=True, source_lang="en")


def test_a_client_that_leaves_ends_the_translation():
    cancelled = asyncio.Event()

    async def wait(_):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    engine = ScriptedTranslation(before=wait)
    app = with_translator(make_app(kind("alpha")), translator_of(engine))
    body = json.dumps({"text": TEXT, "source_lang": "en", "target_lang": "fr"}).encode()
    lines = ["POST /translate HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode()
    with served(app) as running:
        with socket.create_connection(("127.0.0.1", running.port), 20) as connection:
            connection.sendall(head + body)
            while not engine.asked:
                assert httpx.get(f"{running.url}/health/live", timeout=20).status_code == 200
        while not cancelled.is_set():
            assert httpx.get(f"{running.url}/health/live", timeout=20).status_code == 200
        assert engine.cancelled == 1


@pytest.fixture
def command(tmp_path):
    """Give a function that runs the program with the small model."""
    engines = json.dumps({"ctranslate2": {"folder": str(MODEL.parent)}})
    environment = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "PORTEVOIX_DATA_FOLDER": str(tmp_path),
                   "PORTEVOIX_TRANSLATION__ENGINES": engines, "PORTEVOIX_CACHE__DISK_ENABLED": "false"}  # fmt: skip

    def run(*arguments, text=None):
        return subprocess.run([sys.executable, "-m", "portevoix", "translate", *arguments], input=text, text=True,
                              capture_output=True, env=environment, timeout=100, check=False)  # fmt: skip

    return run


def test_the_command_line_translates(command):
    done = command("Hello.", "--to", "fr")
    assert (done.returncode, done.stdout) == (0, "Bonjour.\n")
    assert "ctranslate2 (opus-mt-en-fr): en > fr" in done.stderr


def test_the_command_line_reads_standard_input_and_tells_everything(command):
    done = command("-", "--to", "fr", "--json", text="Hello.\nThe train leaves at noon.\n")
    told = json.loads(done.stdout)
    assert told["text"] == "Bonjour.\nLe train part à midi."
    assert told["chain"] == ["en", "fr"]
    assert told["speech"] is None


def test_the_command_line_writes_the_speech(command, tmp_path):
    target = tmp_path / "out.wav"
    done = command("Hello.", "--to", "fr", "-o", str(target))
    assert (done.returncode, done.stdout) == (0, "Bonjour.\n")
    with wave.open(str(target)) as file:
        assert file.getnframes() > 0


def test_the_command_line_prints_the_translation_though_it_cannot_speak_it(command):
    done = command("Hello. The train leaves at noon.", "--to", "fr", "--say", "--voice", "nobody")
    assert (done.returncode, done.stdout) == (2, "Bonjour. Le train part à midi.\n")
    assert "voice 'nobody' is not known" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["Hello"], 2, "--to"),
        (["Hello", "--to", "klingon"], 2, "no language"),
        (["Hello", "--to", "en", "--from", "en"], 2, "both English"),
        (["xyzzy", "--to", "fr"], 2, "unknown"),
        (["Hello", "--to", "fr", "--json", "-o", "-"], 2, "standard output"),
        ([" ", "--to", "fr"], 2, "empty"),
    ],
)
def test_the_command_line_refuses_with_reasons(command, arguments, code, told):
    done = command(*arguments)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_lists_what_it_can(command):
    done = command("--list")
    assert done.returncode == 0
    assert ["en", "fr", "ctranslate2"] in [line.split()[:3] for line in done.stdout.splitlines()]
