"""Level 1: Piper voices in this process, on a GPU where there is one, streamed inside the sentence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from portevoix.audio import AudioChunk
from portevoix.engine import Delivery, EngineState, Phase, Surroundings
from portevoix.errors import CannotSay, EngineError, EngineUnavailable, InvalidParameter, ModelError
from portevoix.models.piper_voices import VoiceShelf, voice_name
from portevoix.rooms.device import pick_device
from portevoix.rooms.phonemizing import HousedPhonemizer, Phonemizers
from portevoix.rooms.residency import MemoryShort, Place, Residency
from portevoix.speech import Utterance, Voice, language_family
from portevoix.text.word_times import WordTimes, in_background
from portevoix.vits.remarks import about_eight_bits, why_whole

if TYPE_CHECKING:
    from portevoix.models.piper_voices import PiperVoiceFile
    from portevoix.text.phonemes import PhonemeSentence
    from portevoix.vits.network import Precision
    from portevoix.vits.scheduler import Scheduler
    from portevoix.vits.sessions import Device
    from portevoix.vits.voice import VitsVoice

logger = logging.getLogger(__name__)

PRELOADED_LANGUAGES = ("fr", "en")

MEMORY_PER_FILE_BYTE = 2
"""onnxruntime keeps the weights, and most of them once more in the order in which they are read."""


@dataclass(frozen=True, slots=True)
class PiperNativeOptions:
    """What can be configured under `backends.piper_native`."""

    model_path: str | None = field(default=None, metadata={"help": "a Piper model to prefer over those in the folders"})
    model_config_path: str | None = field(
        default=None, metadata={"help": "its configuration, where it is not beside it"}
    )
    speaker_id: int | None = field(
        default=None, metadata={"help": "speaker of a multi-speaker voice, by number", "minimum": 0}
    )
    device: str = field(
        default="auto", metadata={"help": "`auto`, `cpu`, `cuda` or `cuda:N`; a GPU that is not there falls through"}
    )
    device_name: str | None = field(
        default=None, metadata={"help": "a part of the name that the GPU must have, as `RTX 3090`"}
    )
    precision: str = field(
        default="fp32",
        metadata={
            "help": "`int8` decodes in eight bits, where that is faster here and its loss bearable",
            "choices": ("fp32", "int8"),
        },
    )
    noise_scale: float | None = field(
        default=None, metadata={"help": "how much the sound varies; the voice's own", "minimum": 0, "maximum": 2}
    )
    noise_w_scale: float | None = field(
        default=None, metadata={"help": "how much the rhythm varies; the voice's own", "minimum": 0, "maximum": 2}
    )
    length_scale: float | None = field(
        default=None, metadata={"help": "slower above 1; the voice's own", "minimum": 0.1, "maximum": 10}
    )


@dataclass(frozen=True, slots=True)
class _Loaded:
    """One voice in memory."""

    network: VitsVoice
    phonemizer: HousedPhonemizer
    name: str


class PiperNative:
    """Speak with Piper voices through onnxruntime."""

    name: ClassVar[str] = "piper_native"
    summary: ClassVar[str] = "Piper neural voices in process: sound begins after a few frames"
    Options: ClassVar[type[Any]] = PiperNativeOptions
    priority: ClassVar[int] = 10
    target_latency_ms: ClassVar[float] = 120.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    is_silent: ClassVar[bool] = False

    def __init__(self, options: PiperNativeOptions, surroundings: Surroundings) -> None:
        """Remember where voices are; load nothing."""
        self._options = options
        self._surroundings = surroundings
        self._model = Path(options.model_path) if options.model_path else None
        config = Path(options.model_config_path) if options.model_config_path else None
        self._shelf = VoiceShelf(surroundings.voice_folders, self._model, config, surroundings.clock)
        self._parts_folder = surroundings.cache_folder / "parts"
        self._precision = cast("Precision", options.precision)
        self._residency = surroundings.residency or Residency()
        self._places: dict[str, Place] = {}
        self._loaded: dict[str, _Loaded] = {}
        self._prints: dict[str, str] = {}
        self._has_loaded = False
        self._broken: dict[str, EngineError] = {}
        self._no_device: EngineUnavailable | None = None
        self._loading: dict[str, asyncio.Task[_Loaded]] = {}
        self._phonemizers = Phonemizers()
        self._scheduler: Scheduler | None = None
        self._device: Device | None = None

    def state(self) -> EngineState:
        """Return whether a voice is loaded, or could be; one that left memory for a while is back at once."""
        if self._loaded:
            networks = [loaded.network for loaded in self._loaded.values()]
            whole = why_whole(networks)
            bits = about_eight_bits(networks) if self._options.precision == "int8" else ""
            remarks = "; ".join(filter(None, (whole, bits)))
            return EngineState(Phase.READY, remarks, device=str(self._device), makes_sentences_whole=bool(whole))
        if self._loading and not self._has_loaded:
            return EngineState(Phase.LOADING, "a voice is loading")
        error = self._reason()
        if error is not None:
            return EngineState(Phase.UNAVAILABLE, str(error), error.hint, error.code)
        return EngineState(Phase.READY, device=str(self._device)) if self._has_loaded else EngineState(Phase.IDLE)

    def voices(self) -> tuple[Voice, ...]:
        """Return the voices on disk and those known by name; one that broke while loading counts as not installed.

        One whose files were replaced while somebody speaks with it has the fingerprint of what is heard.
        """
        voices = self._shelf.voices(self.name)
        is_other = self._broken or any(map(self._is_kept, self._loaded))
        return tuple(self._as_it_is(voice) for voice in voices) if is_other else voices

    def is_in_memory(self, voice: str) -> bool:
        """Tell whether the voice of this name is loaded."""
        return voice in self._loaded

    def processes(self) -> tuple[int, ...]:
        """Return the number of the phonemizer's process."""
        return self._phonemizers.processes()

    async def load(self) -> None:
        """Load the best voice of the usual languages; one that loads is enough.

        Raises:
            EngineUnavailable: the device that was asked for is not there.
            ModelError: there is no voice, or none that works.
            MemoryShort: there is no memory for any.
        """
        trouble: EngineError | None = EngineUnavailable("no voice is loaded")
        for name in self._preferred():
            try:
                async with self._in_use(name):
                    trouble = None
            except (ModelError, MemoryShort) as error:
                trouble = trouble and error
                logger.warning("voice.broken", extra={"voice": name, "code": error.code, "why": str(error)})
        if trouble:
            raise self._reason() or trouble

    async def stream(self, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence, from its first frames on.

        Raises:
            Overloaded: those who are listening already would no longer hear it in real time.
            CannotSay: the voice has no sounds for the text.
            MemoryShort: voices and models that are in use leave no memory for this one.
        """
        async with self._in_use(utterance.voice.name) as loaded, aclosing(self._sentences(loaded, utterance)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def aclose(self) -> None:
        """Forget all voices, and end the worker threads and the phonemizer's process."""
        for task in self._loading.values():
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)
        await asyncio.gather(*map(self._residency.forget, self._places.values()))
        await asyncio.gather(*map(self._unload, tuple(self._loaded)))
        await self._phonemizers.aclose()
        self._places.clear()
        self._prints.clear()
        self._has_loaded = False
        if self._scheduler is not None:
            self._scheduler.close()
            self._scheduler = None

    async def _sentences(self, loaded: _Loaded, utterance: Utterance) -> AsyncGenerator[AudioChunk, None]:
        sentences = await loaded.phonemizer.sentences(utterance.text)
        if not sentences:
            raise CannotSay(f"{loaded.name} has no sounds for this text")
        rate, seconds = loaded.network.sample_rate, 0.0
        with (
            loaded.network.admit(is_listening=utterance.continues, listener=utterance.listener),
            in_background(partial(loaded.phonemizer.words, utterance.text, sentences)) as words,
        ):
            for index, sentence in enumerate(sentences):
                times = WordTimes(words, index, rate, seconds)
                async with aclosing(self._pieces(loaded, sentence, utterance)) as pieces:
                    async for piece in pieces:
                        chunk = AudioChunk(piece.samples, rate, await times.learn(piece.id_samples))
                        seconds += chunk.seconds
                        yield chunk

    def _pieces(self, loaded: _Loaded, sentence: PhonemeSentence, utterance: Utterance) -> AsyncGenerator[Any, None]:
        options, defaults = self._options, loaded.network.config
        length_scale = _first(options.length_scale, defaults.length_scale) / utterance.speed
        return loaded.network.stream(
            sentence.ids,
            speaker=self._speaker(loaded, utterance.speaker),
            length_scale=length_scale,
            noise_scale=_first(options.noise_scale, defaults.noise_scale),
            noise_w_scale=_first(options.noise_w_scale, defaults.noise_w_scale),
            seed=utterance.seed,
            plays_in_seconds=utterance.slack_seconds,
            listener=utterance.listener,
        )

    def _speaker(self, loaded: _Loaded, wanted: str | int | None) -> int | None:
        if wanted is None:
            chosen = self._options.speaker_id  # it is meant for one voice; others have fewer speakers
            return None if chosen is None or chosen >= loaded.network.config.speaker_count else chosen
        speakers = loaded.network.speakers
        if isinstance(wanted, str) and not wanted.isdecimal():
            if wanted not in speakers:
                known = ", ".join(list(speakers)[:20]) or "one only"
                raise InvalidParameter(
                    f"{loaded.name} has no speaker {wanted[:60]!r}", f"it has {known}", param="speaker"
                )
            return speakers[wanted]
        return int(wanted)

    @asynccontextmanager
    async def _in_use(self, name: str) -> AsyncIterator[_Loaded]:
        """Have a voice in memory while the context lasts."""
        if self._device is None:
            try:
                self._device = await asyncio.to_thread(self._pick_device)
            except EngineUnavailable as error:
                self._no_device = error
                raise
        async with self._residency.use(await self._place(name, self._device)):
            yield await self._voice(name)

    async def _place(self, name: str, device: Device) -> Place:
        """Return the place of a voice, who leaves it first where its files were replaced and nobody speaks with it."""
        if name not in self._places:
            self._places[name] = Place(f"{name} of {self.name}", str(device), 0, lambda: self._unload(name))
        place = self._places[name]
        if self._is_replaced(name):
            await self._residency.renew(place)
        if name not in self._loaded:
            place.needed_bytes = MEMORY_PER_FILE_BYTE * self._shelf.file(name).size_bytes
        return place

    def _is_replaced(self, name: str) -> bool:
        """Tell whether a voice's files are others than those that were loaded; ones that are gone were not replaced."""
        file, loaded = self._shelf.find(name), self._prints.get(name)
        return file is not None and file.error is None and loaded not in (None, file.fingerprint)

    def _is_kept(self, name: str) -> bool:
        """Tell whether somebody speaks with a voice whose files were replaced."""
        return name in self._loaded and self._is_replaced(name) and self._residency.is_used(self._places[name])

    async def _unload(self, name: str) -> None:
        self._places[name].bytes = 0
        if (loaded := self._loaded.pop(name, None)) is not None:
            await asyncio.to_thread(loaded.network.close)

    async def _voice(self, name: str) -> _Loaded:
        """Return a voice, loading it when it is not there; several who ask wait for one loading.

        Raises:
            ModelError: it is not there or broken; a broken one is not tried again before its files change.
            EngineUnavailable: the device is not there.
        """
        if (loaded := self._loaded.get(name)) is not None:
            return loaded
        if (error := self._broken.get(self._broken_key(name))) is not None:
            raise error
        if name not in self._loading:
            task = self._load_voice(name, self._places[name])
            self._loading[name] = asyncio.create_task(task, name=f"load {name}")
        return await asyncio.shield(self._loading[name])

    async def _load_voice(self, name: str, place: Place) -> _Loaded:
        """Load a voice; its place is kept for it also when nobody waits for it any more."""
        try:
            async with self._residency.use(place):
                self._phonemizers.begin()
                await asyncio.sleep(0)  # it is on its way before imports keep this thread busy
                file = self._shelf.file(name)
                await self._take_apart(file)
                loaded = self._loaded[name] = await self._open(file)
                self._prints[name] = file.fingerprint
                place.device, place.bytes = str(self._device), place.needed_bytes
        except MemoryShort:
            raise
        except ModelError as error:
            self._broken[self._broken_key(name)] = error
            raise
        finally:
            del self._loading[name]
        self._has_loaded = True
        facts = {"voice": name, "device": str(self._device), "speaker": self._speaker(loaded, None)}
        logger.info("voice.loaded", extra=facts)
        return loaded

    async def _take_apart(self, file: PiperVoiceFile) -> None:
        """Have the voice's parts made by another process, where they are not there yet."""
        from portevoix.vits.child import take_apart

        assert self._device is not None  # noqa: S101 - it is found before a voice is loaded
        await take_apart(file.model, file.config, self._parts_folder, self._device, self._precision)

    async def _open(self, file: PiperVoiceFile) -> _Loaded:
        phonemizer = await self._phonemizers.of(file.config)
        return _Loaded(await asyncio.to_thread(self._open_network, file), phonemizer, file.name)

    def _open_network(self, file: PiperVoiceFile) -> VitsVoice:
        from portevoix.vits.scheduler import Scheduler
        from portevoix.vits.sessions import CPU
        from portevoix.vits.voice import VitsVoice

        self._device = self._device or self._pick_device()
        self._scheduler = self._scheduler or Scheduler()
        try:
            return VitsVoice.load(
                file.model,
                file.config,
                scheduler=self._scheduler,
                device=self._device,
                precision=self._precision,
                parts_folder=self._parts_folder,
            )
        except EngineUnavailable as error:
            if self._options.device != "auto" or self._device == CPU:
                self._no_device = error
                raise
            logger.warning("device.passed_over", extra={"device": str(self._device), "why": str(error)})
            self._device = CPU
            return self._open_network(file)

    def _pick_device(self) -> Device:
        options, fraction = self._options, self._surroundings.gpu_memory_fraction
        return pick_device(options.device, options.device_name, fraction)

    def _preferred(self) -> list[str]:
        """Return the voices to load at once: the chosen one, then the best of the usual languages."""
        installed = [voice for voice in self.voices() if voice.is_installed]
        chosen = [voice.name for voice in installed if self._model and voice.name == voice_name(self._model)]
        default = language_family(self._surroundings.default_language)
        families = [default, *(family for family in PRELOADED_LANGUAGES if family != default)]
        best = [next((one.name for one in installed if one.family == family), None) for family in families]
        names = dict.fromkeys([*chosen, *(name for name in best if name)])
        return list(names) or [voice.name for voice in installed[:1]]

    def _reason(self) -> EngineError | None:
        """Return why no voice can be loaded, or None when one can."""
        if self._no_device is not None:
            return self._no_device
        if any(voice.is_installed for voice in self.voices()):
            return None
        if self._broken:
            return next(iter(self._broken.values()))
        wanted = voice_name(self._model) if self._model else self._shelf.voices(self.name)[0].name
        try:
            self._shelf.file(wanted)
        except EngineError as error:
            return error
        return None

    def _as_it_is(self, voice: Voice) -> Voice:
        if self._is_kept(voice.name):
            return replace(voice, fingerprint=self._prints[voice.name])
        error = self._broken.get(self._broken_key(voice.name)) if voice.is_installed else None
        return replace(voice, is_installed=False, why_not=str(error), hint=error.hint) if error else voice

    def _broken_key(self, name: str) -> str:
        """Return the name of one state of a voice's files, so that mended files are tried again."""
        file = self._shelf.find(name)
        return f"{name} {file.fingerprint if file else ''}"


def _first(chosen: float | None, default: float) -> float:
    return default if chosen is None else chosen
