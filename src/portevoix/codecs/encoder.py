"""What turns one response's audio into bytes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import numpy as np

from portevoix.errors import EmptyAudio

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


class Encoder(Protocol):
    """Encode one response: one header, one codec state, one end.

    Not for use by two threads at once. An encoder whose listener has gone is simply let go of.

    Attributes:
        media_type: the `Content-Type` of the bytes.
        sample_rate: Hz of the samples that `encode` takes.
    """

    media_type: str
    sample_rate: int

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        """Take float32 mono samples (n,), n of any size, and return the bytes that are ready, perhaps none."""

    def finish(self) -> bytes:
        """Return what is still held back, and the end of the file.

        Raises:
            EmptyAudio: no sample was ever given.
        """


class Writer(Protocol):
    """Turn clean samples of one fixed rate into the bytes of one format."""

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Take float32 samples (n,), n at least 1, and return the bytes that are ready.

        They are finite and -1 to 1, but for the little that a resampler overshoots.
        """

    def close(self) -> bytes:
        """Return the bytes still held back; nothing is written after this."""


class StreamEncoder:
    """Clean and resample a response's audio, then write it.

    The same samples give the same bytes however they are cut into chunks. NaN and infinite samples become silence,
    which is what a listener would want of a broken sample, and are counted; samples beyond full scale are clipped.

    Attributes:
        media_type: the `Content-Type` of the bytes.
        sample_rate: Hz of the samples that `encode` takes.
        output_rate: Hz inside the file.
        replaced_samples: how many NaN or infinite samples became silence.
    """

    def __init__(self, media_type: str, sample_rate: int, output_rate: int, writer: Writer) -> None:
        self.media_type = media_type
        self.sample_rate = sample_rate
        self.output_rate = output_rate
        self.replaced_samples = 0
        self._writer = writer
        self._resampler = _Resampling(sample_rate, output_rate) if sample_rate != output_rate else None
        self._is_empty = True
        self._is_finished = False

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        """Take float32 mono samples (n,), n of any size, and return the bytes that are ready, perhaps none.

        Raises:
            RuntimeError: the encoder is finished.
            ValueError: the samples are not one-dimensional.
        """
        if self._is_finished:
            raise RuntimeError("an encoder serves one response; this one is finished")
        if samples.ndim != 1:
            raise ValueError(f"mono samples have one dimension, these have shape {samples.shape}")
        self._is_empty = self._is_empty and not len(samples)
        clean = self._clean(samples)
        return self._write(self._resampler.push(clean) if self._resampler else clean)

    def finish(self) -> bytes:
        """Return what is still held back, and the end of the file.

        Raises:
            EmptyAudio: no sample was ever given.
            RuntimeError: the encoder is already finished.
        """
        if self._is_finished:
            raise RuntimeError("an encoder serves one response; this one is finished")
        self._is_finished = True
        if self._is_empty:
            raise EmptyAudio("no audio was encoded", "the response holds not one sample")
        if self.replaced_samples:
            logger.warning("codec.samples_replaced", extra={"samples": self.replaced_samples})
        tail = self._write(self._resampler.flush()) if self._resampler else b""
        return tail + self._writer.close()

    def _clean(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        finite = np.isfinite(samples)
        self.replaced_samples += len(samples) - int(np.count_nonzero(finite))
        return np.clip(np.where(finite, samples, 0), -1, 1).astype(np.float32)

    def _write(self, samples: NDArray[np.float32]) -> bytes:
        return self._writer.write(samples) if len(samples) else b""


class _Resampling:
    """Change the rate of one response; soxr gives the same samples for any chunking."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        import soxr

        self._stream = soxr.ResampleStream(source_hz, target_hz, 1, dtype="float32", quality="HQ")

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._resample(samples, is_last=False)

    def flush(self) -> NDArray[np.float32]:
        return self._resample(np.zeros(0, np.float32), is_last=True)

    def _resample(self, samples: NDArray[np.float32], *, is_last: bool) -> NDArray[np.float32]:
        resampled: NDArray[np.float32] = self._stream.resample_chunk(samples, last=is_last)
        return resampled
