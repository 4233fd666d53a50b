"""Windows' own voices through SAPI 5 (COM). Untried: written against the documented interface, never run on Windows.

Source of the interface: Microsoft's SAPI 5.4 automation reference (SpVoice, SpMemoryStream, ISpeechObjectToken).
"""

from __future__ import annotations

import locale
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from portevoix.audio import AudioChunk
from portevoix.errors import EngineFailed, EngineUnavailable, VoiceNotFound
from portevoix.speech import Voice, WordMark
from portevoix.system.samples import samples_from_pcm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portevoix.speech import Utterance

SAMPLE_RATE = 22050
SAFT_22KHZ_16BIT_MONO = 22
SPEAK_ASYNC, SPEAK_PURGE, SPEAK_NOT_XML = 1, 2, 16
LOOK_MS = 50
"""How often a running utterance is asked whether it is still wanted, in milliseconds."""


class Token(Protocol):
    """One voice as SAPI describes it."""

    def GetDescription(self) -> str:  # noqa: N802 - COM's names
        """Return the name that people see, as `Microsoft Hortense Desktop - French`."""

    def GetAttribute(self, name: str) -> str:  # noqa: N802 - COM's names
        """Return an attribute such as `Name` or `Language` (hexadecimal locale numbers, `;` between them)."""


class MemoryStream(Protocol):
    """SpMemoryStream."""

    Format: Any

    def GetData(self) -> Any:  # noqa: N802 - COM's names
        """Return everything that was written, as bytes or as a sequence of numbers."""


class SpVoice(Protocol):
    """SpVoice: what speaks."""

    Voice: Any
    Rate: int
    Volume: int
    AudioOutputStream: Any

    def GetVoices(self) -> Any:  # noqa: N802 - COM's names
        """Return a collection of tokens with `Count` and `Item(index)`."""

    def Speak(self, text: str, flags: int) -> int:  # noqa: N802 - COM's names
        """Begin to speak."""

    def WaitUntilDone(self, milliseconds: int) -> bool:  # noqa: N802 - COM's names
        """Wait for the end, and tell whether it has come."""


class Sapi(Protocol):
    """The two kinds of object that are made."""

    def voice(self) -> SpVoice:
        """Return a new SpVoice."""

    def memory_stream(self) -> MemoryStream:
        """Return a new SpMemoryStream."""


class ComSapi:
    """Make SAPI's objects through comtypes, which initialises COM on the thread that imports it."""

    def __init__(self) -> None:
        """Import comtypes.

        Raises:
            EngineUnavailable: comtypes is not installed, or this is not Windows.
        """
        try:
            from comtypes.client import CreateObject
        except (ImportError, OSError) as error:
            hint = "On Windows run `pip install portevoix[windows]`."
            raise EngineUnavailable("Windows' voices cannot be used", str(error), hint) from error
        self._create: Callable[[str], Any] = CreateObject

    def voice(self) -> SpVoice:
        """Return a new SpVoice."""
        made: SpVoice = self._create("SAPI.SpVoice")
        return made

    def memory_stream(self) -> MemoryStream:
        """Return a new SpMemoryStream."""
        made: MemoryStream = self._create("SAPI.SpMemoryStream")
        return made


class SapiSynthesizer:
    """Speak with Windows' voices; everything happens on the thread that made it."""

    def __init__(self, rate: int = 0, volume: int = 100, *, sapi: Sapi | None = None) -> None:
        """Look up what voices there are.

        Args:
            rate: -10 to 10, as SAPI takes it.
            volume: 0 to 100.
            sapi: maker of the objects; COM by default.

        Raises:
            EngineUnavailable: SAPI cannot be used, or has no voice.
        """
        self._sapi = sapi or ComSapi()
        self._rate = rate
        self._volume = volume
        try:
            self._tokens = dict(_named_tokens(self._sapi.voice()))
        except OSError as error:  # COMError is an OSError's sibling; comtypes raises both
            raise EngineUnavailable("Windows' voices cannot be listed", str(error)) from error
        if not self._tokens:
            raise EngineUnavailable("Windows has no voice", "", "Add one under Settings, Time & language, Speech.")

    def voices(self) -> tuple[Voice, ...]:
        """Return its voices, under the names that Windows shows."""
        return tuple(_voice(name, token) for name, token in self._tokens.items())

    def speak(self, utterance: Utterance, is_cancelled: Callable[[], bool]) -> Iterator[AudioChunk]:
        """Yield the utterance as one chunk at 22050 Hz with one mark over all of it; nothing when it is cancelled.

        Raises:
            VoiceNotFound: the voice is none of these.
            EngineFailed: SAPI refused.
        """
        token = self._tokens.get(utterance.voice.name)
        if token is None:
            raise VoiceNotFound(f"Windows has no voice {utterance.voice.name}", hint="Run `portevoix voices`.")
        try:
            samples = samples_from_pcm(self._spoken(utterance, token, is_cancelled))
        except OSError as error:
            raise EngineFailed("Windows' voice failed", str(error)) from error
        if not is_cancelled():
            mark = WordMark(0, len(utterance.text), 0.0, len(samples) / SAMPLE_RATE)
            yield AudioChunk(samples, SAMPLE_RATE, (mark,))

    def close(self) -> None:
        """Hold nothing between utterances, so give nothing back."""

    def _spoken(self, utterance: Utterance, token: Token, is_cancelled: Callable[[], bool]) -> bytes:
        voice, stream = self._sapi.voice(), self._sapi.memory_stream()
        stream.Format.Type = SAFT_22KHZ_16BIT_MONO
        voice.AudioOutputStream = stream
        voice.Voice = token
        voice.Rate = sapi_rate(self._rate, utterance.speed)
        voice.Volume = self._volume
        voice.Speak(utterance.text, SPEAK_ASYNC | SPEAK_NOT_XML)
        while not voice.WaitUntilDone(LOOK_MS):
            if is_cancelled():
                voice.Speak("", SPEAK_ASYNC | SPEAK_PURGE)
                return b""
        return bytes(stream.GetData())


def sapi_rate(rate: int, speed: float) -> int:
    """Return SAPI's rate for a configured rate and a factor of pace: ten steps are a factor of three."""
    return max(-10, min(10, round(rate + 10 * math.log(speed, 3))))


def language_of(locale_numbers: str) -> str:
    """Return the language tag for SAPI's `Language` attribute: `40C` gives `fr-FR`; "" when it is unknown."""
    with suppress(ValueError):
        return locale.windows_locale.get(int(locale_numbers.split(";", maxsplit=1)[0], 16), "").replace("_", "-")
    return ""


def _named_tokens(voice: SpVoice) -> Iterator[tuple[str, Token]]:
    listed = voice.GetVoices()
    for index in range(listed.Count):
        token = listed.Item(index)
        yield token.GetAttribute("Name") or token.GetDescription(), token


def _voice(name: str, token: Token) -> Voice:
    return Voice(name, "", language_of(token.GetAttribute("Language")), SAMPLE_RATE, fingerprint=f"sapi {name}")
