"""`portevoix voices`, with everything real but the hub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.command_line import CommandLine
from tests.recording_files import voice, wav

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> CommandLine:
    (tmp_path / "marie.wav").write_bytes(wav(voice()))
    return CommandLine(tmp_path, {"PORTEVOIX_VOICES": ""})


def names_of(done) -> list[str]:
    assert done.returncode == 0, done.stderr.decode()
    return [one.get("name", one.get("model")) for one in json.loads(done.stdout)]


def test_a_voice_is_kept_listed_spoken_with_and_removed(machine: CommandLine, tmp_path: Path) -> None:
    kept = machine.run("voices", "add", "Marie", "marie.wav", "--consent", "I agree", "--lang", "fr", "--json")
    assert json.loads(kept.stdout)["name"] == "Marie"
    assert names_of(machine.run("voices", "--json"))[-1] == "Marie"
    said = machine.run("say", "--voice", "Marie", "-o", "out.wav", "--json", "Bonjour")
    report = json.loads(said.stdout)
    assert (tmp_path / "out.wav").stat().st_size > 1000
    assert "engine_cannot_clone" in [attempt["code"] for attempt in report["attempts"]]
    assert machine.run("voices", "rm", "marie").returncode == 0
    assert machine.run("say", "--voice", "Marie", "-o", "out.wav", "Bonjour").returncode == 2


def test_a_recording_can_be_spoken_like_once(machine: CommandLine) -> None:
    said = machine.run("say", "--voice-of", "marie.wav", "-o", "out.wav", "--json", "Bonjour")
    assert "engine_cannot_clone" in [attempt["code"] for attempt in json.loads(said.stdout)["attempts"]]
    (machine.folder / "marie.wav").write_bytes(wav(voice(0.1)))
    refused = machine.run("say", "--voice-of", "marie.wav", "-o", "other.wav", "Bonjour")
    assert refused.returncode == 2
    assert b"too short" in refused.stderr
    assert not (machine.folder / "other.wav").exists()


def test_consent_is_compulsory(machine: CommandLine) -> None:
    assert machine.run("voices", "add", "Marie", "marie.wav").returncode == 2
    assert machine.run("voices", "add", "Marie", "marie.wav", "--consent", " ").returncode == 2


def test_what_can_be_fetched(machine: CommandLine) -> None:
    done = machine.run("voices", "list", "--available", "--lang", "fr", "--json")
    assert {"fr_FR-siwis-medium", "xtts_v2", "mms-tts-fra", "kokoro"} <= set(names_of(done))
    assert not any(name.startswith("opus") for name in names_of(done))
    table = machine.run("voices", "list", "--available").stdout.decode()
    assert "CPML (non-commercial) (not for commerce)" in table


def test_without_a_command_the_voices_are_listed(machine: CommandLine) -> None:
    assert names_of(machine.run("voices", "--lang", "fr", "--json")) == names_of(
        machine.run("voices", "list", "--lang", "fr", "--json")
    )
    assert b"add" in machine.run("voices", "--help").stdout
