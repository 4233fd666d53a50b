"""The server under a supervisor, as systemd starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


@pytest.fixture
def line(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_SECONDS)
        yield listener


def test_it_tells_when_it_is_ready_that_it_lives_and_that_it_stops(line, tmp_path):
    environ = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
    command = [sys.executable, "-m", "tests.serve_script", "0", "0.0"]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL) as server:
        try:
            assert line.recv(100) in (b"READY=1", b"WATCHDOG=1")
            said = {line.recv(100), line.recv(100), line.recv(100)}
            assert b"WATCHDOG=1" in said
            server.send_signal(signal.SIGTERM)
            while (word := line.recv(100)) != b"STOPPING=1":
                assert word in (b"READY=1", b"WATCHDOG=1")
            assert server.wait(PATIENCE_SECONDS) == 0
        finally:
            server.kill()
