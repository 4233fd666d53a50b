from __future__ import annotations

import logging

import pytest

from portevoix.errors import InvalidParameter
from portevoix.metrics import Metrics
from portevoix.server.run import _is_news
from portevoix.server.sockets import SocketJournal


async def serve(application, metrics: Metrics | None = None, **headers: str) -> list[dict]:
    """Return what a WebSocket's client is sent."""
    sent = []

    async def receive() -> dict:
        return {"type": "websocket.connect"}

    async def send(message: dict) -> None:
        sent.append(message)

    lines = [(name.encode(), value.encode()) for name, value in {"host": "127.0.0.1:8001", **headers}.items()]
    scope = {"type": "websocket", "path": "/x", "query_string": b"key=secret", "headers": lines, "extensions": {}}
    await SocketJournal(application, metrics=metrics)(scope, receive, send)
    return sent


async def welcome(scope, receive, send) -> None:
    await send({"type": "websocket.accept"})


@pytest.mark.parametrize("headers", [{}, {"origin": "http://127.0.0.1:8001"}])
async def test_programs_and_the_own_page_come_in(headers) -> None:
    assert await serve(welcome, **headers) == [{"type": "websocket.accept"}]


@pytest.mark.parametrize(
    "origin",
    [
        "https://elsewhere.example",
        "http://127.0.0.1:9999",
        "null",
        "",
        "http://127.0.0.1:8001.elsewhere.example",
        "http://[",
    ],
)
async def test_other_pages_do_not(origin) -> None:
    sent = await serve(welcome, origin=origin)
    assert sent[0]["status"] == 403


@pytest.mark.parametrize(("error", "status"), [(InvalidParameter("wrong"), 400), (TypeError("secret"), 500)])
async def test_an_error_before_the_handshake_is_an_answer(error, status) -> None:
    async def break_down(scope, receive, send) -> None:
        raise error

    start, body = await serve(break_down)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    assert b"secret" not in body["body"]


async def test_connections_are_counted_while_they_are_open() -> None:
    metrics, seen = Metrics(), []

    async def look(scope, receive, send) -> None:
        seen.append(metrics.registry.get_sample_value("tts_connections", {"door": "websocket"}))

    await serve(look, metrics)
    assert seen == [1]
    assert metrics.registry.get_sample_value("tts_connections", {"door": "websocket"}) == 0


async def test_an_error_after_the_handshake_says_nothing_more() -> None:
    async def break_down(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        raise TypeError("a mistake")

    assert await serve(break_down) == [{"type": "websocket.accept"}]


async def test_the_log_has_the_path_and_not_the_query(caplog) -> None:
    with caplog.at_level(logging.INFO):
        await serve(welcome)
    (record,) = (one for one in caplog.records if one.message == "socket.closed")
    assert (record.path, record.accepted, len(record.request_id)) == ("/x", True, 16)
    assert not any("secret" in str(vars(one)) for one in caplog.records)


def test_lines_with_queries_are_no_news() -> None:
    def record(message: str) -> logging.LogRecord:
        return logging.LogRecord("uvicorn.error", logging.INFO, "", 0, message, (), None)

    assert not _is_news(record('%s - "WebSocket %s" [accepted]'))
    assert _is_news(record("Finished server process [%d]"))
