from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from portevoix.cli.program import COMMANDS, main, program
from portevoix.cli.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_it_is_said_to_be(name):
    command = program.get_command(click.Context(program), name)
    assert command.name == name
    assert command.help


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["say", "--help"], ["bench", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    script = (
        "import sys; from portevoix.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'numpy', 'onnxruntime', 'av', 'asyncio', 'yaml', 'prometheus_client', 'httpx'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_the_reference_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_the_reference_has_every_command():
    page = reference()
    for name in (*COMMANDS, "config check", "config show"):
        assert f"## portevoix {name}\n" in page


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nonsense-here"], 2, "There are say, speak"),
        (["enginse"], 2, "Did you mean 'engines'?"),
        (["--nonsense"], 2, "No such option"),
        ([], 2, "Speak text with the best voice"),
    ],
)
def test_wrong_usage(capsys, arguments, code, told):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == code
    captured = capsys.readouterr()
    assert told in captured.err + captured.out


def test_a_fault_of_the_program_ends_with_words(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(program.commands_at, "say", ("portevoix.cli.nowhere:say", "x"))
    with pytest.raises(SystemExit) as end:
        main(["say", "x"])
    assert end.value.code == 1
    assert "internal error: ModuleNotFoundError" in capsys.readouterr().err


def test_colours_are_left_out_when_they_are_not_wanted(tmp_path):
    script = "from portevoix.cli import main; main(['say', '', '-o', 'x.wav'])"
    for variables, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        assert (b"\x1b[" in _on_a_terminal(script, tmp_path, variables)) is is_coloured


def _on_a_terminal(script, folder, variables):
    """Return what a script writes to its terminal."""
    import os
    import pty

    ours, theirs = pty.openpty()
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", **variables}
    process = subprocess.Popen([sys.executable, "-c", script], stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    written = b""
    try:
        while content := os.read(ours, 65_536):
            written += content
    except OSError:  # Linux tells the end of a terminal so
        pass
    os.close(ours)
    process.wait(60)
    return written
