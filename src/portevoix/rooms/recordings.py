"""Read a checked recording inside a room, with nothing but the standard library and numpy."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

from portevoix.errors import CannotClone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_BYTES = 2


def require_seconds(name: str, path: str, least_seconds: float) -> None:
    """Refuse a recording that is too short for the engine `name`.

    Raises:
        CannotClone: it is, or it cannot be read.
    """
    try:
        with wave.open(path, "rb") as file:
            seconds = file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise CannotClone(f"{name} cannot clone this voice", f"the recording cannot be read: {error}"[:200]) from error
    if seconds <= least_seconds:
        why = f"the recording is {seconds:.1f} s long, and must be longer than {least_seconds:g} s"
        raise CannotClone(f"{name} cannot clone this voice", why, "Give it 10 seconds of speech.")


def read_recording(path: str) -> tuple[NDArray[np.float32], int]:
    """Return a mono 16-bit WAV file's samples, -1 to 1, shape (n,), and its rate in Hz.

    Raises:
        CannotClone: the file is not there, or is of another kind.
    """
    import numpy as np

    try:
        with wave.open(path, "rb") as file:
            if file.getnchannels() != 1 or file.getsampwidth() != SAMPLE_BYTES:
                raise CannotClone("the recording cannot be used", "it is not 16-bit mono")
            frames, rate = file.readframes(file.getnframes()), file.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise CannotClone("the recording cannot be used", f"{type(error).__name__}: {error}"[:200]) from error
    return np.frombuffer(frames, "<i2").astype(np.float32) / np.float32(32768), rate
