from __future__ import annotations

import json
from pathlib import Path

from portevoix.config import Origin, changed_keys, fingerprint, load, load_content, rows
from portevoix.config.keys import all_keys
from tests.unit.config.configurable_engines import ENGINES


def shown(tmp_path, text: str = "", **environ: str) -> dict[str, tuple[object, str]]:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    loaded = load(path, {"HOME": "/h", **environ}, ENGINES)
    return {row.key: (row.value, str(row.origin).replace(str(path), "f.yaml")) for row in rows(loaded)}


def test_every_key_is_shown(tmp_path):
    assert {key.name for key in all_keys(ENGINES)} == set(shown(tmp_path))


def test_values_are_shown_with_where_they_came_from(tmp_path):
    table = shown(
        tmp_path,
        "cache:\n  enabled: false\nvoices:\n  alloy: a\n  nova:\n    fr: b\nvoice_folders:\n  - x\n",
        PORTEVOIX_VOICES__ECHO="c",
        PORTEVOIX_BACKENDS__PIPER_CLI__MODEL_PATH="m",
    )
    assert table["cache.enabled"] == (False, "f.yaml:2")
    assert table["cache.max_size_mb"] == (100.0, "default")
    assert table["voices.alloy"] == ("a", "f.yaml:4")
    assert table["voices.nova.fr"] == ("b", "f.yaml:6")
    assert table["voices.echo"] == ("c", "PORTEVOIX_VOICES__ECHO")
    assert table["voice_folders"] == (["x"], "f.yaml:7")
    assert table["backends.piper_cli.model_path"] == ("m", "PORTEVOIX_BACKENDS__PIPER_CLI__MODEL_PATH")
    assert table["backends.piper_cli.target_latency_ms"] == (1000.0, "default")


def test_secrets_are_hidden_and_nothing_stays_nothing(tmp_path):
    table = shown(tmp_path, "backends: {silent_emergency: {alert_webhook: https://key@host}}")
    assert table["backends.silent_emergency.alert_webhook"] == ("…", "f.yaml:1")
    assert shown(tmp_path)["backends.silent_emergency.alert_webhook"] == (None, "default")


def test_engines_that_are_not_installed_are_shown(tmp_path):
    table = shown(tmp_path, "backends:\n  xtts:\n    folder: m\n")
    assert table["backends.xtts.folder"] == ("m", "f.yaml:2")


def test_all_of_it_is_json(tmp_path):
    assert json.loads(json.dumps(shown(tmp_path)))["data_folder"][0] == "/h/.local/share/portevoix"


def test_an_origin_is_printed_as_people_look_it_up():
    assert str(Origin()) == "default"
    assert str(Origin("file", str(Path("a/b.yaml")), 3)) == "a/b.yaml:3"
    assert str(Origin("environment", "PORTEVOIX_X")) == "PORTEVOIX_X"


def loaded(text: str, **environ: str):
    return load_content(text.encode(), "f.yaml", {"HOME": "/h", **environ}, ENGINES)


def test_a_fingerprint_changes_with_any_setting_and_with_nothing_else():
    one = fingerprint(loaded("cache: {ttl_seconds: 5}").settings)
    assert one == fingerprint(loaded("# a remark\ncache: {ttl_seconds: 5.0}").settings)
    assert one != fingerprint(loaded("cache: {ttl_seconds: 6}").settings)
    assert len(one) == 16


def test_changed_keys_are_those_of_the_file():
    before, after = loaded("cache: {ttl_seconds: 5}"), loaded("backends: {piper_cli: {model_path: m}}")
    assert changed_keys(before, after) == ("backends.piper_cli.model_path", "cache.ttl_seconds")
    assert changed_keys(before, before) == ()
