"""Chunks of several streams decoded in one run, on a device that computes many as quickly as one."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import EngineFailed
from portevoix.vits.network import Manner

if TYPE_CHECKING:
    from portevoix.vits.network import Encoding, Facts, SplitNetwork

logger = logging.getLogger(__name__)

LARGEST_BATCH = 8
TRIED_FRAMES = 32
TRIED_RUNS = 3


@dataclass(eq=False)
class _Place:
    """One chunk that waits for its run, and what became of it."""

    latents: np.ndarray
    before: int
    after: int
    manner: Manner
    samples: np.ndarray | None = None

    def fits(self, other: _Place) -> bool:
        """Return whether both can be decoded in one run."""
        return (self.latents.shape, self.before, self.after, self.manner.speaker) == (
            other.latents.shape, other.before, other.after, other.manner.speaker,
        )  # fmt: skip


class BatchingNetwork:
    """Let chunks that arrive while the device is busy share the next run; safe from several threads.

    Nobody waits for company: whoever finds the device free is decoded at once. Chunks share a run when they have the
    same size, margins and speaker; what is computed for each is the same as alone.
    """

    def __init__(self, network: SplitNetwork, largest: int = LARGEST_BATCH) -> None:
        """Decode with `network`, at most `largest` chunks in one run."""
        self.facts: Facts = network.facts
        self._network = network
        self._largest = largest
        self._device = threading.Lock()
        self._changing = threading.Lock()
        self._waiting: list[_Place] = []

    def encode(self, ids: np.ndarray, first: int, manner: Manner) -> Encoding:
        """Encode as the network does."""
        return self._network.encode(ids, first, manner)

    def flow(self, prior: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Run the flow as the network does."""
        return self._network.flow(prior, before, after, manner)

    def decode(self, latents: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn latents into float32 samples, with others or alone.

        Raises:
            EngineFailed: the decoder failed at this chunk alone.
        """
        place = _Place(latents, before, after, manner)
        with self._changing:
            self._waiting.append(place)
        with self._device:
            if place.samples is None:
                self._run(self._taken(place))
            if place.samples is None:
                return self._network.decode(latents, before, after, manner)
        return place.samples

    def _taken(self, place: _Place) -> list[_Place]:
        """Take a place and those that fit it out of the line."""
        with self._changing:
            others = [one for one in self._waiting if one is not place and one.fits(place)]
            together = [place, *others[: self._largest - 1]] if place in self._waiting else []
            self._waiting = [one for one in self._waiting if one not in together]
        return together

    def _run(self, places: list[_Place]) -> None:
        """Decode several places; when that fails each is left to be decoded alone, as are all after them."""
        if len(places) < 2:  # noqa: PLR2004 - alone
            return
        first = places[0]
        try:
            samples = self._network.decode_together(
                np.stack([place.latents for place in places]), first.before, first.after, first.manner
            )
        except EngineFailed as error:
            logger.warning("batching.stopped", extra={"why": error.why, "batch": len(places)})
            self._largest = 1
            return
        for place, decoded in zip(places, samples, strict=True):
            place.samples = decoded


def batching_pays(network: SplitNetwork, batch: int = LARGEST_BATCH) -> bool:
    """Return whether a batch takes less time here than its chunks one after the other; tries it, in some runs."""
    before, after = network.facts.decoder_reach
    frames = before + TRIED_FRAMES + after
    chunks = np.zeros((batch, network.facts.channels, frames), dtype=np.float32)
    try:
        together = min(_seconds(network, chunks) for _ in range(TRIED_RUNS))
    except EngineFailed:
        return False
    alone = min(sum(_seconds(network, chunk[None]) for chunk in chunks) for _ in range(TRIED_RUNS))
    return together < alone


def _seconds(network: SplitNetwork, chunks: np.ndarray) -> float:
    began = time.perf_counter()
    network.decode_together(chunks, *network.facts.decoder_reach, Manner())
    return time.perf_counter() - began
