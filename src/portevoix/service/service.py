"""The translator's speech service: one call speaks a text, in a borrowed voice where a model can."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from portevoix.codecs import complete, find_format
from portevoix.errors import (
    ChainExhausted,
    EngineTimeout,
    EngineUnavailable,
    InvalidParameter,
    NothingToSay,
    NotWritable,
    PortevoixError,
    StreamInterrupted,
)
from portevoix.service.manager import ModelManager
from portevoix.service.model import ModelStatus, TTSModel
from portevoix.service.result import UnifiedTTSResult
from portevoix.speech import Reference, SpeechRequest
from portevoix.text.sanitize import sanitize
from portevoix.text.speakable import is_speakable

if TYPE_CHECKING:
    from portevoix.app import App
    from portevoix.audio import Samples
    from portevoix.codecs import Format
    from portevoix.speaker import Speech
    from portevoix.speech import SpeechReport

logger = logging.getLogger(__name__)

WAIT_SECONDS = 120.0
"""Longest wait for a model where a call names none of its own."""

FIRST_NEWS_SECONDS = 0.9
"""How long a fetch is watched before it counts as one that will come to something."""

FOLDER = "translated"
DEFAULT_FORMAT = "mp3"
SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class _Wish:
    """One call, checked."""

    request: SpeechRequest
    format: Format
    message_id: str | None
    model: TTSModel | None
    wait_seconds: float
    began: float


class TTSService:
    """Speak translations, in the voice of a recording where a model can; used from one event loop.

    Example:
        ```python
        service = TTSService(output_dir="out")
        if await service.initialize():
            result = await service.synthesize_with_voice("Bonjour", "marie.wav", "fr")
        ```

    Attributes:
        model_manager: looks after the models.
        requested_model: what speaks where a call names no model.
        output_dir: where audio files are put.
        is_initialized: `initialize` found somebody who can speak.
    """

    def __init__(
        self, model: TTSModel | str | None = None, output_dir: str | Path | None = None, device: str = "auto", *,
        app: App | None = None,
    ) -> None:  # fmt: skip
        """Read the configuration; does no work yet.

        Args:
            model: what speaks where a call names none; `TTS_MODEL`, else Chatterbox, when None.
            output_dir: where audio files are put; `TTS_OUTPUT_DIR`, else `output` in the data folder, when None.
            device: `auto`, `cpu`, `cuda` or `cuda:1`; `TTS_DEVICE` comes before `auto`.
            app: the parts to use, which the caller owns; made when None.

        Raises:
            ConfigError: the configuration cannot be used.
            InvalidParameter: there is no such model.
        """
        chosen = os.environ.get("TTS_DEVICE", device) if device == "auto" else device
        self.model_manager = ModelManager(chosen, app=app)
        self.requested_model = _model(model or os.environ.get("TTS_MODEL") or TTSModel.get_default())
        usual = self.model_manager.app.settings.data_folder / "output"
        self.output_dir = Path(output_dir or os.environ.get("TTS_OUTPUT_DIR") or usual)
        self.default_format = os.environ.get("TTS_DEFAULT_FORMAT", DEFAULT_FORMAT)
        self.is_initialized = False
        self._initializing = asyncio.Lock()
        self._answers = 0

    @property
    def app(self) -> App:
        """Return the parts it is made of."""
        return self.model_manager.app

    @property
    def is_ready(self) -> bool:
        """Tell whether the active model can speak at once."""
        backend = self.model_manager.active_backend
        return backend is not None and backend.is_initialized

    async def initialize(self, model: TTSModel | str | None = None) -> bool:
        """Return True when at least one of the models can speak now or soon, False at once when none can.

        What keeps them from it, and the command to run, is logged, and is in `model_manager.error`. Other engines
        speak in either case. Safe to call again and from several tasks: they wait for one answer.
        """
        wanted = _model(model or self.requested_model)
        known = self._answers
        async with self._initializing:
            is_answered = self.is_initialized or self._answers != known  # for another task, while this one waited
            if not is_answered or self.requested_model is not wanted:
                self.requested_model = wanted
                self.is_initialized = await self._find_somebody(wanted)
                self._answers += 1
            return self.is_initialized

    async def switch_model(self, model: TTSModel | str, *, force: bool = False) -> bool:
        """Load a model and let it speak where none is named; the one before speaks until then. Return whether it can.

        `force` loads it again where it is the active one.
        """
        wanted, manager = _model(model), self.model_manager
        if manager.active_model is wanted and self.is_ready and not force:
            return True
        if not await manager.load_model(wanted):
            return False
        self.requested_model, self.is_initialized = wanted, True
        return True

    async def synthesize_with_voice(  # noqa: PLR0917 - the signature is given
        self, text: str, speaker_audio_path: str | Path | None, target_language: str, output_format: str | None = None,
        message_id: str | None = None, model: TTSModel | str | None = None, max_wait_seconds: float | None = None,
        cloning_params: Mapping[str, Any] | None = None,
    ) -> UnifiedTTSResult:  # fmt: skip
        """Speak a text; never raises for what a text, a recording, a model or an engine does.

        Where the model cannot speak or the voice cannot be cloned, somebody else speaks and the result says so.
        Cancelling stops the wait and the work, and no download.

        Args:
            text: what to say.
            speaker_audio_path: recording of the voice to borrow, or the name of a stored voice; None or "" for none.
            target_language: language of the text, as `fr`.
            output_format: `mp3`, `wav`, `opus`, `aac`, `flac` or `pcm`; None for `TTS_DEFAULT_FORMAT`, else mp3.
            message_id: handed back, and in the file's name.
            model: what is to speak this text, in place of the active one; fetched where it is not here.
            max_wait_seconds: longest wait for a model that is on its way; None waits 120 s for one that was named or
                that is to clone, and for no other.
            cloning_params: values for engines, by the names that `portevoix engines` gives them; None leaves one open.
        """
        return await self._answer(
            text, speaker_audio_path, target_language, output_format, message_id=message_id, model=model,
            max_wait_seconds=max_wait_seconds, parameters=cloning_params or {},
        )  # fmt: skip

    async def synthesize(
        self, text: str, language: str, output_format: str | None = None, **wishes: Any
    ) -> UnifiedTTSResult:
        """Speak a text in the model's own voice; `wishes` as in `synthesize_with_voice`."""
        return await self.synthesize_with_voice(text, None, language, output_format, **wishes)

    async def get_all_models_status(self) -> dict[str, ModelStatus]:
        """Return where each model stands, by its value."""
        return await self.model_manager.get_all_models_status()

    async def close(self) -> None:
        """Give back processes and memory."""
        self.is_initialized = False
        await self.model_manager.aclose()

    async def __aenter__(self) -> Self:
        """Initialize it."""
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def _find_somebody(self, wanted: TTSModel) -> bool:
        manager = self.model_manager
        if not await manager.get_available_backends():
            return self._give_up(manager.missing_packages(wanted))
        while (local := await manager.find_local_model(wanted)) is not None:
            if await manager.load_model(local):
                manager.begin_others(wanted)
                return True
            if await manager.find_local_model(wanted) is local:
                break
        return await self._fetch_somebody(wanted)

    async def _fetch_somebody(self, wanted: TTSModel) -> bool:
        """Begin to fetch, and return whether that comes to something."""
        manager = self.model_manager
        available = await manager.get_available_backends()
        candidates = [model for model in (wanted, TTSModel.get_fallback()) if model in available]
        refusals = [manager.refusal_to_fetch(model) for model in candidates]
        if all(refusals):
            return self._give_up(refusals[0] or manager.missing_packages(wanted))
        manager.begin(wanted)
        try:
            await manager.wait_for_download_start(FIRST_NEWS_SECONDS)
        except TimeoutError:
            pass  # neither begun nor failed: the hub is slow
        except PortevoixError as error:
            return self._give_up(error)
        return True

    def _give_up(self, error: PortevoixError) -> bool:
        self.model_manager.error = error
        # The words stand in the message: programs that log in a way of their own are to see the command as well.
        logger.error("service.no_model: %s", error.in_full, extra={"code": error.code})
        return False

    async def _answer(self, text: str, recording: object, language: str, output_format: str | None,
                      **wishes: Any) -> UnifiedTTSResult:  # fmt: skip
        began = time.perf_counter()
        known = {"language": language, "message_id": wishes["message_id"], "text_length": len(text)}
        try:
            wish = await self._wish(text, recording, language, output_format, began=began, **wishes)
            trouble = await self._wait_for_model(wish)
            result = await self._speak(wish, trouble)
        except PortevoixError as error:
            logger.warning("service.failed", extra={"code": error.code, "text_length": len(text)})
            result = UnifiedTTSResult(success=False, error=error.in_full, error_code=error.code)
        return replace(result, processing_time_ms=round(1000 * (time.perf_counter() - began)), **known)

    async def _wish(
        self, text: str, recording: object, language: str, output_format: str | None, *, began: float,
        message_id: str | None, model: object, max_wait_seconds: float | None, parameters: Mapping[str, Any],
    ) -> _Wish:  # fmt: skip
        """Return what is wanted, checked before anything is loaded."""
        chosen = None if model is None else _model(model)
        reference = await self._reference(recording) if recording else None
        request = SpeechRequest(
            text, language=language, engine=",".join(self._engines(chosen)), reference=reference,
            parameters=tuple((str(name), value) for name, value in parameters.items() if value is not None),
        )  # fmt: skip
        self.app.speaker.check(request)
        if not is_speakable(sanitize(text)):
            raise NothingToSay("there is nothing to say", "the text has no letter and no digit", param="text")
        await self.app.speaker.cast(request, text)
        usual = WAIT_SECONDS if chosen is not None or reference is not None else 0.0
        seconds = usual if max_wait_seconds is None else max_wait_seconds
        encoding = find_format((output_format or self.default_format).lower())
        return _Wish(request, encoding, message_id, chosen, seconds, began)

    async def _reference(self, recording: object) -> Reference:
        return self.app.shelf.lend(str(recording)) or await self.app.recordings.check(str(recording))

    def _engines(self, model: TTSModel | None) -> list[str]:
        """Return who is asked, in order: the wanted model, the active one, then all others that can be heard."""
        chosen = [one for one in (model, self.model_manager.active_model, self.requested_model) if one is not None]
        audible = [level.name for level in self.app.chain.levels if not level.engine.is_silent]
        named = [engine for one in chosen for engine in one.engines if engine in audible]
        if not audible:
            raise EngineUnavailable("nobody can be heard here", hint="Run `portevoix engines`.")
        return list(dict.fromkeys([*named, *audible]))

    async def _wait_for_model(self, wish: _Wish) -> PortevoixError | None:
        """Wait for the model that is to speak, and return why it cannot, or None; others speak then."""
        manager = self.model_manager
        model = wish.model or manager.active_model
        try:
            async with asyncio.timeout(wish.wait_seconds):
                if model is not None:
                    await manager.be_ready(model, wish.request.language or "")
                elif manager.is_pending:
                    await manager.wait_for_model_ready(wish.wait_seconds)
        except TimeoutError:
            name = (model or self.requested_model).value
            return EngineTimeout(f"{name} is not ready yet", f"waited {wish.wait_seconds:g} s") if wish.model else None
        except PortevoixError as error:
            return error
        return manager.error if manager.active_model is None else None

    async def _speak(self, wish: _Wish, trouble: PortevoixError | None) -> UnifiedTTSResult:
        """Let those speak who were wanted, and all others only where these fail: here late is better than another."""
        if wanted := self._wanted(wish):
            try:
                return await self._spoken(wish, wanted, trouble)
            except (ChainExhausted, StreamInterrupted) as error:
                trouble = trouble or error
        return await self._spoken(wish, self._engines(wish.model), trouble)

    def _wanted(self, wish: _Wish) -> list[str]:
        """Return the engines that are ready and were asked for, by name or because they can clone."""
        ready = [level for level in self.app.chain.levels if level.can_speak() and not level.engine.is_silent]
        if wish.model is not None:
            return [level.name for level in ready if level.name in wish.model.engines]
        if wish.request.reference is None:
            return []
        able = {level.name for level in ready if any(voice.can_clone for voice in level.engine.voices())}
        return [engine for engine in self._engines(None) if engine in able]

    async def _spoken(self, wish: _Wish, engines: list[str], trouble: PortevoixError | None) -> UnifiedTTSResult:
        speech = await self.app.speaker.open(replace(wish.request, engine=",".join(engines)))
        chunks = [chunk.samples async for chunk in speech]
        place = self.output_dir / FOLDER / _file_name(wish)
        await asyncio.to_thread(_write, place, wish.format.name, chunks, speech.sample_rate)
        return self._told(wish, speech, place, sum(map(len, chunks)), trouble)

    def _told(
        self, wish: _Wish, speech: Speech, place: Path, count: int, trouble: PortevoixError | None
    ) -> UnifiedTTSResult:
        report, request = speech.report, wish.request
        model = TTSModel.of_engine(report.engine)
        is_other = wish.model is not None and model is not wish.model
        why = trouble.in_full if trouble else report.why_degraded
        return UnifiedTTSResult(
            success=True,
            audio_path=str(place),
            audio_url=f"{FOLDER}/{place.name}",
            duration_ms=round(1000 * count / speech.sample_rate),
            format=wish.format.name,
            voice_cloned=request.reference is not None and self._all_cloned(report),
            model_used=model,
            engine_used=report.engine,
            voice_used=report.voice,
            audio_mime_type=wish.format.media_type,
            is_degraded=report.is_degraded or is_other or trouble is not None,
            why_degraded=why if report.is_degraded or is_other or trouble else "",
        )

    def _all_cloned(self, report: SpeechReport) -> bool:
        can = {(voice.engine, voice.name) for level in self.app.levels for voice in level.engine.voices()
               if voice.can_clone}  # fmt: skip
        spoke = [one for one in report.attempts if one.outcome in ("spoke", "cut")]
        return bool(spoke) and all((one.engine, one.voice) in can for one in spoke)


def _model(model: object) -> TTSModel:
    try:
        return TTSModel(str(model))
    except ValueError as error:
        known = ", ".join(one.value for one in TTSModel)
        raise InvalidParameter(f"there is no model {model!r:.60}", f"there are {known}", param="model") from error


def _file_name(wish: _Wish) -> str:
    """Return the name of the file: whatever a message is called, it leads nowhere else."""
    given = wish.message_id or secrets.token_hex(8)
    safe = given if SAFE_NAME.fullmatch(given) else hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:24]
    language = re.sub(r"[^A-Za-z0-9-]", "", wish.request.language or "")[:16]
    return f"{safe}_{language}{wish.format.extension}"


def _write(place: Path, format_name: str, chunks: Sequence[Samples], sample_rate: int) -> None:
    """Write a file whole or not at all.

    Raises:
        NotWritable: the folder does not allow it.
    """
    part = place.with_name(f".{secrets.token_hex(4)}-{place.name}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(complete(format_name, sample_rate, chunks))
        part.replace(place)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise NotWritable(f"{place} cannot be written", error.strerror or "", "Choose another output_dir.") from error
