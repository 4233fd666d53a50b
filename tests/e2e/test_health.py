"""`portevoix health` against real servers, as a container engine calls it."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from portevoix.engine import Phase
from tests.e2e.command_line import CommandLine
from tests.scripted import kind
from tests.served import SILENT, make_app, served


@pytest.fixture
def line(tmp_path):
    return CommandLine(tmp_path)


def test_a_server_that_can_be_heard_is_well(line):
    with served(make_app(kind("alpha"), SILENT)) as server:
        for arguments in (["--url", server.url], ["--url", f"{server.url}/", "--live"]):
            assert line.run("health", *arguments).returncode == 0
        told = line.run("health", "--url", server.url)
    assert told.stdout == b"ready: alpha\n"
    assert told.stderr == b""


def test_it_asks_where_the_configuration_says_that_the_server_is(tmp_path):
    with served(make_app(kind("alpha"))) as server:
        places = {"PORTEVOIX_SERVER__HOST": "0.0.0.0", "PORTEVOIX_SERVER__PORT": str(server.port)}
        assert CommandLine(tmp_path, places).run("health").stdout == b"ready: alpha\n"


def test_silence_alone_lives_but_is_not_well(line):
    with served(make_app(kind("alpha", phase=Phase.UNAVAILABLE), SILENT)) as server:
        sick = line.run("health", "--url", server.url)
        alive = line.run("health", "--live", "--url", server.url)
    assert (sick.returncode, sick.stdout) == (1, b"")
    assert sick.stderr == b"not ready: alpha is unavailable\n"
    assert (alive.returncode, alive.stdout) == (0, b"alive\n")


def test_nobody_there_is_told_at_once(line):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        told = line.run("health", "--url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert told.returncode == 1
    assert b"not answering" in told.stderr
    assert b"Traceback" not in told.stderr


def test_a_server_that_hangs_is_given_up(line):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        told = line.run("health", "--timeout", "0.2", "--url", f"http://127.0.0.1:{deaf.getsockname()[1]}")
    assert told.returncode == 1
    assert b"timed out" in told.stderr


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b""])
def test_another_server_is_not_taken_for_it(line, body):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        told = line.run("health", "--url", f"http://127.0.0.1:{server.server_port}")
    assert told.returncode == 1


@pytest.mark.parametrize("url", ["nowhere", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port"])
def test_what_is_no_address_is_a_mistake_of_the_caller(line, url):
    told = line.run("health", "--url", url)
    assert told.returncode in (1, 2)
    assert b"Traceback" not in told.stderr
    assert told.stderr
