from __future__ import annotations

import os
import subprocess
import sys

import pytest

from portevoix.errors import DiskFull
from portevoix.rooms.build import Hearing
from portevoix.rooms.faults import RoomError, RoomUnreachable
from portevoix.rooms.uv import Uv, fault_in, fetch_uv, find_uv
from tests.rooms import make_wheel

REFUSED = """error: Failed to fetch: `https://index.example/simple/six/`
  cause: error sending request for url (https://index.example/simple/six/)
  cause: client error (Connect)
  cause: dns error
"""
UNSOLVABLE = """Using Python 3.11.7 environment at: small
  × No solution found when resolving dependencies:
  ╰─▶ Because voix was not found in the package registry
      and you require voix==1.0, we can conclude that your requirements are unsatisfiable.

hint: something long
"""
FULL = """error: Failed to install: voix
  Caused by: failed to write
  Caused by: No space left on device (os error 28)
"""


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        (REFUSED, RoomUnreachable, "dns error"),
        (UNSOLVABLE, RoomError, "Because voix was not found in the package registry"),
        (FULL, DiskFull, "No space left on device"),
        ("something odd", RoomError, "something odd"),
        ("", RoomError, ""),
    ],
)
def test_what_uv_says_becomes_an_error_of_the_house(text, kind, why):
    error = fault_in(text.splitlines())
    assert type(error) is kind
    assert why in error.why
    assert "╰" not in error.why
    assert error.hint


def test_a_long_complaint_is_cut_in_the_middle():
    error = fault_in(["error: begin " + "x" * 1000, "cause: the end"])
    assert error.why.startswith("begin")
    assert error.why.endswith("the end")
    assert len(error.why) < 420


def test_the_lines_of_uv_become_steps():
    steps = []
    hear = Hearing(lambda event, **facts: steps.append((event, facts)))
    for line in ("Using Python 3.11", "Resolved 2 packages in 1s", "Downloading torch (1.5GiB)",
                 "Downloading six (11.0KiB)", " Downloaded six", "   Building voix", "      Built voix==1.0",
                 " Downloaded torch", "Prepared 2 packages in 1s", "Installed 1 package in 2ms",
                 " + six==1.0"):  # fmt: skip
        hear(line)
    assert steps == [
        ("resolved", {"packages": 2}),
        ("ordered", {"package": "torch", "bytes": 1610612736}),
        ("ordered", {"package": "six", "bytes": 11264}),
        ("arrived", {"package": "six", "bytes": 11264}),
        ("arrived", {"package": "voix==1.0", "bytes": 0}),
        ("arrived", {"package": "torch", "bytes": 1610612736}),
        ("prepared", {"packages": 2}),
        ("installed", {"packages": 1}),
    ]


def test_the_one_that_is_installed_beside_us_is_found(tmp_path):
    assert subprocess.check_output([find_uv(tmp_path, {}), "--version"], text=True).startswith("uv ")


def test_it_is_fetched_with_pip_where_it_is_not_there(tmp_path):
    make_wheel(tmp_path / "wheels", "uv", "9.9", code="def main(): print('uv from pip')", scripts={"uv": "uv:main"})
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    program = fetch_uv(tmp_path / "tools", environ, sys.executable)
    assert subprocess.check_output([program], text=True).strip() == "uv from pip"


def test_where_it_cannot_be_fetched_the_remedy_is_told(tmp_path):
    environ = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    with pytest.raises(RoomError) as raised:
        fetch_uv(tmp_path / "tools", environ, sys.executable)
    assert "pip install" in raised.value.hint
    with pytest.raises(RoomError):
        fetch_uv(tmp_path / "tools", environ, str(tmp_path / "no-python"))


def test_a_program_that_fails_without_a_word_is_an_error():
    with pytest.raises(RoomError):
        Uv("false", os.environ).run((), print)
