"""Change of tempo with the pitch kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SLOWEST, FASTEST = 0.25, 4.0

HOP_SECONDS = 0.016
"""Half a window: a window of 32 ms holds two periods of the lowest voices and less than one phoneme."""

SEARCH_SECONDS = 0.009
"""To each side: together more than one period of a voice at 60 Hz, so that a matching phase is always in reach."""

WANDERING_COST = 0.001
"""How much correlation one must gain to go to the edge of the search; keeps silence and noise in place."""


class Stretcher:
    """Speak faster or slower by waveform-similarity overlap-add, chunk by chunk.

    Windows of the input are laid one hop apart; each is taken, near where the tempo puts it, from where it best
    continues the window before (W. Verhelst and M. Roelands, "An overlap-add technique based on waveform similarity
    (WSOLA) for high quality time-scale modification of speech", ICASSP 1993). The similarity is a normalised
    cross-correlation, computed by FFT.

    Output sample n speaks of input sample n times the speed, within 9 ms, at any length: errors do not add up, so word
    times divide by the speed. The output is the same however the input is cut. Not for two threads at once.

    Attributes:
        speed: 2.0 is twice as fast.
    """

    _input: NDArray[np.float32]
    _input_start: int
    _overlap: NDArray[np.float64]
    _last_start: int | None
    _hops: int
    _taken: int
    _given: int

    def __init__(self, sample_rate: int, speed: float) -> None:
        """Start a stream.

        Args:
            sample_rate: Hz.
            speed: 0.25 to 4.0; at 1.0 samples pass unchanged.

        Raises:
            ValueError: the rate is not positive or the speed outside its range.
        """
        if sample_rate <= 0 or not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"cannot stretch {sample_rate} Hz audio to {speed} times its speed")
        self.speed = speed
        self._hop = max(1, round(HOP_SECONDS * sample_rate))
        self._search = max(1, round(SEARCH_SECONDS * sample_rate))
        self._window = np.hanning(2 * self._hop + 1)[:-1]
        self._clear()

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take float32 samples (n,) and return the stretched ones that are ready; at speed 1.0 the very same array."""
        if self.speed == 1.0:
            return samples
        self._taken += len(samples)
        self._input = np.concatenate([self._input, samples])
        return self._spoken()

    def flush(self) -> NDArray[np.float32]:
        """Return the rest, float32 (n,), so that all is the input's length divided by the speed; then start afresh."""
        if self.speed == 1.0:
            return np.zeros(0, np.float32)
        due = round(self._taken / self.speed) - self._given
        pieces = []
        while due > 0:
            missing = max(0, self._needed_end() - self._end())
            self._input = np.concatenate([self._input, np.zeros(missing, np.float32)])
            piece = self._next_hop()[:due]
            due -= len(piece)
            pieces.append(piece)
        self._clear()
        return np.concatenate([np.zeros(0, np.float32), *pieces])

    def _clear(self) -> None:
        """Put silence in front, so that the first window is whole and can be searched around."""
        self._input = np.zeros(self._search + self._hop, np.float32)
        self._input_start = -self._search - self._hop
        self._overlap = np.zeros(self._hop)
        self._last_start = None
        self._hops = 0
        self._taken = 0
        self._given = 0

    def _spoken(self) -> NDArray[np.float32]:
        pieces = [np.zeros(0, np.float32)]
        while self._end() >= self._needed_end():
            pieces.append(self._next_hop())
        spoken = np.concatenate(pieces)
        self._given += len(spoken)
        return spoken

    def _end(self) -> int:
        return self._input_start + len(self._input)

    def _target(self) -> int:
        """Return the input position that the tempo gives the next window; the first begins one hop before the audio."""
        return round((self._hops * self.speed - 1) * self._hop)

    def _needed_end(self) -> int:
        """Return the input position up to which the next window and its model must be there."""
        searched = self._target() + self._search
        continued = searched if self._last_start is None else self._last_start + self._hop
        return max(searched, continued) + 2 * self._hop

    def _next_hop(self) -> NDArray[np.float32]:
        start = self._best_start()
        windowed = self._at(start, 2 * self._hop) * self._window
        spoken = (self._overlap + windowed[: self._hop]).astype(np.float32)
        self._overlap = windowed[self._hop :]
        is_lead_in = self._last_start is None
        self._last_start = start
        self._hops += 1
        self._forget()
        return spoken[:0] if is_lead_in else spoken

    def _best_start(self) -> int:
        target = self._target()
        if self._last_start is None:
            return target
        model = self._at(self._last_start + self._hop, 2 * self._hop)
        area = self._at(target - self._search, 2 * self._hop + 2 * self._search)
        return target - self._search + best_match(area, model)

    def _at(self, position: int, length: int) -> NDArray[np.float32]:
        return self._input[position - self._input_start :][:length]

    def _forget(self) -> None:
        """Drop the input that neither the next search nor the next model can reach."""
        last = self._last_start if self._last_start is not None else self._input_start
        spent = min(self._target() - self._search, last + self._hop) - self._input_start
        if spent > 0:
            self._input = self._input[spent:]
            self._input_start += spent


def best_match(area: NDArray[np.floating], model: NDArray[np.floating]) -> int:
    """Return the offset at which `area` is most like `model`, by normalised cross-correlation, the middle preferred.

    Args:
        area: shape (n,), at least as long as the model.
        model: shape (m,).
    """
    area, model = area.astype(np.float64), model.astype(np.float64)
    size = 1 << (len(area) - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(area, size) * np.conj(np.fft.rfft(model, size)), size)
    places = len(area) - len(model) + 1
    squares = np.concatenate([[0.0], np.cumsum(area**2)])
    energies = np.maximum(squares[len(model) :] - squares[:places], 0) * np.sum(model**2)
    likeness = products[:places] / np.sqrt(energies + 1e-12)
    wandering = np.abs(np.linspace(-1, 1, places)) if places > 1 else 0.0
    return int(np.argmax(likeness - WANDERING_COST * wandering))
