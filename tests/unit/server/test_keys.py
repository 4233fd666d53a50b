from __future__ import annotations

import json
import os

import pytest

from portevoix.errors import MachineError
from portevoix.server.guest import Limits
from portevoix.server.keys import KeyNotFound, KeyRing, KeysNotReadable


def ring(folder) -> KeyRing:
    return KeyRing(folder / "data" / "keys.json", wall_clock=lambda: 1000.5)


def test_a_key_is_found_by_its_secret_alone(tmp_path):
    one = ring(tmp_path)
    key, secret = one.create("assistant", ["admin", "speak"], Limits(concurrent=3))
    assert secret.startswith("pv-")
    assert len(secret) >= 40
    found = ring(tmp_path).find(secret)
    assert found == key
    assert (found.name, found.scopes, found.created_at, found.limits) == (
        "assistant", ("speak", "admin"), 1000, Limits(concurrent=3)
    )  # fmt: skip
    for wrong in ("", secret[:-1], secret + "x", secret.upper(), key.id, key.digest, "é\udcff"):
        assert one.find(wrong) is None


def test_the_secret_is_nowhere_on_disk_and_nobody_else_may_read(tmp_path):
    _, secret = ring(tmp_path).create("a", ["speak"])
    place = tmp_path / "data" / "keys.json"
    assert secret not in place.read_text()
    assert secret[3:] not in place.read_text()
    assert place.stat().st_mode & 0o777 == 0o600
    assert list(place.parent.iterdir()) == [place], "nothing is left beside it"


def test_a_revoked_key_is_unknown_at_once_to_those_who_have_read_it(tmp_path):
    writer, reader = ring(tmp_path), ring(tmp_path)
    first, secret = writer.create("a", ["speak"])
    _, other = writer.create("b", ["speak"])
    assert reader.find(secret) is not None
    assert writer.revoke(first.id) == first
    assert reader.find(secret) is None
    assert reader.find(other) is not None
    with pytest.raises(KeyNotFound, match="b"):
        writer.revoke(first.id)


def test_scopes(tmp_path):
    one = ring(tmp_path)
    speak, _ = one.create("a", ["speak"])
    admin, _ = one.create("b", ["admin"])
    metrics, _ = one.create("c", ["metrics"])
    scopes = ("", "metrics", "speak", "voices", "admin")
    assert [speak.allows(scope) for scope in scopes] == [True, True, True, False, False]
    assert [metrics.allows(scope) for scope in scopes] == [False, True, False, False, False]
    assert all(admin.allows(scope) for scope in scopes)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"keys": [{"id": "k"}]}', '{"keys": 3}', "\x00\xff"])
def test_a_damaged_file_lets_nobody_in(tmp_path, content):
    place = tmp_path / "keys.json"
    place.write_text(content)
    one = KeyRing(place)
    with pytest.raises(KeysNotReadable):
        one.find("pv-x")
    with pytest.raises(KeysNotReadable):
        assert one.keys
    with pytest.raises(KeysNotReadable):
        one.create("a", ["speak"])
    assert place.read_text() == content


def test_without_a_file_there_is_no_key(tmp_path):
    assert ring(tmp_path).keys == ()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError):
        KeyRing(tmp_path / "file" / "keys.json").create("a", ["speak"])


def test_fields_of_a_later_version_are_passed_over(tmp_path):
    one = ring(tmp_path)
    _, secret = one.create("a", ["speak"])
    place = tmp_path / "data" / "keys.json"
    content = json.loads(place.read_text())
    content["keys"][0].update(colour="red", limits={"concurrent": 2, "smells": 1})
    place.write_text(json.dumps(content))
    os.utime(place, ns=(1, 1))
    assert one.find(secret).limits == Limits(concurrent=2)
