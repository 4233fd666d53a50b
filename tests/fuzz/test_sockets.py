"""Random frames and bytes over the WebSockets and over Wyoming."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.fuzzing import throw_at

ANSWER_SECONDS = 120
PER_EXAMPLE = 12

scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
words = st.one_of(st.sampled_from([" ", "", "un deux. ", "Trois", "\n", "?!", "\0", "\ud800"]), values)


def event_of(*names: str):
    """Return objects with some fields that are known, of values that may be anything, and some that are not."""
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(names, words))
    return st.builds(dict.__or__, known, st.dictionaries(st.text(max_size=6), values))


spoken = event_of("text", "context_id", "flush", "close_context", "close_socket", "voice_settings", "xi_api_key")
frames = st.lists(
    st.one_of(spoken.map(json.dumps), values.map(json.dumps), st.text(max_size=50), st.binary(max_size=80)), max_size=8
)
queries = st.sampled_from([
    "", "?output_format=pcm_16000", "?auto_mode=true", "?sync_alignment=true&output_format=ulaw_8000",
    "?inactivity_timeout=0.01", "?inactivity_timeout=nan", "?output_format=%00", "?model_id=alpha&language_code=%ff",
])  # fmt: skip

wyoming_events = st.one_of(
    st.builds(
        lambda kind, data, extra: {"type": kind, "data": data, **extra},
        st.sampled_from(["describe", "ping", "synthesize", "synthesize-start", "synthesize-chunk", "synthesize-stop",
                         "audio-chunk", "info", ""]),
        event_of("text", "voice", "text_format") | values,
        st.fixed_dictionaries({}, optional={"data_length": st.integers(-2, 9) | values,
                                            "payload_length": st.integers(-2, 9) | values}),
    ).map(lambda event: json.dumps(event).encode() + b"\n"),
    st.binary(max_size=60),
    st.binary(max_size=30).map(lambda content: content + b"\n"),
)  # fmt: skip


def throwing(count: int, *strategies):
    """Return a decorator that runs a function with `count` values, the same ones each time."""
    quiet = settings(max_examples=count, derandomize=True, deadline=None, database=None,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    return lambda function: quiet(given(*strategies)(function))


@pytest.mark.parametrize("kind", ["stream-input", "multi-stream-input"])
def test_frames_end_in_words_or_in_a_closed_socket(unharmed, examples, kind):
    @throwing(PER_EXAMPLE * examples, frames, queries)
    def throw(content, query):
        url = f"ws://127.0.0.1:{unharmed.port}/v1/text-to-speech/alpha-en/{kind}{query}"
        try:
            with connect(url, open_timeout=ANSWER_SECONDS, close_timeout=ANSWER_SECONDS) as connection:
                for frame in content:
                    connection.send(frame)
                connection.send(json.dumps({"text": ""} if kind == "stream-input" else {"close_socket": True}))
                while True:
                    assert isinstance(json.loads(connection.recv(ANSWER_SECONDS)), dict)
        except (ConnectionClosed, InvalidStatus) as ended:
            assert "500" not in str(ended)

    throw()
    assert httpx.get(f"{unharmed.url}/health/live").status_code == 200


def test_bytes_in_place_of_frames_end_the_socket(unharmed, examples):
    opening = (
        f"GET /v1/text-to-speech/alpha-en/stream-input HTTP/1.1\r\nHost: 127.0.0.1:{unharmed.port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()

    @throwing(PER_EXAMPLE * examples, st.binary(max_size=300))
    @example(b"\x81\xfe\xff\xff")
    @example(b"\x89\x00" * 50)
    def throw(content):
        with socket.create_connection(("127.0.0.1", unharmed.port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(opening)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 101")
            throw_at(connection, content)

    throw()


def test_wyoming_events_and_bytes_end_in_answers_or_a_closed_connection(unharmed, examples):
    @throwing(2 * PER_EXAMPLE * examples, st.lists(wyoming_events, max_size=8).map(b"".join))
    @example(b'{"type": "describe"}\n' * 20)
    @example(b'{"type": "synthesize", "data": {"text": "un deux."}}\n' * 3)
    @example(b'{"type": "synthesize-start"}\n{"type": "synthesize-chunk", "data": {"text": "un')
    @example(b"{" * 100_000)
    def throw(content):
        with socket.create_connection(("127.0.0.1", unharmed.wyoming_port), timeout=ANSWER_SECONDS) as connection:
            throw_at(connection, content)

    throw()
    with socket.create_connection(("127.0.0.1", unharmed.wyoming_port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(b'{"type": "ping", "data": {"text": "still there"}}\n')
        assert b"pong" in connection.recv(65_536)
