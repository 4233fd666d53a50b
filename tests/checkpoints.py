"""Small models in the layouts of the published ones, made once by `scripts/checkpoints` and kept in `.rooms`.

```
folder = made(python, "vits.py", "--language", "fra")        # a folder with one model in it
```

A script is run with its first arguments being the folders to write, then what it is given here; the result is kept
under a name that stands for the script's content and its arguments.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from portevoix.locks import try_lock

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts" / "checkpoints"
KEPT = ROOT / ".rooms" / "checkpoints"
MOST_SECONDS = 300


def made(python: Path, script: str, *arguments: str, folders: tuple[str, ...] = ("model",)) -> Path:
    """Return a folder in which the script has written each of `folders`; it is run when nobody has run it before."""
    content = (SCRIPTS / script).read_bytes()
    key = hashlib.sha256(content + repr((arguments, folders)).encode()).hexdigest()[:12]
    place = KEPT / f"{Path(script).stem}-{key}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f".{place.name}.lock").open("wb") as lock:
        _wait_for(lock)
        if not place.is_dir():
            _make(python, script, arguments, folders, place)
    return place


def _make(python: Path, script: str, arguments: tuple[str, ...], folders: tuple[str, ...], place: Path) -> None:
    part = place.with_name(f".{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    command = [str(python), str(SCRIPTS / script), *(str(part / folder) for folder in folders), *arguments]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    part.rename(place)


def _wait_for(lock) -> None:
    """Wait until no other test process makes the same model."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
    else:
        try_lock(lock)
