"""Audio as it travels through the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from portevoix.speech import Source, WordMark

    Samples = NDArray[np.float32]
    """Mono samples, -1 to 1, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """Hold a stretch of mono audio, and the words that are complete at its end.

    Attributes:
        samples: float32, shape (n,), -1 to 1; not to be written to.
        sample_rate: Hz.
        marks: words whose place is now known; their times count from the utterance's first sample. A mark comes at the
            latest with the first chunk that reaches beyond its word's end.
        source: who spoke it; set by the chain, None inside an engine.
    """

    samples: Samples
    sample_rate: int
    marks: tuple[WordMark, ...] = ()
    source: Source | None = None

    @property
    def seconds(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.sample_rate
