"""Who is measured: each speaks a text as pieces of samples, on the same machine, from the same voice file."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

SETTINGS = {"CACHE__ENABLED": "false", "BACKENDS__PIPER_NATIVE__DEVICE": "cpu"}
"""The product's settings, by the ends of its environment variables."""


class Contestant(Protocol):
    """Something that speaks a text."""

    name: str

    def speak(self, text: str) -> AsyncGenerator[np.ndarray, None]:
        """Yield float32 samples as soon as they are there."""

    def close(self) -> None:
        """Let go of threads and memory."""


class Portevoix:
    """The product as a library: its `Speaker`, with one engine and no cache, since that would remember the texts."""

    name = "portevoix"

    def __init__(self, model: Path) -> None:
        from portevoix.app import build, read_configuration

        environment = {f"PORTEVOIX_{key}": value for key, value in SETTINGS.items()}
        environment["PORTEVOIX_BACKENDS__PIPER_NATIVE__MODEL_PATH"] = str(model)
        self._app = build(read_configuration(environ=environment))
        self._voice = model.stem
        self.sample_rate = int(_json(model)["audio"]["sample_rate"])

    async def speak(self, text: str) -> AsyncGenerator[np.ndarray, None]:
        """Yield the speech as the pipeline gives it."""
        from portevoix.speech import SpeechRequest

        await self._app.load()
        speech = await self._app.speaker.open(SpeechRequest(text, voice=self._voice, engine="piper_native"))
        async with aclosing(aiter(speech)) as chunks:
            async for chunk in chunks:
                yield chunk.samples

    def close(self) -> None:
        """Do nothing: the worker threads end with the process, and each kind is measured in one of its own."""


class Stock:
    """piper-tts as it is published.

    Args:
        model: the voice.
        threads: threads of onnxruntime, None for its default.
        at_once: how many sentences are computed side by side, None for all that are asked for.
    """

    def __init__(self, model: Path, threads: int | None = None, at_once: int | None = None) -> None:
        import onnxruntime
        from piper import PiperVoice

        self.name = (
            "stock" if threads is None else f"stock, {threads} thread" + (f", {at_once} at a time" if at_once else "")
        )
        self._voice = PiperVoice.load(model)
        if threads is not None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            self._voice.session = onnxruntime.InferenceSession(str(model), options)
        self._turns = asyncio.Semaphore(at_once or 10**6)
        self.sample_rate = self._voice.config.sample_rate

    async def speak(self, text: str) -> AsyncGenerator[np.ndarray, None]:
        """Yield whole sentences, as piper-tts does."""
        sentences = self._voice.synthesize(text)
        while True:
            async with self._turns:
                chunk = await asyncio.to_thread(next, sentences, None)
            if chunk is None:
                return
            yield chunk.audio_float_array

    def close(self) -> None:
        """Do nothing: the session goes with the object."""


class Sherpa:
    """sherpa-onnx on the same network, with piper-tts's phonemes, since its wheels make none for such voices.

    The metadata that it asks for is added to a copy of the file.
    """

    name = "sherpa-onnx"

    def __init__(self, model: Path, folder: Path) -> None:
        import sherpa_onnx
        from piper import PiperVoice
        from piper.config import PiperConfig

        config = _json(model)
        network, tokens = _for_sherpa(model, config, folder)
        vits = sherpa_onnx.OfflineTtsVitsModelConfig(model=str(network), tokens=str(tokens))
        threads = sherpa_onnx.OfflineTtsModelConfig(vits=vits, num_threads=2)
        self._speaker = sherpa_onnx.OfflineTts(sherpa_onnx.OfflineTtsConfig(model=threads, max_num_sentences=1))
        self._manner = sherpa_onnx.GenerationConfig
        self._phonemes = PiperVoice(session=None, config=PiperConfig.from_dict(config))
        self.sample_rate = int(config["audio"]["sample_rate"])

    async def speak(self, text: str) -> AsyncGenerator[np.ndarray, None]:
        """Yield whole sentences, as its callback gives them."""
        spoken: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()

        def heard(samples: np.ndarray, _: float) -> int:
            spoken.put(np.array(samples))
            return 1

        def work() -> None:
            manner = self._manner()
            sentences = self._phonemes.phonemize(text)
            manner.phoneme_codepoints = [[ord(mark) for mark in "".join(marks)] for marks in sentences]
            self._speaker.generate(text, manner, heard)
            spoken.put(None)

        threading.Thread(target=work, daemon=True).start()
        while (samples := await asyncio.to_thread(spoken.get)) is not None:
            yield samples

    def close(self) -> None:
        """Do nothing: the engine goes with the object."""


def contestants(model: Path, folder: Path) -> Iterator[Contestant]:
    """Yield those that can be measured here; sherpa-onnx only where it is installed."""
    yield Portevoix(model)
    yield Stock(model)
    yield Stock(model, threads=1, at_once=2)
    try:
        yield Sherpa(model, folder)
    except ImportError:
        return


def _json(model: Path) -> dict:
    return json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))


def _for_sherpa(model: Path, config: dict, folder: Path) -> tuple[Path, Path]:
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    network, tokens = folder / f"sherpa-{model.name}", folder / f"sherpa-{model.stem}.tokens.txt"
    lines = [f"{phoneme} {ids[0]}" for phoneme, ids in config["phoneme_id_map"].items() if len(phoneme) == 1]
    tokens.write_text("\n".join(lines) + "\n", encoding="utf-8")
    voice = onnx.load(model)
    metadata = {
        "model_type": "vits",
        "comment": "piper",
        "language": "English",
        "voice": config["espeak"]["voice"],
        "has_espeak": "1",
        "n_speakers": str(config["num_speakers"]),
        "sample_rate": str(config["audio"]["sample_rate"]),
    }
    for key, value in metadata.items():
        voice.metadata_props.add(key=key, value=value)
    onnx.save(voice, network)
    return network, tokens
