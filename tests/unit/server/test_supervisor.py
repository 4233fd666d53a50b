from __future__ import annotations

import os
import socket

import pytest

from portevoix.server.supervisor import Supervisor


@pytest.fixture
def line(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def heard(line: socket.socket) -> list[bytes]:
    said = []
    while True:
        try:
            said.append(line.recv(100))
        except BlockingIOError:
            return said


def test_says_when_it_is_ready_lives_and_stops(line, tmp_path):
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
    supervisor.ready()
    supervisor.beat()
    supervisor.stopping()
    assert heard(line) == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}])
def test_beats_only_where_they_are_expected_of_it(line, tmp_path, environ):
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "notify"), **environ}).beat()
    assert heard(line) == []


def test_beats_when_they_are_expected_of_this_process(line, tmp_path):
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1", "WATCHDOG_PID": str(os.getpid())}
    Supervisor(environ).beat()
    assert heard(line) == [b"WATCHDOG=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_who_listens_is_no_trouble(address):
    Supervisor({"NOTIFY_SOCKET": address}).ready()


@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="abstract sockets are Linux's")
def test_finds_an_abstract_socket():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0portevoix-test-{os.getpid()}")
        listener.setblocking(False)
        Supervisor({"NOTIFY_SOCKET": f"@portevoix-test-{os.getpid()}"}).ready()
        assert heard(listener) == [b"READY=1"]
