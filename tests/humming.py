"""The example engine of the documentation, for the tests of what all heavy engines share: it loads at once."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from portevoix.engine import Surroundings

FILE = Path(__file__).parents[1] / "docs" / "examples" / "portevoix_hum.py"


def hum_module():
    """Return the example's module, importable by its name from now on."""
    if "portevoix_hum" not in sys.modules:
        spec = importlib.util.spec_from_file_location("portevoix_hum", FILE)
        module = importlib.util.module_from_spec(spec)
        sys.modules["portevoix_hum"] = module
        spec.loader.exec_module(module)
    return sys.modules["portevoix_hum"]


def write_model(models: Path, pitch_hz: float = 220.0) -> Path:
    """Write the engine's model below a folder of models, and return its own folder."""
    folder = models / "hum"
    folder.mkdir(parents=True)
    (folder / "voice.json").write_text(f'{{"pitch_hz": {pitch_hz}}}', encoding="utf-8")
    return folder


def hum(tmp_path: Path, **options):
    """Return an engine with its model; a worker finds the example when `PYTHONPATH` has its folder."""
    if not (tmp_path / "models" / "hum").exists():
        write_model(tmp_path / "models")
    module = hum_module()
    around = Surroundings((), tmp_path / "cache", models_folder=tmp_path / "models", rooms_folder=tmp_path / "rooms")
    return module.Hum(module.HumOptions(**options), around)
