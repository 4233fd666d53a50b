"""A Piper voice that speaks from the first frames on."""

from __future__ import annotations

import hashlib
import logging
import math
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np

from portevoix.errors import (
    CannotSay,
    EngineFailed,
    EngineUnavailable,
    InvalidParameter,
    ModelBroken,
    ModelMissing,
    ModelUnsupported,
)
from portevoix.vits.batching import BatchingNetwork, batching_pays
from portevoix.vits.config import FETCH_AGAIN, VoiceConfig, read_config
from portevoix.vits.level import Level, gain_for
from portevoix.vits.making import make_parts, probe_sentences
from portevoix.vits.network import Manner, Network, SparedNetwork, WholeNetwork
from portevoix.vits.parts import PartsStore, find_or_make
from portevoix.vits.schedule import Schedule, schedule_for
from portevoix.vits.scheduler import Priority, Scheduler, Terms
from portevoix.vits.sessions import CPU, Device, is_for_want, open_session
from portevoix.vits.utterance import Piece, Utterance, WholeUtterance
from portevoix.vits.windows import Windows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from portevoix.vits.admission import Admission
    from portevoix.vits.network import Precision
    from portevoix.vits.parts import Parts
    from portevoix.vits.scheduler import Job

logger = logging.getLogger(__name__)

HASHED_BLOCK_BYTES = 2**20


class VitsVoice:
    """A loaded voice; safe from several event loops and threads.

    Attributes:
        config: the voice's own settings.
        fingerprint: the SHA-256 of the model, in hexadecimal.
        why_not_split: why it speaks whole sentences at once, None where it streams inside them.
        precision: what its decoder computes in.
        precision_loss_db: how far below the sound, in dB, what eight bits add to it lies; None where not measured.
    """

    def __init__(
        self,
        network: Network | WholeNetwork,
        config: VoiceConfig,
        fingerprint: str,
        scheduler: Scheduler,
        *,
        gain: float = 1.0,
        why_not_split: str | None = None,
        schedule: Schedule | None = None,
        windows: Windows | None = None,
    ) -> None:
        self.config = config
        self.fingerprint = fingerprint
        self.why_not_split = why_not_split
        self.precision, self.precision_loss_db = _precision(network)
        self._network: Network | WholeNetwork | None = network
        self._scheduler = scheduler
        self._gain = gain
        self._schedule = schedule or Schedule()
        self._windows = windows or Windows()

    @classmethod
    def load(
        cls,
        model: Path,
        config: Path | None = None,
        *,
        scheduler: Scheduler,
        device: Device = CPU,
        precision: Precision = "fp32",
        parts_folder: Path | None = None,
        schedule: Schedule | None = None,
        windows: Windows | None = None,
    ) -> VitsVoice:
        """Load a voice and warm it up. Blocks: for tenths of a second, for seconds the first time.

        Args:
            model: the voice's `.onnx`; its parts are kept in `<model>.parts` beside it where that can be written.
            config: the voice's `.onnx.json`; None for `<model>.json`.
            scheduler: whose threads compute.
            device: where to compute.
            precision: `int8` for a decoder of eight bits, where it is faster here and its loss bearable.
            parts_folder: where parts are kept when the voice's folder cannot be written.
            schedule: how a sentence is cut into chunks; the samples do not depend on it.
            windows: how long sentences are encoded; the samples of long sentences depend on it.

        Raises:
            ModelMissing: the model or its configuration is not there.
            ModelBroken: one of them is damaged, they contradict each other, or the model is none of a Piper voice.
            EngineUnavailable: the device cannot be used.
            EngineFailed: there was no memory for it, or the device failed.
        """
        settings = read_config(config or model.with_name(model.name + ".json"))
        fingerprint = _fingerprint(model)
        store = _store(model, fingerprint, parts_folder, device, precision)
        try:
            network, gain, why = _network(model, settings, store, device, precision)
            _warm_up(network, settings)
        except EngineFailed as error:
            if device.kind != "cpu" or is_for_want(error):
                raise
            raise ModelBroken(f"the voice {model.name} cannot speak", str(error), FETCH_AGAIN) from error
        if schedule is None and not isinstance(network, WholeNetwork):
            facts = network.facts
            schedule = schedule_for(facts.frame_seconds, facts.hop_samples / settings.sample_rate)
        return cls(
            network,
            settings,
            fingerprint,
            scheduler,
            gain=gain,
            why_not_split=why,
            schedule=schedule,
            windows=windows,
        )

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.config.sample_rate

    @property
    def espeak_voice(self) -> str:
        """The espeak-ng voice that makes its phonemes."""
        return self.config.espeak_voice

    @property
    def speakers(self) -> Mapping[str, int]:
        """Numbers of speakers by name; empty for a voice with one speaker."""
        return self.config.speakers

    @property
    def is_split(self) -> bool:
        """Whether it streams inside sentences."""
        return self.why_not_split is None

    def admit(self, *, is_listening: bool = False, listener: int = 0) -> Admission:
        """Accept one more listener; close what is returned when it is over. Who is already listening is not refused.

        Args:
            is_listening: an earlier sentence is being heard already.
            listener: a listener's number; one with several sentences in the making counts once. 0 for none.

        Raises:
            Overloaded: those accepted before would no longer keep real time.
        """
        return self._scheduler.admit(self.fingerprint, is_listening=is_listening, listener=listener)

    async def stream(
        self,
        ids: Sequence[int],
        *,
        speaker: int | None = None,
        length_scale: float | None = None,
        noise_scale: float | None = None,
        noise_w_scale: float | None = None,
        seed: int = 0,
        volume: float = 1.0,
        is_leveled: bool = True,
        priority: Priority = Priority.LISTENER,
        plays_in_seconds: float = 0.0,
        listener: int = 0,
    ) -> AsyncGenerator[Piece, None]:
        """Speak one sentence; the pieces together are the sentence, and the lengths of ids come with the first ones.

        Closing the generator drops the work that is left at the next step.

        Args:
            ids: phoneme ids, as piper-tts makes them, pads included.
            speaker: number of a speaker; None for the voice's own choice.
            length_scale: slower above 1; None for the voice's own.
            noise_scale: how much the sound varies; None for the voice's own.
            noise_w_scale: how much durations vary; None for the voice's own.
            seed: the same seed gives the same samples where the voice is split.
            volume: factor on the samples, from 0.
            is_leveled: apply the voice's gain and the limiter; else samples are those of the network, clipped.
            priority: whose work goes first.
            plays_in_seconds: how long the listener still has other audio to hear before this.
            listener: number of whoever hears it, as for `admit`.

        Raises:
            CannotSay: there are no ids, or some that the voice does not have.
            InvalidParameter: the speaker or a scale is out of range.
            EngineFailed: the network failed.
            EngineUnavailable: the voice or the scheduler is closed.
        """
        manner = self._manner(speaker, length_scale, noise_scale, noise_w_scale, seed)
        job = self._job(self._checked(ids), manner, _not_negative("volume", volume), is_leveled=is_leveled)
        terms = Terms(self.fingerprint, self.sample_rate, priority, plays_in_seconds, listener=listener)
        async with aclosing(self._scheduler.pieces(job, terms)) as pieces:
            async for piece in pieces:
                yield piece

    def close(self) -> None:
        """Let go of the network; sentences being spoken are spoken to their end."""
        self._network = None

    def _job(self, ids: np.ndarray, manner: Manner, volume: float, *, is_leveled: bool) -> Job:
        network = self._network
        if network is None:
            raise EngineUnavailable("the voice cannot speak", "it is closed", "Load it again.")
        level = Level(self._gain * volume, is_limited=True) if is_leveled else Level(volume)
        if isinstance(network, WholeNetwork):
            return WholeUtterance(network, ids, manner, level)
        windows = self._windows.over(ids.tolist(), self.config.break_ids)
        return Utterance(
            network,
            ids,
            windows=windows,
            manner=manner,
            level=level,
            schedule=self._schedule,
            sample_rate=self.sample_rate,
        )

    def _checked(self, ids: Sequence[int]) -> np.ndarray:
        if not len(ids):
            raise CannotSay("there is nothing to say", "the sentence has no phonemes")
        array = np.asarray(ids, dtype=np.int64)
        if array.min() < 0 or array.max() >= self.config.id_count:
            why = f"its id is not from 0 to {self.config.id_count - 1}"
            raise CannotSay("a phoneme cannot be spoken", why, FETCH_AGAIN)
        return array

    def _manner(
        self,
        speaker: int | None,
        length_scale: float | None,
        noise_scale: float | None,
        noise_w_scale: float | None,
        seed: int,
    ) -> Manner:
        own = self.config
        length = own.length_scale if length_scale is None else length_scale
        if not (math.isfinite(length) and length > 0):
            raise InvalidParameter("the speed cannot be used", f"length_scale is {length}", param="length_scale")
        return Manner(
            self._speaker(speaker),
            length,
            _not_negative("noise_scale", own.noise_scale if noise_scale is None else noise_scale),
            _not_negative("noise_w_scale", own.noise_w_scale if noise_w_scale is None else noise_w_scale),
            seed,
        )

    def _speaker(self, speaker: int | None) -> int:
        number = self.config.default_speaker if speaker is None else speaker
        if not 0 <= number < self.config.speaker_count:
            raise InvalidParameter(
                f"the voice has no speaker {number}",
                f"its speakers are 0 to {self.config.speaker_count - 1}",
                "Choose one of them.",
                param="speaker",
            )
        return number


def _network(
    model: Path, config: VoiceConfig, store: PartsStore, device: Device, precision: Precision
) -> tuple[Network | WholeNetwork, float, str | None]:
    """Return the split network, or the whole one; the voice's gain; and why it is the whole one."""
    try:
        network, gain = _split_network(store, device, lambda: make_parts(model, config, device, precision))
    except (ModelUnsupported, EngineFailed) as error:
        if isinstance(error, EngineFailed) and (device.kind != "cpu" or is_for_want(error)):
            raise
        logger.warning("voice.not_split", extra={"why": error.why})
        whole = WholeNetwork(open_session("voice", model, device=device))
        manner = Manner(speaker=config.default_speaker)
        return whole, gain_for(whole.speak(ids, manner) for ids in probe_sentences(config)), error.why
    return network, gain, None


def has_parts(model: Path, parts_folder: Path | None, device: Device = CPU, precision: Precision = "fp32") -> bool:
    """Return whether a voice's parts are stored, so that it loads at once.

    Raises:
        ModelMissing: the model is not there.
    """
    return _store(model, _fingerprint(model), parts_folder, device, precision).find() is not None


def _store(
    model: Path, fingerprint: str, parts_folder: Path | None, device: Device, precision: Precision
) -> PartsStore:
    folders = [model.with_name(model.name + ".parts"), *([parts_folder] if parts_folder else [])]
    return PartsStore(folders, fingerprint, device, precision, own=folders[0])


def _split_network(store: PartsStore, device: Device, make: Callable[[], Parts]) -> tuple[Network, float]:
    """Load the voice's parts, and its gain; parts that turn out to be damaged are made again, once."""
    parts = find_or_make(store, make)
    try:
        network = parts.network(device)
    except ModelBroken:
        store.discard()
        parts = find_or_make(store, make)
        network = parts.network(device)
    if device.kind == "cpu":
        return network, parts.facts.gain
    shared = BatchingNetwork(network) if batching_pays(network) else network
    return SparedNetwork(shared, parts.network), parts.facts.gain


def _precision(network: Network | WholeNetwork) -> tuple[Precision, float | None]:
    if isinstance(network, WholeNetwork):
        return "fp32", None
    return network.facts.precision, network.facts.precision_loss_db


def _warm_up(network: Network | WholeNetwork, config: VoiceConfig) -> None:
    """Run every part once on a few ids, so that the first listener does not wait for first-time work."""
    ids = next(iter(probe_sentences(config)))[:8]
    manner = Manner(speaker=config.default_speaker)
    if isinstance(network, WholeNetwork):
        network.speak(ids, manner)
        return
    network.encode(ids, 0, manner)
    blank = np.zeros((network.facts.channels, 1 + sum(network.facts.decoder_reach)), dtype=np.float32)
    network.decode(network.flow(blank, 0, 0, manner), *network.facts.decoder_reach, manner)


def _fingerprint(model: Path) -> str:
    digest = hashlib.sha256()
    try:
        with model.open("rb") as file:
            while block := file.read(HASHED_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise ModelMissing(f"the voice {model.name} cannot be read", error.strerror or "", FETCH_AGAIN) from error
    return digest.hexdigest()


def _not_negative(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise InvalidParameter(f"{name} cannot be used", f"it is {value}, not a number from 0", param=name)
    return float(value)
