"""The environment in which heavy engines run, for the tests that need it.

`make setup-rooms` installs it, once, in `.rooms` of this checkout. Where it is missing a test fails and says so: an
engine that was never tried must not look as if it worked.

```
from tests.neural import neural_python  # noqa: F401 - a fixture

def test_it_speaks(neural_python: Path) -> None: ...
```
"""

from __future__ import annotations

from pathlib import Path

import pytest

from portevoix.rooms.environments import EnvironmentShelf

ROOMS = Path(__file__).parents[1] / ".rooms"
"""A `rooms_folder` in which the environment `neural` is."""


def find_neural_python() -> Path:
    """Return the interpreter of the neural environment, or fail."""
    python = EnvironmentShelf(ROOMS).python("neural")
    if python is None:
        pytest.fail(f"the environment of heavy engines is not in {ROOMS}: run `make setup-rooms`", pytrace=False)
    return python


@pytest.fixture(scope="session")
def neural_python() -> Path:
    """Return the interpreter of the neural environment."""
    return find_neural_python()
