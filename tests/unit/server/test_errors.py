from __future__ import annotations

import json

import pytest

from portevoix import errors
from portevoix.server import errors as server_errors
from portevoix.server.errors import error_answer, error_body, status_of


class Stranger(errors.VoiceNotFound):
    code = "stranger"


def made(kind):
    if kind is errors.ChainExhausted:
        return kind((("alpha", errors.EngineFailed("alpha broke", hint="Mend it.")),))
    if kind is errors.ConfigError:
        return kind("it is wrong", ("line 1",))
    return kind("something failed", "because", "Do this.")


def kinds(module):
    found = [kind for kind in vars(module).values() if isinstance(kind, type)]
    return [kind for kind in found if issubclass(kind, errors.PortevoixError)]


KINDS = sorted({*kinds(errors), *kinds(server_errors)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_its_answer(kind):
    answer = error_answer(made(kind))
    content = json.loads(answer.body)["error"]
    assert set(content) == {"message", "type", "param", "code"}
    assert content["code"] == kind.code
    assert content["message"]
    assert (answer.status_code < 500) == (content["type"] != "server_error")
    assert ("retry-after" in answer.headers) == (answer.status_code in (429, 503))


@pytest.mark.parametrize(("error", "status"), [
    (errors.EmptyText("x"), 400), (errors.VoiceNotFound("x"), 404), (Stranger("x"), 404),
    (errors.EngineFailed("x"), 503), (errors.StreamInterrupted("x"), 503),
    (errors.NotAllowed("x"), 403), (errors.Overloaded("x"), 429), (errors.DiskFull("x"), 500), (TypeError("x"), 500),
    (server_errors.BodyTooLarge("x"), 413), (server_errors.WrongContentType("x"), 415),
])  # fmt: skip
def test_status_goes_by_kind(error, status):
    assert status_of(error) == status


def test_says_what_why_and_what_to_do():
    error = errors.VoiceNotFound("voice 'x' is not known", "there are a, b", "Did you mean a?", param="voice")
    content = error_body(error)["error"]
    assert content["message"] == "voice 'x' is not known: there are a, b. Did you mean a?."
    assert content["param"] == "voice"
    assert content["type"] == "invalid_request_error"


def test_a_mistake_of_ours_tells_nothing_of_itself():
    assert "secret" not in str(error_body(KeyError("secret")))


def test_retry_after_is_whole_seconds():
    answer = error_answer(errors.Overloaded("x", retry_after_seconds=2.2))
    assert answer.headers["retry-after"] == "3"
