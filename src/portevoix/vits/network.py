"""The parts of a voice as functions of arrays."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np

from portevoix.errors import EngineFailed, ModelBroken
from portevoix.vits.noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portevoix.vits.sessions import Session

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Precision = Literal["fp32", "int8"]
"""What a decoder computes in: floating point, or integers of eight bits."""


@dataclass(frozen=True)
class Facts:
    """What one must know of a voice's parts to run them.

    Attributes:
        hop_samples: samples in a frame.
        channels: channels of the prior and the latents.
        flow_reach: frames of the prior needed before and after the latents that are wanted.
        decoder_reach: frames of latents needed before and after the frames to be heard.
        draws_durations: whether durations take noise.
        has_speakers: whether the parts take a speaker.
        gain: the voice's gain, see `portevoix.vits.level`.
        frame_seconds: how long one thread took to decode a frame where the parts were made; 0 where it is not known.
        precision: what the decoder computes in.
        precision_loss_db: how far below the sound lies what eight bits add to it, measured on probe sentences; also
            where eight bits were refused for it. None where it was not measured.
    """

    hop_samples: int
    channels: int
    flow_reach: tuple[int, int]
    decoder_reach: tuple[int, int]
    draws_durations: bool
    has_speakers: bool
    gain: float = 1.0
    frame_seconds: float = 0.0
    precision: Precision = "fp32"
    precision_loss_db: float | None = None

    def to_json(self) -> dict[str, object]:
        """Return the same as what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Facts:
        """Read what `to_json` gave.

        Raises:
            ModelBroken: a value is missing, or one too many.
        """
        try:
            reaches = {name: tuple(values[name]) for name in ("flow_reach", "decoder_reach")}
            return cls(**{**values, **reaches})
        except (KeyError, TypeError) as error:
            raise ModelBroken("the stored parts of a voice cannot be used", str(error)) from error


@dataclass(frozen=True)
class Manner:
    """How a sentence is to be spoken.

    Attributes:
        speaker: which voice of several, or 0.
        length_scale: slower above 1, faster below; above 0.
        noise_scale: how much the sound varies, from 0.
        noise_w_scale: how much the durations vary, from 0.
        seed: picks the noise; the same seed gives the same samples where the voice is split.
    """

    speaker: int = 0
    length_scale: float = 1.0
    noise_scale: float = 0.667
    noise_w_scale: float = 0.8
    seed: int = 0

    def scales(self) -> np.ndarray:
        """Return the `scales` input of the graph."""
        return np.array([self.noise_scale, self.length_scale, self.noise_w_scale], dtype=np.float32)


@dataclass(frozen=True)
class Encoding:
    """What the encoder says about some ids.

    Attributes:
        means: float32 [ids, channels].
        deviations: float32 [ids, channels], not logarithms.
        durations: int64 [ids], frames.
    """

    means: np.ndarray
    deviations: np.ndarray
    durations: np.ndarray

    def part(self, first: int, last: int) -> Encoding:
        """Return what it says about some of its ids."""
        return Encoding(self.means[first:last], self.deviations[first:last], self.durations[first:last])


class Network(Protocol):
    """The three parts that `SplitNetwork` runs; every method is pure and safe from several threads."""

    facts: Facts

    def encode(self, ids: np.ndarray, first: int, manner: Manner) -> Encoding:
        """Encode ids whose first is the sentence's `first`."""

    def flow(self, prior: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn float32 [channels, frames] of the prior into latents, without `before` and `after` frames of context."""

    def decode(self, latents: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn latents into float32 samples, leaving out `before` and `after` frames of context."""


class SplitNetwork:
    """A voice's parts on sessions."""

    def __init__(self, facts: Facts, encoder: Session, flow: Session, decoder: Session) -> None:
        self.facts = facts
        self._encoder = encoder
        self._flow = flow
        self._decoder = decoder

    def encode(self, ids: np.ndarray, first: int, manner: Manner) -> Encoding:
        """Encode int64 [ids], the first of which is id number `first` of its sentence.

        Raises:
            EngineFailed: the durations are no numbers, or the encoder failed.
        """
        arrays = {
            "input": ids[None],
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": manner.scales(),
            "sid": _speaker(manner),
        }
        if self.facts.draws_durations:
            arrays["duration_noise"] = Noise(manner.seed).for_ids(first, first + len(ids))[None]
        means, deviations, durations = self._encoder.run(arrays)
        if not np.isfinite(durations).all():
            raise EngineFailed("the voice could not be spoken", "its durations are not finite", "Check the voice file.")
        return Encoding(means[0], np.exp(deviations[0]), durations.ravel().astype(np.int64))

    def flow(self, prior: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn float32 [channels, frames] of the prior into latents, without `before` and `after` frames of context."""
        margins = np.array([before, after], dtype=np.int64)
        latents: np.ndarray = self._flow.run({"prior": prior[None], "margins": margins, "sid": _speaker(manner)})[0][0]
        return latents

    def decode(self, latents: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn latents into float32 samples, leaving out `before` and `after` frames of context."""
        samples: np.ndarray = self.decode_together(latents[None], before, after, manner)[0]
        return samples

    def decode_together(self, latents: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Turn float32 [batch, channels, frames] into samples [batch, samples]: several chunks of one size in one run.

        Raises:
            EngineFailed: the decoder failed, for all of them.
        """
        margins = np.array([before, after], dtype=np.int64)
        arrays = {"latents": latents, "margins": margins, "sid": _speaker(manner)}
        samples: np.ndarray = self._decoder.run(arrays)[0].reshape(len(latents), -1)
        return samples


class SparedNetwork:
    """A network on a device that may be lost, with another to go on with in mid-sentence.

    No part keeps anything between calls, so whatever failed is simply computed again by the spare.
    """

    def __init__(self, first: Network, spare: Callable[[], Network]) -> None:
        self.facts = first.facts
        self._current = first
        self._open_spare: Callable[[], Network] | None = spare
        self._changing = threading.Lock()

    def encode(self, ids: np.ndarray, first: int, manner: Manner) -> Encoding:
        """Encode on the device, or on the spare once the device has failed."""
        return self._spared(lambda network: network.encode(ids, first, manner))

    def flow(self, prior: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Run the flow on the device, or on the spare once the device has failed."""
        return self._spared(lambda network: network.flow(prior, before, after, manner))

    def decode(self, latents: np.ndarray, before: int, after: int, manner: Manner) -> np.ndarray:
        """Decode on the device, or on the spare once the device has failed."""
        return self._spared(lambda network: network.decode(latents, before, after, manner))

    def _spared(self, compute: Callable[[Network], Result]) -> Result:
        current = self._current
        try:
            return compute(current)
        except EngineFailed as error:
            with self._changing:
                if current is self._current:
                    self._change(error)
            return compute(self._current)

    def _change(self, error: EngineFailed) -> None:
        open_spare, self._open_spare = self._open_spare, None
        if open_spare is None:
            raise error
        logger.warning("device.lost", extra={"why": error.why})
        self._current = open_spare()


class WholeNetwork:
    """A voice's stock graph, which speaks a sentence at once and draws its own noise."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def speak(self, ids: np.ndarray, manner: Manner) -> np.ndarray:
        """Return the float32 samples of a sentence given as int64 [ids]."""
        arrays = {
            "input": ids[None],
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": manner.scales(),
            "sid": _speaker(manner),
        }
        return self._session.run(arrays)[0].ravel()


def _speaker(manner: Manner) -> np.ndarray:
    return np.array([manner.speaker], dtype=np.int64)


def are_near(one: np.ndarray, other: np.ndarray, largest_error: float) -> bool:
    """Tell whether two arrays have one shape, and numbers that differ by no more than an absolute or relative error."""
    return one.shape == other.shape and np.allclose(one, other, largest_error, largest_error)
