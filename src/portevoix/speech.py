"""What is asked for, who speaks it, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

SPEED_RANGE = (0.25, 4.0)
"""Slowest and fastest speech that may be asked for, as a factor of the voice's own pace."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Name somebody who can speak.

    Attributes:
        name: unique within its engine, and what people type: `fr_FR-siwis-medium`.
        engine: name of the engine it belongs to.
        language: language with an optional region, as `fr-FR`; "" where it speaks any.
        sample_rate: Hz, or 0 while it is not known.
        speakers: names of the speakers inside a multi-speaker model, in the order of their ids.
        is_installed: everything it needs is on this machine.
        why_not: why it is not installed; "" when it is.
        hint: what to do about it.
        licence: licence of the voice where known.
        fingerprint: identifies the exact model behind the name; audio of two fingerprints is never mixed up.
        languages: every language it speaks, where that is more than `language`, its best one.
        can_clone: it can speak as the person in a recording.
    """

    name: str
    engine: str
    language: str
    sample_rate: int = 0
    speakers: tuple[str, ...] = ()
    is_installed: bool = True
    why_not: str = ""
    hint: str = ""
    licence: str = ""
    fingerprint: str = ""
    languages: tuple[str, ...] = ()
    can_clone: bool = False

    @property
    def family(self) -> str:
        """Return the language without its region, in lower case: `fr`."""
        return language_family(self.language)

    def speaks(self, language: str) -> bool:
        """Return whether it speaks a language, whatever the region; one without any language speaks all."""
        known = {language_family(one) for one in (self.language, *self.languages) if one}
        return not known or language_family(language) in known


def language_family(language: str) -> str:
    """Return a language tag without region or script: `fr_FR` and `fr-CA` give `fr`."""
    return language.replace("_", "-").split("-", 1)[0].lower()


Parameter = str | int | float | bool
"""A value that one request sets for an engine, as a temperature."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Point to a recording of the person whose voice is to be borrowed.

    Attributes:
        path: a checked WAV file, mono, on this machine.
        digest: SHA-256 of the file's content, in hexadecimal; tells recordings apart.
        transcript: what is said in it, where known; some engines need it.
    """

    path: str
    digest: str
    transcript: str = ""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Ask for a text to be spoken.

    Attributes:
        text: what to say, as the caller wrote it.
        voice: name of a voice, `engine:voice`, or None for the best one of the language.
        language: tag such as `fr` or `en-GB`, or None to find it from voice or text.
        engine: speak with this engine alone, or with several in this order (`a,b`), or None for the whole chain.
        speed: factor of the voice's own pace, within `SPEED_RANGE`.
        speaker: name or number of a speaker inside a multi-speaker voice.
        seed: the same seed gives the same samples, where an engine can.
        reads_cache: take sentences from the cache where they are known.
        request_id: printable name of this request in answers and logs.
        reference: speak as the person in this recording, where an engine can.
        parameters: values for single engines, by the names that these declare; an engine sees those it knows.
        instructions: how to speak, in words, for engines that follow them.
        is_relayed: another server passed it on, so that it is not passed on again.
        takes_silence: silence may stand for speech where nobody can speak, or not in time.
    """

    text: str
    voice: str | None = None
    language: str | None = None
    engine: str | None = None
    speed: float = 1.0
    speaker: str | int | None = None
    seed: int = 0
    reads_cache: bool = True
    request_id: str = ""
    reference: Reference | None = None
    parameters: tuple[tuple[str, Parameter], ...] = ()
    instructions: str = ""
    is_relayed: bool = False
    takes_silence: bool = True


@dataclass(frozen=True, slots=True)
class Utterance:
    """Ask one engine for one sentence: the unit of an engine's work.

    Attributes:
        text: a prepared sentence; it has at least one letter or digit.
        voice: a voice of the engine that is asked.
        language: language of the text, as `fr` or `en-GB`.
        speed: factor of the voice's own pace.
        speaker: name or number of a speaker inside the voice.
        seed: the same seed gives the same samples, where the engine can.
        slack_seconds: how long the listener is still busy with audio before this sentence; 0 when somebody waits.
        continues: it goes on with speech that somebody is already listening to.
        request_id: for logs.
        reference: recording to speak like; only for a voice that can.
        parameters: values that the engine declares, as it was asked for them.
        listener: number of whoever hears it, the same for all sentences of one request; 0 where nobody counts.
    """

    text: str
    voice: Voice
    language: str
    speed: float = 1.0
    speaker: str | int | None = None
    seed: int = 0
    slack_seconds: float = 0.0
    continues: bool = False
    request_id: str = ""
    reference: Reference | None = None
    parameters: tuple[tuple[str, Parameter], ...] = ()
    listener: int = 0

    @property
    def sound(self) -> Utterance:
        """Return it without what does not change how it sounds: who hears it, and when."""
        return replace(self, slack_seconds=0.0, continues=False, request_id="", listener=0)

    def rest(self, start: int) -> Utterance:
        """Return the same utterance from character `start` on."""
        return replace(self, text=self.text[start:])


@dataclass(frozen=True, slots=True)
class WordMark:
    """Tell where one word of an utterance is, in its text and in its audio.

    Attributes:
        start: index of its first character in the utterance's text.
        end: index after its last character.
        start_seconds: when it begins, from the utterance's first sample.
        end_seconds: when it is over, from the utterance's first sample.
        text: the word itself; set for the listener, "" inside an engine.
        phonemes: each of its phonemes, as the voice's phonemizer writes it, with the moment when it is over; the first
            begins with the word. Empty where the engine does not know.
    """

    start: int
    end: int
    start_seconds: float
    end_seconds: float
    text: str = ""
    phonemes: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_fields(cls, fields: Sequence[Any]) -> WordMark:
        """Return the mark whose fields, in their order, have been through JSON."""
        start, end, start_seconds, end_seconds, text, phonemes = fields
        return cls(start, end, start_seconds, end_seconds, text, tuple((one, over) for one, over in phonemes))

    def moved(self, characters: int, seconds: float, text: str = "") -> WordMark:
        """Return the same mark counted from an earlier character and an earlier moment, with its word where given."""
        return WordMark(
            self.start + characters,
            self.end + characters,
            self.start_seconds + seconds,
            self.end_seconds + seconds,
            text or self.text,
            tuple((phoneme, end + seconds) for phoneme, end in self.phonemes),
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Tell who really spoke a piece of audio.

    Attributes:
        engine: name of the engine.
        voice: name of the voice.
        is_cached: it was taken from the cache.
        is_silent: it is emergency silence, not speech.
    """

    engine: str
    voice: str
    is_cached: bool = False
    is_silent: bool = False


Outcome = Literal["spoke", "failed", "late", "skipped", "cut"]
"""What became of an attempt: `cut` spoke and then failed in the middle; `skipped` was not ready or rested."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Record what one engine did for one sentence.

    Attributes:
        sentence: index of the sentence within the request.
        engine: name of the engine.
        voice: name of the voice it was to speak with.
        outcome: what became of it.
        code: stable code of the error, "" when it spoke.
        why: the error in words, "" when it spoke.
        is_cached: the audio came from the cache.
        first_audio_seconds: from asking to the first audible frame, or None.
        audio_seconds: length of what was heard of it.
        began_seconds: when it was made, from the beginning of the request.
        seconds: from asking to its end; of one that spoke, how long its listener took it all in.
    """

    sentence: int
    engine: str
    voice: str
    outcome: Outcome
    code: str = ""
    why: str = ""
    is_cached: bool = False
    first_audio_seconds: float | None = None
    audio_seconds: float = 0.0
    began_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """Tell who spoke a request, and what happened on the way.

    Attributes:
        request_id: name of the request.
        engine: engine of the first audible frame, "none" when nobody spoke.
        voice: voice of the first audible frame.
        is_cached: every sentence came from the cache.
        is_degraded: somebody else than the first choice spoke, at least for a part.
        why_degraded: why the first choice did not speak all of it; "" when it did.
        first_audio_seconds: from the request to the first audible frame, or None.
        audio_seconds: length of the speech so far.
        attempts: every attempt in order.
    """

    request_id: str = ""
    engine: str = "none"
    voice: str = ""
    is_cached: bool = False
    is_degraded: bool = False
    why_degraded: str = ""
    first_audio_seconds: float | None = None
    audio_seconds: float = 0.0
    attempts: tuple[Attempt, ...] = field(default=())
