from __future__ import annotations

import os
import subprocess
import sys

RUN = """
from portevoix.app import build, read_configuration
build(read_configuration({}))
from portevoix.vits.sessions import open_session
open_session("voice", __import__("pathlib").Path("tests/fixtures/voices/fr_FR-petit-low.onnx"))
"""


def test_onnxruntime_numbers_no_machine_and_reports_to_nobody(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "PORTEVOIX_"))}
    subprocess.run([sys.executable, "-c", RUN], env=environ | {"HOME": str(tmp_path)}, check=True)
    assert not [path.name for path in tmp_path.rglob("*") if "microsoft" in str(path).lower()]
