"""One sentence on its way from ids to samples, as steps that workers take.

Three kinds of step follow one another: a window of ids is encoded, the flow turns a segment of the prior into latents,
the decoder turns a chunk of latents into samples. Encodings and segments are a little ahead of the chunks that need
them; chunks are decoded side by side and come out in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portevoix.vits.expansion import Expansion
from portevoix.vits.noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portevoix.vits.level import Level
    from portevoix.vits.network import Encoding, Manner, Network, WholeNetwork
    from portevoix.vits.schedule import Schedule
    from portevoix.vits.scheduler import Commit, Work
    from portevoix.vits.windows import Window

FLOW_CHUNKS = 2
"""Chunks whose latents are computed together once a sentence runs: fewer segments waste less context."""


@dataclass(frozen=True)
class Piece:
    """Some audio of a sentence, and how long ids last as far as that became known since the piece before.

    Attributes:
        samples: float32, -1..1, mono; the receiver may keep it and must not change it.
        first_id: number of the first id of `id_samples` within the sentence.
        id_samples: int64, the samples that ids last; empty where nothing new is known, or nothing is ever known.
    """

    samples: np.ndarray
    first_id: int = 0
    id_samples: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class _Segment:
    """Latents of the frames `first`..`last`."""

    first: int
    last: int
    latents: np.ndarray


class Utterance:
    """Speak one sentence through a split voice.

    All methods are called under the scheduler's lock, except the work that `take` returns, which touches nothing that
    changes. The samples do not depend on the order or the size of the steps.
    """

    def __init__(
        self,
        network: Network,
        ids: np.ndarray,
        *,
        windows: Sequence[Window],
        manner: Manner,
        level: Level,
        schedule: Schedule,
        sample_rate: int,
    ) -> None:
        self._network = network
        self._facts = network.facts
        self._ids = ids
        self._windows = windows
        self._manner = manner
        self._level = level
        self._schedule = schedule
        self._noise = Noise(manner.seed)
        self._frame_seconds = network.facts.hop_samples / sample_rate
        self._expansion = Expansion.empty(network.facts.channels)
        self._encodings_begun = self._encodings_done = 0
        self._ids_told = 0
        self._bounds = [0]
        self._flow_begun = self._flow_done = self._flowed_to = 0
        self._segments: list[_Segment] = []
        self._chunks_begun = self._chunks_told = 0
        self._chunks: dict[int, np.ndarray] = {}

    @property
    def is_finished(self) -> bool:
        """Whether every sample has been handed out."""
        return self._knows_all and self._bounds[-1] == self._frames and self._chunks_told == len(self._bounds) - 1

    @property
    def _knows_all(self) -> bool:
        return self._encodings_done == len(self._windows)

    @property
    def _frames(self) -> int:
        return self._expansion.frames

    def next_due_seconds(self, company: int, workers: int) -> float | None:
        """Return where in the sentence's audio the next step is needed, None while no step is ready."""
        self._plan(company, workers)
        due = [frame for frame, _ in self._ready()]
        return max(0, min(due)) * self._frame_seconds if due else None

    def take(self) -> Work:
        """Begin the step that `next_due_seconds` told of; its work returns what is to be called under the lock."""
        _, begin = min(self._ready(), key=lambda step: step[0])
        return begin()

    def _plan(self, company: int, workers: int) -> None:
        """Keep chunk boundaries planned as far as the next flow segment."""
        if not self._encodings_done:
            return
        while len(self._bounds) - 1 < self._flow_begun + FLOW_CHUNKS:
            left = self._frames - self._bounds[-1] if self._knows_all else None
            if left == 0:
                break
            previous = self._bounds[-1] - self._bounds[-2] if len(self._bounds) > 1 else 0
            size = self._schedule.size(previous, company, workers, left)
            self._bounds.append(self._bounds[-1] + min(size, max(previous, self._possible())))

    def _possible(self) -> int:
        """Return how many more frames could be made of what is encoded."""
        context = 0 if self._knows_all else self._facts.flow_reach[1] + self._facts.decoder_reach[1]
        return max(1, self._frames - context - self._bounds[-1])

    def _ready(self) -> list[tuple[int, Callable[[], Work]]]:
        """Return the frame at which each step that could begin now is needed, with the step.

        Until the first chunk has been decoded nothing else of the sentence is worked on: cores that share caches would
        slow down what the listener waits for, and none would be free to hand it over.
        """
        steps: list[tuple[int, Callable[[], Work]]] = []
        context = self._facts.flow_reach[1] + self._facts.decoder_reach[1]
        is_waited_for = self._flow_begun and not self._chunks_told
        if not is_waited_for and self._can_flow():
            steps.append((self._bounds[self._flow_begun], self._begin_flow))
        is_next_encoded = self._encodings_begun == self._encodings_done < len(self._windows)
        if is_next_encoded and not is_waited_for and (self._chunks_told or not steps):
            steps.append((self._frames - context, self._begin_encoding))
        if self._chunks_begun < self._flow_done:
            steps.append((self._bounds[self._chunks_begun], self._begin_chunk))
        return steps

    def _can_flow(self) -> bool:
        return self._flow_begun < len(self._bounds) - 1 and self._is_encoded(self._flow_chunks())

    def _is_encoded(self, chunks: int) -> bool:
        """Return whether what the latents of the first `chunks` chunks depend on is known."""
        return self._knows_all or self._flow_end(chunks) + self._facts.flow_reach[1] <= self._frames

    def _flow_chunks(self) -> int:
        """Return the number of the chunk up to which the next segment reaches."""
        together = FLOW_CHUNKS if self._flow_begun >= FLOW_CHUNKS else 1
        chunks = min(self._flow_begun + together, len(self._bounds) - 1)
        while chunks > self._flow_begun + 1 and not self._is_encoded(chunks):
            chunks -= 1
        return chunks

    def _flow_end(self, chunks: int) -> int:
        """Return the frame up to which the first `chunks` chunks need latents."""
        if not chunks:
            return 0
        end = self._bounds[chunks] + self._facts.decoder_reach[1]
        return min(end, self._frames) if self._knows_all else end

    def _begin_encoding(self) -> Work:
        window = self._windows[self._encodings_begun]
        self._encodings_begun += 1
        ids = self._ids[window.context_first : window.context_last]
        start, stop = window.first - window.context_first, window.last - window.context_first

        def work() -> Commit:
            encoding = self._network.encode(ids, window.context_first, self._manner).part(start, stop)
            return lambda: self._encoded(encoding)

        return work

    def _encoded(self, encoding: Encoding) -> list[Piece]:
        self._expansion = self._expansion.grown(encoding)
        self._encodings_done += 1
        del self._bounds[self._flow_begun + 1 :]
        return []

    def _begin_flow(self) -> Work:
        chunks = self._flow_chunks()
        first, last = self._flow_end(self._flow_begun), self._flow_end(chunks)
        self._flow_begun = chunks
        expansion = self._expansion

        def work() -> Commit:
            segment = self._flowed(expansion, first, last)
            return lambda: self._keep(segment)

        return work

    def _flowed(self, expansion: Expansion, first: int, last: int) -> _Segment:
        if first == last:
            return _Segment(first, last, np.empty((self._facts.channels, 0), dtype=np.float32))
        before, after = self._facts.flow_reach
        start, stop = max(0, first - before), min(expansion.frames, last + after)
        prior = expansion.prior(start, stop, self._noise, self._manner)
        return _Segment(first, last, self._network.flow(prior, first - start, stop - last, self._manner))

    def _keep(self, segment: _Segment) -> list[Piece]:
        """Keep a segment; segments may be ready out of order, and a chunk needs all before its end."""
        self._segments = sorted([*self._segments, segment], key=lambda kept: kept.first)
        for kept in self._segments:
            if kept.first == self._flowed_to:
                self._flowed_to = kept.last
        while self._flow_done < self._flow_begun and self._flow_end(self._flow_done + 1) <= self._flowed_to:
            self._flow_done += 1
        return []

    def _begin_chunk(self) -> Work:
        number = self._chunks_begun
        self._chunks_begun += 1
        first, last = self._bounds[number], self._bounds[number + 1]
        before, after = self._facts.decoder_reach
        start, stop = max(0, first - before), min(last + after, self._flowed_to)
        segments = [segment for segment in self._segments if segment.first < stop and segment.last > start]
        self._segments = [segment for segment in self._segments if segment.last > last - before]

        def work() -> Commit:
            latents = np.concatenate([segment.latents for segment in segments], axis=1)
            offset = segments[0].first
            wanted = latents[:, start - offset : stop - offset]
            samples = self._network.decode(wanted, first - start, stop - last, self._manner)
            audible = self._level.applied(samples)
            return lambda: self._decoded(number, audible)

        return work

    def _decoded(self, number: int, samples: np.ndarray) -> list[Piece]:
        self._chunks[number] = samples
        pieces = []
        while self._chunks_told in self._chunks:
            pieces.append(self._piece(self._chunks.pop(self._chunks_told)))
            self._chunks_told += 1
        return pieces

    def _piece(self, samples: np.ndarray) -> Piece:
        ends = self._expansion.ends
        durations = np.diff(ends, prepend=0)[self._ids_told :] * self._facts.hop_samples
        first_id, self._ids_told = self._ids_told, len(ends)
        return Piece(samples, first_id, durations)


class WholeUtterance:
    """Speak one sentence through a voice that cannot be split: one step, one piece, no durations."""

    def __init__(self, network: WholeNetwork, ids: np.ndarray, manner: Manner, level: Level) -> None:
        self._network = network
        self._ids = ids
        self._manner = manner
        self._level = level
        self._is_begun = False
        self.is_finished = False

    def next_due_seconds(self, company: int, workers: int) -> float | None:  # noqa: ARG002 - there is nothing to plan
        """Return 0 while the sentence has not begun."""
        return None if self._is_begun else 0.0

    def take(self) -> Work:
        """Begin the whole sentence."""
        self._is_begun = True

        def work() -> Commit:
            samples = self._level.applied(self._network.speak(self._ids, self._manner))
            return lambda: self._spoken(samples)

        return work

    def _spoken(self, samples: np.ndarray) -> list[Piece]:
        self.is_finished = True
        return [Piece(samples)]
