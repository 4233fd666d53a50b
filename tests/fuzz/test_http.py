"""Everything that the OpenAPI description allows, and much that it does not, over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzzing import throw_at

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".clients" / "schemathesis" / "bin" / "schemathesis"
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
          "response_headers_conformance", "unsupported_method")  # fmt: skip
LEFT_OUT = "events$|^/audio/|^/models"
"""What has no end, and what is answered by the same code as a path that is asked."""

ENDLESS = ("/api/events", "/api/models/events", "/api/rooms/events")
ANSWER_SECONDS = 120


@pytest.mark.timeout(1800)
def test_what_the_description_tells_and_what_it_forbids(unharmed, examples, tmp_path):
    if not PROGRAM.exists():
        pytest.fail("schemathesis is not installed for the tests. Run: make setup-clients")
    command = [
        str(PROGRAM), "--config-file", str(Path(__file__).with_name("schemathesis.toml")), "run",
        f"{unharmed.url}/openapi.json", "--phases", "coverage,fuzzing", "--max-examples", str(examples),
        "--exclude-path-regex", LEFT_OUT,
        "--checks", ",".join(CHECKS), "--request-timeout", str(ANSWER_SECONDS),
        "--generation-deterministic", "--no-shrink", "--no-color",
        "--suppress-health-check", "all", "--warnings", "off",
    ]  # fmt: skip
    told = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=1700,
                          env={**os.environ, "PYTHONPATH": ""})  # fmt: skip
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr[-2000:]


def test_whoever_follows_events_and_leaves(unharmed, examples):
    for _ in range(examples):
        for path in ENDLESS:
            with httpx.stream("GET", unharmed.url + path, timeout=ANSWER_SECONDS) as answer:
                assert answer.status_code == 200
                if path == "/api/events":
                    assert next(answer.iter_raw())


requests = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda method, path, headers, body: method + b" " + path + b" HTTP/1.1\r\n" + headers + b"\r\n\r\n" + body,
        st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"get", b"\xff"]),
        st.sampled_from([b"/", b"/v1/audio/speech", b"/api/status", b"/../../etc/passwd", b"*", b"//", b"/%00", b"/%ff",
                         b"http://else.where/", b"/translate/speech/x", b"/console/..%2f..%2fapp.py"]),
        st.sampled_from([b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nContent-Length: 5", b"Host: evil.example", b"",
                         b"Host: 127.0.0.1\r\nContent-Length: -5", b"Host: 127.0.0.1\r\nTransfer-Encoding: chunked",
                         b"Host: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
                         b"Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: upgrade", b"Host\0: x", b"A: \xff\xfe",
                         b"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9999999999"]),
        st.binary(max_size=60) | st.sampled_from([b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\n", b"{}"]),
    ),
)  # fmt: skip


def test_random_bytes_end_in_an_answer_or_a_closed_connection(unharmed, examples):
    @settings(max_examples=10 * examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(requests)
    @example(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 3)
    def throw(content):
        with socket.create_connection(("127.0.0.1", unharmed.port), timeout=ANSWER_SECONDS) as connection:
            throw_at(connection, content)

    throw()
    assert httpx.get(f"{unharmed.url}/health/live").status_code == 200
