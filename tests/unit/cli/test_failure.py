from __future__ import annotations

import errno
import inspect

import pytest

from portevoix import errors
from portevoix.cli.failure import tell
from portevoix.errors import ConfigError, EngineFailed, EngineTimeout, PortevoixError


def test_an_error_is_told_with_its_reason_and_its_hint(capsys):
    error = EngineTimeout("the engine was late", "it took 3 s", "Give it more time.")
    assert tell(error, shows_traceback=False) == 5
    told = capsys.readouterr()
    assert told.err == "Error: the engine was late: it took 3 s\nHint: Give it more time.\n"
    assert told.out == ""


def test_every_problem_of_a_configuration_has_its_line(capsys):
    error = ConfigError("the configuration has 2 errors", ("a.yaml:1: x", "a.yaml:2: y"))
    assert tell(error, shows_traceback=False) == 3
    assert capsys.readouterr().err.splitlines()[:3] == [
        "Error: the configuration has 2 errors:", "  a.yaml:1: x", "  a.yaml:2: y",
    ]  # fmt: skip


def test_a_fault_of_the_program_gets_words_and_no_traceback(capsys):
    assert tell(KeyError("x"), shows_traceback=False) == 1
    told = capsys.readouterr().err
    assert told.startswith("Error: internal error: KeyError: 'x'\nHint: ")
    assert "-vv" in told


def test_a_full_disk_is_no_fault_of_the_program(capsys):
    assert tell(OSError(errno.ENOSPC, "No space left on device"), shows_traceback=False) == 6
    assert "the disk is full" in capsys.readouterr().err


def test_programmers_get_the_traceback(capsys):
    tell(EngineFailed("it failed"), shows_traceback=True)
    assert "portevoix.errors.EngineFailed" in capsys.readouterr().err


def _every_error():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, PortevoixError)]
    return [kind for kind in kinds if kind is not PortevoixError]


@pytest.mark.parametrize("kind", _every_error(), ids=lambda kind: kind.__name__)
def test_every_error_ends_with_a_code_of_the_reference(kind):
    assert kind.exit_code in (2, 3, 4, 5, 6, 7)
