"""The whole way from text to sound, as one readable function.

request → sentences → prepared text → chain → one sample rate, joined → read ahead → listener.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from portevoix.audio import AudioChunk
from portevoix.casting import check_parameters, default_voice, find_voice
from portevoix.chain import Chain
from portevoix.clock import Clock, system_clock
from portevoix.errors import (
    EmptyText,
    InvalidParameter,
    NothingToSay,
    PortevoixError,
    TextTooLong,
)
from portevoix.events import Hook, Spoken, ignore
from portevoix.headstart import later
from portevoix.joint import Joint
from portevoix.run import Run, Turn
from portevoix.speech import (
    SPEED_RANGE,
    Parameter,
    Reference,
    SpeechReport,
    SpeechRequest,
    Utterance,
    Voice,
    language_family,
)
from portevoix.streams import read_ahead
from portevoix.text.language import guess_language
from portevoix.text.preparation import Preparation

SPOKEN_LANGUAGES = ("fr", "en")
DEFAULT_VOICE = ""
CLIENT_VOICES = frozenset({
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
})  # fmt: skip
"""Names that clients written for OpenAI's service ask for; where the configuration says nothing they stand for the best
voice of the language."""


@dataclass(frozen=True, slots=True)
class SpeakerSettings:
    """Say how texts are treated.

    Attributes:
        default_language: language of a text that does not show its own.
        max_text_length: longest text in characters; 0 for no limit.
        max_piece_length: longest piece in characters that one engine gets at once.
        sanitizes_text: emoji, markup and control characters are taken out before speaking.
        read_ahead_seconds: how much speech is made before the listener asks for it.
        lead_in_seconds: silence to begin with, for devices that need time to wake and would swallow the first word.
        aliases: voice for a name that clients ask for, or one for each language; `name#speaker` is one of its speakers.
        respell: changes how words of a sentence are written, before anything else is done to it.
    """

    default_language: str = "fr"
    max_text_length: int = 0
    max_piece_length: int = 400
    sanitizes_text: bool = True
    read_ahead_seconds: float = 30.0
    lead_in_seconds: float = 0.0
    aliases: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
    respell: Callable[[str], str] = str


class Speech:
    """Give the audio of one request to its listener; made by `Speaker.open`.

    Iterate over it for chunks of one sample rate; close it to stop the work. Word marks count from the beginning of the
    speech, in seconds; their characters are those of the prepared sentence.
    """

    def __init__(
        self, first: AudioChunk, rest: AsyncGenerator[AudioChunk, None], report: Callable[[], SpeechReport]
    ) -> None:
        """Begin with `first`, which is audible unless all of it is emergency silence."""
        self.sample_rate = first.sample_rate
        self._first: AudioChunk | None = first
        self._rest = rest
        self._report = report

    @property
    def report(self) -> SpeechReport:
        """Return who has spoken so far, and what happened; complete once the speech has been heard to its end."""
        return self._report()

    async def __aiter__(self) -> AsyncGenerator[AudioChunk, None]:
        """Yield the chunks."""
        async with aclosing(self._rest) as rest:
            if self._first is not None:
                first, self._first = self._first, None
                yield first
            async for chunk in rest:
                yield chunk

    async def aclose(self) -> None:
        """Stop the work."""
        await self._rest.aclose()


class Speaker:
    """Speak texts through a chain of engines."""

    def __init__(
        self,
        chain: Chain,
        settings: SpeakerSettings = SpeakerSettings(),
        *,
        route: Callable[[SpeechRequest], Chain] | None = None,
        lend: Callable[[str], Reference | None] = lambda _: None,
        clock: Clock = system_clock,
        notify: Hook = ignore,
    ) -> None:
        """Speak with `chain`, or what `route` chooses, the caller's; `lend` knows recordings of stored voices."""
        self.chain = chain
        self.settings = settings
        self._route = route or (lambda _: chain)
        self._lend = lend
        self._clock = clock
        self._notify = notify
        self._numbers = itertools.count(1)

    async def open(
        self, request: SpeechRequest, text: AsyncIterator[str] | None = None, turn: Turn | None = None
    ) -> Speech:
        """Begin to speak and return once the first audible frame is there.

        Args:
            request: what to say and how.
            text: more text, arriving while what is there is spoken; comes after `request.text`.
            turn: waited for before an engine is asked: what is all in the cache needs none.

        Raises:
            RequestError: the request cannot be served as it stands.
            ChainExhausted: nobody could speak.
            Overloaded: there is too much to do.
        """
        telling = _Telling(self, request, turn)
        stream = telling.stream(text)
        ahead = read_ahead(stream, self.settings.read_ahead_seconds)
        try:
            first = await anext(ahead)
        except BaseException:
            await ahead.aclose()
            raise
        return Speech(first, ahead, telling.report)

    async def stream(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        """Yield the speech of a request; errors as in `open`, and `StreamInterrupted` in mid-speech."""
        speech = await self.open(request)
        async with aclosing(speech.__aiter__()) as chunks:
            async for chunk in chunks:
                yield chunk

    def check(self, request: SpeechRequest, *, is_text_complete: bool = True) -> None:
        """Refuse what no engine could serve, before any is asked.

        Raises:
            EmptyText: blank text.
            TextTooLong: longer than the limit.
            InvalidParameter: a value of the wrong type or out of range.
        """
        _check_types(request)
        limit = self.settings.max_text_length
        if limit and len(request.text) > limit:
            raise TextTooLong(f"the text has {len(request.text)} characters", f"the limit is {limit}",
                              "Shorten it, or raise max_text_length (0: no limit).", param="input")  # fmt: skip
        if is_text_complete and not request.text.strip():
            raise EmptyText("the text is empty", hint="Give some text to speak.", param="input")

    async def cast(self, request: SpeechRequest, text: str) -> tuple[Chain, Voice, str]:
        """Return the chain, the wished voice and the language for a request whose text begins with `text`.

        Raises:
            VoiceNotFound: no engine knows the voice.
            LanguageNotSupported: no engine speaks the language.
            EngineNotFound: there is no such engine.
        """
        request = self.borrowed(request)
        chain = self._route(request)
        if request.engine:
            chain = chain.ordered([name.strip() for name in request.engine.split(",")])
        await chain.meet()
        check_parameters(chain.levels, request.parameters)
        guessed = request.language or self._language(text)
        name = self._real_name(request.voice, guessed)
        if name is None:
            return chain, default_voice(chain.for_language(guessed), guessed), guessed
        voice = find_voice(chain.levels, name)
        own = guessed if voice.languages and voice.speaks(guessed) else voice.language
        return chain, voice, request.language or own or guessed

    def borrowed(self, request: SpeechRequest) -> SpeechRequest:
        """Return a request with what its voice's name stands for: a stored recording, or one speaker of a voice."""
        if not isinstance(request.voice, str) or request.reference is not None:
            return request
        name = _plain_name(request.voice)
        alias = self.settings.aliases.get(name, name)
        if isinstance(alias, str) and "#" in alias:
            voice, _, speaker = alias.partition("#")
            return replace(request, voice=voice, speaker=speaker if request.speaker is None else request.speaker)
        reference = self._lend(alias) if isinstance(alias, str) else None
        return request if reference is None else replace(request, voice=None, reference=reference)

    def _real_name(self, voice: str | None, language: str) -> str | None:
        """Return the voice behind the name that was asked for; None for the best one of the language."""
        if voice is None:
            return None
        voice = _plain_name(voice)
        alias = self.settings.aliases.get(voice, DEFAULT_VOICE if voice in CLIENT_VOICES else voice)
        if isinstance(alias, str):
            return alias or None
        return alias.get(language) or alias.get(language_family(language))

    def _language(self, text: str) -> str:
        return guess_language(text, SPOKEN_LANGUAGES, self.settings.default_language)


class _Telling:
    """Tell one request: the pipeline's state while it runs."""

    def __init__(self, speaker: Speaker, request: SpeechRequest, turn: Turn | None) -> None:
        self._speaker = speaker
        settings = speaker.settings
        self._preparation = Preparation(settings.max_piece_length, settings.sanitizes_text, settings.respell)
        self._lead_in_seconds = settings.lead_in_seconds
        self._clock = speaker._clock  # noqa: SLF001 - one noun in two classes: the speaker and what it is telling
        request = speaker.borrowed(request)
        self._request = request if request.request_id else replace(request, request_id=uuid.uuid4().hex[:12])
        self._run = Run(self._request.request_id, reads_cache=request.reads_cache, hook=speaker._notify,  # noqa: SLF001
                        takes_silence=request.takes_silence, clock=self._clock, turn=turn)  # fmt: skip
        self._number = next(speaker._numbers)  # noqa: SLF001
        self._report = SpeechReport(self._request.request_id)

    def report(self) -> SpeechReport:
        return replace(self._report, attempts=tuple(self._run.attempts))

    async def stream(self, text: AsyncIterator[str] | None) -> AsyncGenerator[AudioChunk, None]:
        """Yield the whole speech and tell how it ended."""
        status, code = "cancelled", ""
        try:
            self._speaker.check(self._request, is_text_complete=text is None)
            async with aclosing(self._joined(self._preparation.sentences(self._request.text, text))) as chunks:
                async for chunk in chunks:
                    self._follow(chunk)
                    yield chunk
            if self._report.first_audio_seconds is None:
                raise NothingToSay("there is nothing to say", "the text has no letter and no digit", param="input")
            status = "success"
        except PortevoixError as error:
            status, code = "failed", error.code
            raise
        finally:
            await self._run.drop_ahead()
            self._finish()
            seconds = self._clock() - self._run.began
            self._speaker._notify(Spoken(self.report(), status, seconds, code))  # type: ignore[arg-type]  # noqa: SLF001

    async def _spoken(self, sentences: AsyncGenerator[list[str], None]) -> AsyncGenerator[AudioChunk, None]:
        casting = None
        characters = 0
        async with aclosing(sentences):
            async for known in sentences:
                for place, sentence in enumerate(known):
                    casting = casting or await self._speaker.cast(self._request, sentence)
                    following = known[place + 1] if place + 1 < len(known) else ""
                    began = max(self._report.audio_seconds, self._lead_in_seconds)
                    async with aclosing(self._sentence(casting, sentence, following)) as chunks:
                        async for chunk in chunks:
                            yield _with_words(chunk, sentence, characters, began)
                    characters += len(sentence) + 1

    async def _sentence(
        self, casting: tuple[Chain, Voice, str], sentence: str, following: str
    ) -> AsyncGenerator[AudioChunk, None]:
        """Speak one sentence, and let its engine begin with the following one where it is known."""
        chain, voice, language = casting
        seconds = 0.0
        async with aclosing(chain.stream(self._utterance(sentence, voice, language), self._run)) as chunks:
            async for chunk in chunks:
                yield chunk
                seconds += chunk.seconds
                if following and chunk.source is not None:
                    after = later(self._utterance(following, voice, language), sentence, seconds)
                    chain.look_ahead(after, chunk.source, self._run)
        self._run.end_sentence()

    def _utterance(self, sentence: str, voice: Voice, language: str) -> Utterance:
        request = self._request
        return Utterance(
            sentence,
            voice,
            language,
            request.speed,
            request.speaker,
            request.seed,
            slack_seconds=self._slack(),
            continues=self._report.first_audio_seconds is not None,
            request_id=request.request_id,
            reference=request.reference,
            parameters=request.parameters + _instructions(request),
            listener=self._number,
        )

    def _slack(self) -> float:
        """Return how long the listener is busy with what has been spoken already."""
        if self._report.first_audio_seconds is None:
            return 0.0
        heard_since = self._clock() - self._run.began - self._report.first_audio_seconds
        return max(0.0, self._report.audio_seconds - heard_since)

    async def _joined(self, sentences: AsyncGenerator[list[str], None]) -> AsyncGenerator[AudioChunk, None]:
        """Yield all speech at the sample rate of its first chunk, without a step where the speaker changes."""
        joint = None
        async with aclosing(self._spoken(sentences)) as chunks:
            async for chunk in chunks:
                joint = joint or Joint(chunk.sample_rate, self._lead_in_seconds)
                for joined in joint.push(chunk):
                    yield joined
        for joined in joint.flush() if joint else ():
            yield joined

    def _follow(self, chunk: AudioChunk) -> None:
        report = self._report
        if report.first_audio_seconds is None and chunk.source is not None:
            source = chunk.source
            self._report = report = replace(
                report, engine=source.engine, voice=source.voice, is_cached=source.is_cached,
                first_audio_seconds=self._clock() - self._run.began,
            )  # fmt: skip
            self._judge()
            report = self._report
        self._report = replace(report, audio_seconds=report.audio_seconds + chunk.seconds)

    def _finish(self) -> None:
        self._judge()
        spoke = [attempt for attempt in self._run.attempts if attempt.outcome in ("spoke", "cut")]
        if spoke:
            self._report = replace(self._report, is_cached=all(attempt.is_cached for attempt in spoke))

    def _judge(self) -> None:
        """Note whether somebody else than the first choice had to speak, and why."""
        troubles = [one for one in self._run.attempts if one.outcome != "spoke"]
        if troubles:
            first = troubles[0]
            why = f"{first.engine} {first.outcome}: {first.why}"
            self._report = replace(self._report, is_degraded=True, why_degraded=why)


def _plain_name(voice: str) -> str:
    """Return a voice's name; those of OpenAI's voices in lower case: menus show them with capitals."""
    return voice.lower() if voice.lower() in CLIENT_VOICES else voice


def _instructions(request: SpeechRequest) -> tuple[tuple[str, Parameter], ...]:
    """Return the instructions as a parameter, which engines that follow instructions declare."""
    return (("instructions", request.instructions),) if request.instructions else ()


def _with_words(chunk: AudioChunk, sentence: str, characters: int, seconds: float) -> AudioChunk:
    """Return a chunk whose marks have their words and count from the beginning of the speech."""
    if not chunk.marks:
        return chunk
    words = [mark.moved(characters, seconds, sentence[mark.start : mark.end]) for mark in chunk.marks]
    return replace(chunk, marks=tuple(words))


def _check_types(request: SpeechRequest) -> None:
    if not isinstance(request.text, str):
        raise InvalidParameter("the text is no text", f"it is {type(request.text).__name__}", param="input")
    for name in ("voice", "language", "engine"):
        value = getattr(request, name)
        if value is not None and not (isinstance(value, str) and value):
            raise InvalidParameter(f"{name} is no name", f"it is {value!r:.60}", param=name)
    speed, (slowest, fastest) = request.speed, SPEED_RANGE
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not slowest <= speed <= fastest:
        raise InvalidParameter(f"speed is {speed!r:.60}", f"it must be a number from {slowest} to {fastest}",
                               param="speed")  # fmt: skip
