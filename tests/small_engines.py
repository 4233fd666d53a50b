"""Heavy engines whose library makes its networks in one size: the same engines, on small ones.

Imported in the environment of heavy engines as well, which has no pytest.
"""

from __future__ import annotations

import sys
from pathlib import Path

from portevoix.engines.chatterbox import Chatterbox
from portevoix.engines.chatterbox_multilingual import ChatterboxMultilingual
from portevoix.engines.chatterbox_turbo import ChatterboxTurbo

CHECKPOINTS = Path(__file__).parents[1] / "scripts" / "checkpoints"


def small(engine):
    """Return an engine whose narrator shrinks the library before it loads the model by the library's own road."""

    class Small(engine.Narrator):
        def __init__(self, setting):
            sys.path.append(str(CHECKPOINTS))
            from chatterboxes import shrink

            shrink()
            super().__init__(setting)

    return type(f"Small{engine.__name__}", (engine,), {"Narrator": Small, "__module__": __name__})


SmallChatterbox = small(Chatterbox)
SmallChatterboxMultilingual = small(ChatterboxMultilingual)
SmallChatterboxTurbo = small(ChatterboxTurbo)
