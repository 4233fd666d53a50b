"""Fetching a translation model with the real program: converted in its environment, translating at once.

The environment's interpreter is a script that stands for PyTorch: it puts a model that was converted before in place.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command_line import CommandLine
from tests.hub import hub
from tests.translating import MODEL

NAME = MODEL.name
WEIGHTS = dict.fromkeys(("config.json", "source.spm", "target.spm", "vocab.json", "pytorch_model.bin"), b"{}")


@pytest.fixture
def machine(tmp_path: Path):
    with hub(dict(WEIGHTS), repository=f"Helsinki-NLP/{NAME}") as one:
        yield CommandLine(tmp_path, {"HF_ENDPOINT": one.url, "PORTEVOIX_DATA_FOLDER": str(tmp_path / "data")})


def install_room(machine: CommandLine, script: str) -> None:
    room = machine.folder / "data" / "rooms" / "neural"
    (room / "bin").mkdir(parents=True)
    (room / "room.json").write_text(json.dumps({"name": "neural"}))
    (room / "bin" / "python").write_text(f"#!/bin/sh\n{script}\n")
    (room / "bin" / "python").chmod(0o755)


def models(machine: CommandLine) -> list[str]:
    folder = machine.folder / "data" / "models" / "translate"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_model_is_converted_once_it_is_here_and_translates(machine) -> None:
    install_room(machine, f'cp -r "{MODEL}" "$6"')
    done = machine.run("models", "get", NAME)
    assert done.returncode == 0, done.stderr
    assert f"{NAME}  converting" in done.stderr.decode()
    assert models(machine) == [NAME]
    assert machine.run("translate", "Hello.", "--to", "fr").stdout.decode() == "Bonjour.\n"
    again = machine.run("models", "get", NAME)
    assert (again.returncode, b"converted already" in again.stderr) == (0, True)


def test_without_the_environment_it_names_the_commands(machine) -> None:
    done = machine.run("models", "get", NAME)
    assert done.returncode == 0, done.stderr
    assert "`portevoix engines install neural`, then `portevoix models convert opus-mt-en-fr`" in done.stderr.decode()
    assert models(machine) == []


def test_a_conversion_that_fails_says_why_and_leaves_nothing(machine) -> None:
    install_room(machine, 'mkdir "$6"; echo "Error: no tensors in it" >&2; exit 1')
    done = machine.run("models", "get", NAME)
    assert done.returncode != 0
    assert "no tensors in it" in done.stderr.decode()
    assert models(machine) == []


def test_a_conversion_that_is_stopped_leaves_neither_process_nor_files(machine) -> None:
    begun = machine.folder / "begun"
    os.mkfifo(begun)
    install_room(machine, f'mkdir "$6"; echo half > "$6/model.bin"; echo $$ > "{begun}"; exec sleep 1000')
    with machine.start("models", "get", NAME, stderr=subprocess.DEVNULL) as program:
        process = os.pidfd_open(int(begun.read_text()))
        assert len(models(machine)) == 2, "a lock and the half of a model"
        program.send_signal(signal.SIGINT)
        assert program.wait(60) != 0
    assert select.select([process], [], [], 0)[0]
    os.close(process)
    assert models(machine) == []
