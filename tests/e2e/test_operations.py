"""Operating a server: clients that take nothing, stops, one server after another, keys, configurations."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from tests.e2e.command_line import CommandLine
from tests.e2e.test_serve import process, running
from tests.scripted import kind
from tests.served import SILENT, make_app, served
from tests.waiting import until

WORDS = "mot " * 2000
ORDER = {"model": "tts-1", "voice": "alpha-en", "response_format": "pcm"}


def request(port: int, text: str) -> bytes:
    body = json.dumps({**ORDER, "input": text}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def narrow(port: int) -> socket.socket:
    """Return a connection that takes little before somebody must read it."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.settimeout(60)
    return connection


def test_a_client_that_takes_nothing_is_cut_off_and_frees_its_turn():
    app = make_app(kind("alpha"), SILENT, server={"send_timeout_seconds": 0.5, "max_concurrent_requests": 1},
                   max_text_length=0)  # fmt: skip
    with served(app) as server, narrow(server.port) as connection:
        connection.sendall(request(server.port, WORDS))
        until(lambda: server.queue.running == 1)
        until(lambda: server.queue.running == 0)
        answer = httpx.post(f"{server.url}/v1/audio/speech", json={**ORDER, "input": "mot"}, timeout=60)
        assert answer.status_code == 200
        with pytest.raises(ConnectionResetError):
            while connection.recv(65_536):
                pass
            raise AssertionError("the connection ended as if all had been said")


def test_a_socket_that_takes_nothing_is_cut_off_and_frees_its_turn():
    app = make_app(kind("alpha"), SILENT, server={"send_timeout_seconds": 0.5, "max_concurrent_requests": 1},
                   max_text_length=0)  # fmt: skip
    with served(app) as server, narrow(server.port) as connection:
        url = f"ws://127.0.0.1:{server.port}/v1/text-to-speech/alpha-en/multi-stream-input?output_format=pcm_44100"
        with connect(url, sock=connection, max_queue=1, close_timeout=1) as talk:
            talk.send(json.dumps({"text": WORDS, "context_id": "a", "flush": True}))
            until(lambda: server.queue.running == 1)
            until(lambda: server.queue.running == 0)
            answer = httpx.post(f"{server.url}/v1/audio/speech", json={**ORDER, "input": "mot"}, timeout=60)
            assert answer.status_code == 200


def test_a_stop_lets_a_socket_finish_what_is_spoken_and_sends_idle_ones_away():
    words = 40
    with running(0.02) as server:
        path = "/v1/text-to-speech/alpha-en/multi-stream-input?output_format=pcm_16000"
        place = server.url.replace("http", "ws") + path
        with connect(place) as idle, connect(place) as busy:
            idle.send(json.dumps({"text": " ", "context_id": "a"}))
            busy.send(json.dumps({"text": "mot " * words, "context_id": "a", "flush": True}))
            first = json.loads(busy.recv(60))
            server.popen.send_signal(signal.SIGTERM)
            server.until("server.stopping")
            messages, code = [first], None
            try:
                while True:
                    messages.append(json.loads(busy.recv(60)))
            except websockets.ConnectionClosed as closed:
                code = closed.rcvd.code
            with pytest.raises(websockets.ConnectionClosed) as sent_away:
                idle.recv(60)
        assert code == sent_away.value.rcvd.code == 1012
        size = sum(len(message.get("audio", "")) * 3 // 4 for message in messages)
        assert size == pytest.approx(words * 0.15 * 16_000 * 2, rel=0.02)
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.lines)


def test_a_stop_does_not_wait_for_a_console():
    with running() as server, httpx.stream("GET", f"{server.url}/api/events", timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("event: ")
        with httpx.stream("GET", f"{server.url}/api/models/events", timeout=60) as models:
            server.popen.send_signal(signal.SIGTERM)
            assert not [line for line in models.iter_lines() if line.startswith("data")]
        assert not [line for line in lines if line.startswith("event: missed")]
        assert server.end() == 0


def test_a_server_that_stops_says_so_to_who_comes_on_an_open_connection():
    with running(0.05) as server, socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as late:
        late.settimeout(60)
        late.sendall(request(int(server.url.rpartition(":")[2]), "mot " * 40)[:-10])  # under way when the stop comes
        with httpx.stream("POST", f"{server.url}/v1/audio/speech", json={**ORDER, "input": "mot " * 40}) as answer:
            next(answer.iter_raw())
            server.popen.send_signal(signal.SIGTERM)
            server.until("server.stopping")
            late.sendall(request(0, "mot " * 40)[-10:])
            assert late.recv(65_536).startswith(b"HTTP/1.1 503")
        assert server.end() == 0


@contextmanager
def hammering(clients: int, asking):
    """Ask from several clients at once until the context ends or one fails; `asking` gives what asks for a text."""
    is_over = threading.Event()
    outcomes: list[object] = []

    def hammer(number: int) -> None:
        with asking() as ask:
            count = 0
            while not is_over.is_set():
                count += 1
                try:
                    outcomes.append(ask(f"mot {number} {count}"))
                except (httpx.HTTPError, OSError) as error:
                    outcomes.append(repr(error))
                    is_over.set()

    with ThreadPoolExecutor(clients) as pool:
        work = [pool.submit(hammer, number) for number in range(clients)]
        try:
            yield outcomes
        finally:
            is_over.set()
        for one in work:
            one.result()


@contextmanager
def over_http(url: str):
    """Ask on a connection that is kept."""
    with httpx.Client(timeout=60) as client:

        def ask(text: str) -> tuple[int, bool]:
            answer = client.post(f"{url}/v1/audio/speech", json={**ORDER, "input": text})
            return answer.status_code, len(answer.content) > 0

        yield ask


@pytest.mark.timeout(400)
def test_one_server_follows_another_on_its_port_without_losing_a_request():
    shares = ("server.reuse_port=true", 'monitoring.log_level="ERROR"')  # nobody reads the log meanwhile
    with ExitStack() as servers:
        current = servers.enter_context(running(0.005, *shares))
        url = current.url
        with hammering(8, lambda: over_http(url)) as outcomes:
            until(lambda: len(outcomes) > 20)
            for _ in range(3):
                following = servers.enter_context(process(url.rpartition(":")[2], "0.005", *shares))
                following.until("portevoix say")
                current.popen.send_signal(signal.SIGTERM)
                assert current.end() == 0
                assert set(outcomes) == {(200, True)}
                before, current = len(outcomes), following
                until(lambda before=before: len(outcomes) > before + 20)
        assert set(outcomes) == {(200, True)}


def synthesize(port: int, text: str) -> tuple[str, ...]:
    """Return the kinds of events that a Wyoming client gets for a text, on a connection of its own."""
    asked = {"type": "synthesize", "data": {"text": text, "voice": {"name": "alpha-en"}}}
    kinds = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rwb") as line:
        line.write(json.dumps(asked).encode() + b"\n")
        line.flush()
        while head := line.readline():
            event = json.loads(head)
            line.read(event.get("data_length", 0) + event.get("payload_length", 0))
            kinds.append(event["type"])
            if kinds[-1] == "audio-stop":
                break
    return (*dict.fromkeys(kinds),)


@pytest.mark.timeout(400)
def test_one_server_follows_another_on_its_wyoming_port_without_losing_a_text():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wyoming_port = free.getsockname()[1]
    shares = ("server.reuse_port=true", 'monitoring.log_level="ERROR"', "wyoming.enabled=true",
              f"wyoming.port={wyoming_port}")  # fmt: skip
    with ExitStack() as servers:
        current = servers.enter_context(running(0.005, *shares))
        port = current.url.rpartition(":")[2]
        with hammering(8, lambda: nullcontext(partial(synthesize, wyoming_port))) as outcomes:
            until(lambda: len(outcomes) > 20)
            for _ in range(3):
                following = servers.enter_context(process(port, "0.005", *shares))
                following.until("portevoix say")
                current.popen.send_signal(signal.SIGTERM)
                assert current.end() == 0
                assert set(outcomes) == {("audio-start", "audio-chunk", "audio-stop")}
                before, current = len(outcomes), following
                until(lambda before=before: len(outcomes) > before + 20)
        assert set(outcomes) == {("audio-start", "audio-chunk", "audio-stop")}


class Real:
    """The program itself: a server on a free port, and commands, in a folder of their own."""

    def __init__(self, folder) -> None:
        folder.mkdir(exist_ok=True)
        self.line = CommandLine(folder)
        self.folder = folder
        self.url = ""

    @contextmanager
    def serving(self, *arguments):
        popen = self.line.start("serve", "--port", "0", *arguments, stderr=subprocess.PIPE, text=True)
        try:
            for text in popen.stderr:
                if found := re.search(r"^  page     (\S+)/$", text):
                    self.url = found.group(1)
                if "portevoix say" in text:
                    break
            drain = threading.Thread(target=popen.stderr.read)
            drain.start()
            yield self
        finally:
            popen.terminate()
            assert popen.wait(60) == 0
            drain.join()
            popen.stderr.close()

    def run(self, *arguments, code: int = 0):
        done = self.line.run(*arguments)
        assert done.returncode == code, done.stderr.decode()
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.mark.timeout(400)
def test_keys_from_the_command_line(tmp_path):
    real = Real(tmp_path)
    with real.serving():
        assert httpx.get(f"{real.url}/api/status").status_code == 200
        made = real.json("keys", "create", "assistant", "--scope", "speak", "--requests-per-minute", "1000")
        assert httpx.get(f"{real.url}/api/status").status_code == 401
        headers = {"Authorization": f"Bearer {made['secret']}"}
        assert httpx.get(f"{real.url}/api/status", headers=headers).status_code == 200
        admin = real.run("keys", "create", "me", "--scope", "admin").stdout.decode().strip()
        (first, second) = real.json("keys", "list")
        assert (first["name"], first["scopes"], second["name"]) == ("assistant", ["speak"], "me")
        assert made["secret"] not in real.run("keys", "list").stdout.decode()
        real.run("keys", "revoke", first["id"])
        assert httpx.get(f"{real.url}/api/status", headers=headers).status_code == 401
        assert real.run("config", "history", "--url", real.url, code=1).stderr.decode().count("key") > 0
        assert real.json("config", "history", "--url", real.url, "--key", admin)["in_force"] == 1
        real.run("keys", "revoke", "nobody", code=2)
        real.run("keys", "create", "x", "--scope", "everything", code=2)


@pytest.mark.timeout(400)
def test_without_keys_nobody_listens_to_the_network_by_accident(tmp_path):
    real = Real(tmp_path)
    refused = real.run("serve", "--host", "0.0.0.0", "--port", "0", code=6)
    assert "portevoix keys create" in refused.stderr.decode()
    with real.serving("--host", "0.0.0.0", "--allow-anyone"):
        assert httpx.get(f"{real.url}/health/live").status_code == 200
    real.run("keys", "create", "a", "--scope", "speak")
    with real.serving("--host", "0.0.0.0"):
        assert httpx.get(f"{real.url}/api/status").status_code == 401


@pytest.mark.timeout(400)
def test_a_configuration_from_the_command_line_and_over_a_restart(tmp_path):
    real = Real(tmp_path)
    start = tmp_path / "tts.yaml"
    start.write_text("models: {offline: true}\ncache: {ttl_seconds: 11}\n")
    new = tmp_path / "new.yaml"
    new.write_text("models: {offline: true}\ncache: {ttl_seconds: 22}\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text("cache: {ttl_seconds: long, max_size_mb: [1]}\n")

    def seconds() -> float:
        rows = httpx.get(f"{real.url}/api/config").json()["settings"]
        return next(row["value"] for row in rows if row["key"] == "cache.ttl_seconds")

    with real.serving("--config", start):
        assert seconds() == 11
        tried = real.run("config", "apply", new, "--dry-run", "--url", real.url)
        assert b"piper_native" in tried.stdout
        assert seconds() == 11
        refused = real.run("config", "apply", bad, "--url", real.url, code=3)
        assert refused.stdout.decode().count("bad.yaml:1") == 2
        real.run("config", "apply", new, "--url", real.url)
        assert seconds() == 22
    with real.serving("--config", start):
        assert seconds() == 22, "it outlives the server"
        real.run("config", "rollback", "--url", real.url)
        assert seconds() == 11
        records = real.json("config", "history", "--url", real.url)
        assert (records["in_force"], [one["id"] for one in records["configurations"]]) == (1, [2, 1])
        real.run("config", "rollback", "--url", real.url, code=1)
        real.run("config", "rollback", "--to", 2, "--url", real.url)
        assert seconds() == 22
    start.write_text("models: {offline: true}\ncache: {ttl_seconds: 33}\n")
    with real.serving("--config", start):
        assert seconds() == 33, "a file that was changed has the last word"
        real.run("config", "rollback", "--url", real.url)
        assert seconds() == 22
    no_server = real.run("config", "rollback", "--url", "http://127.0.0.1:9", code=6)
    assert b"no server answers" in no_server.stderr
