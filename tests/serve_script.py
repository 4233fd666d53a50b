"""Serve scripted engines in a process of its own.

`python -m tests.serve_script PORT SECONDS_PER_WORD [SECTION.FIELD=JSON …]`

It ends with the exit code that an error of the house has.
"""

from __future__ import annotations

import json
import sys

from portevoix.errors import PortevoixError
from portevoix.server.history import History
from portevoix.server.run import serve
from tests.scripted import kind
from tests.served import SILENT, configured


def main(port: str, seconds_per_word: str, *changes: str) -> int:
    alpha = kind("alpha", seconds_per_word=float(seconds_per_word))
    settings: dict[str, dict[str, object]] = {}
    for change in changes:
        key, _, value = change.partition("=")
        section, _, field = key.partition(".")
        settings.setdefault(section, {})[field] = json.loads(value)
    engines = {one.name: one for one in (alpha, SILENT)}
    try:
        serve(configured(engines, **settings), port=int(port), engines=engines, history=History(None))
    except PortevoixError as error:
        sys.stderr.write(f"{error.code}: {error}. {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
