"""Programs that people already run, unmodified, each in an environment of its own, against a started server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from tests.scripted import hear_words, kind
from tests.served import SILENT, make_app, served

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
ENVIRONMENTS = ROOT / ".clients"
TEXT = "One two three four five six. Seven eight nine ten."
WORDS = TEXT.split()
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}

OPENAI = {"whole.mp3", "whole.opus", "whole.aac", "whole.flac", "whole.wav", "streamed.s16", "async.wav"}
EXPECTED = {
    ("openai", "openai_client.py"): OPENAI,
    ("openai1", "openai_client.py"): OPENAI,
    ("litellm", "litellm_client.py"): {"default.mp3", "whole.wav", "async.flac"},
    ("livekit", "livekit_client.py"): {
        "openai-tts-1.wav", "openai-gpt-4o-mini-tts.wav", "elevenlabs-whole.wav", "elevenlabs-pieces.wav",
    },
    ("pipecat", "pipecat_client.py"): {"openai.wav", "elevenlabs.wav"},
    ("elevenlabs", "elevenlabs_client.py"): {"whole.mp3", "streamed.s16", "pieces.s16", "timed.s16", "lines.s16"},
    ("wyoming", "wyoming_client.py"): {"whole.16000.s16", "pieces.16000.s16"},
    ("node", "npm_client.mjs"): {
        "openai.mp3", "openai.s16", "elevenlabs.mp3", "elevenlabs.s16", "timed.s16", "lines.s16",
    },
}  # fmt: skip
"""What each client leaves behind, by its environment and script."""


@pytest.fixture(scope="module")
def wyoming_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server(wyoming_port):
    with served(make_app(kind("alpha"), SILENT, wyoming={"enabled": True, "port": wyoming_port})) as running:
        yield running


@pytest.mark.parametrize(("environment", "script"), sorted(EXPECTED), ids=[name for name, _ in sorted(EXPECTED)])
@pytest.mark.timeout(300)
def test_a_client_hears_every_word_once(server, wyoming_port, environment, script, tmp_path):
    url = f"tcp://127.0.0.1:{wyoming_port}" if environment == "wyoming" else server.url
    _run(environment, script, url, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert {file.name for file in files} == EXPECTED[environment, script]
    for file in files:
        assert _words(file) == WORDS, file.name


@pytest.fixture(scope="module")
def clips(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    _run("openai", "openai_client.py", server.url, folder)
    return folder


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "aac", "flac"])
def test_ffprobe_finds_one_sound_and_no_error(clips, name):
    if (program := shutil.which("ffprobe")) is None:
        pytest.fail("ffprobe is not here. On Debian and Ubuntu: apt install ffmpeg")
    told = subprocess.run(
        [program, "-v", "error", "-show_entries", "stream=codec_type,channels", "-of", "csv=p=0",
         str(clips / f"whole.{name}")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert (told.stdout.strip(), told.stderr.strip()) == ("audio,1", "")


def test_the_standard_library_reads_the_sizes_of_a_clip(clips):
    with wave.open(str(clips / "whole.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert len(file.readframes(file.getnframes())) == 2 * file.getnframes()


def _run(environment: str, script: str, url: str, folder: Path) -> None:
    home = ENVIRONMENTS / environment
    program = home / "bin" / ("node" if script.endswith(".mjs") else "python")
    if not program.exists():
        pytest.fail(f"{environment} is not installed for the tests. Run: make setup-clients")
    command = [str(program), str(CLIENTS / script), url, str(folder), TEXT]
    surroundings = {**os.environ, **QUIET}
    told = subprocess.run(command, check=False, capture_output=True, text=True, env=surroundings, cwd=home, timeout=240)
    assert told.returncode == 0, told.stderr[-3000:] + told.stdout[-1000:]


def _words(file: Path) -> list[str]:
    samples, rate = _raw(file) if file.suffix == ".s16" else _decoded(file)
    return hear_words(samples, rate, WORDS)


def _raw(file: Path) -> tuple[np.ndarray, int]:
    rate = int(file.stem.partition(".")[2] or 24_000)
    return np.frombuffer(file.read_bytes(), "<i2").astype(np.float32) / 32768, rate


def _decoded(file: Path) -> tuple[np.ndarray, int]:
    with av.open(str(file)) as container:
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler("flt", "mono", rate)
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]), rate
