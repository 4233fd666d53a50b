"""The error tree: the type of an error is the policy that follows from it.

```
PortevoixError
├── RequestError        the caller's doing: never falls back, moves no breaker
│   ├── EmptyText · TextTooLong · NothingToSay · InvalidParameter
│   ├── VoiceNotFound · LanguageNotSupported · EngineNotFound · UnknownFormat · AudioNotReadable
│   └── NotAllowed
├── EngineError         one engine's doing: the chain tries the next
│   ├── EngineUnavailable (EngineLoading) · EngineFailed (EngineDied) · EngineTimeout · EngineSilent
│   ├── CannotSay · CircuitOpen
│   └── ModelError      a model's doing: the engine is not ready, the chain tries the next
│       └── ModelMissing · ModelBroken · ModelUnsupported · FetchError (`models/faults.py`)
├── EmptyAudio          nothing was spoken, so there is nothing to encode
├── StreamInterrupted   audio has left and nobody could go on
├── ChainExhausted      nobody could speak; carries each engine's own reason
├── Overloaded          too much to do right now; come back later
├── ConfigError         a configuration that cannot be used; carries every problem found
└── MachineError        the machine's doing
    └── PortInUse · NotWritable · DiskFull · NoSoundDevice
```

Every error says *what* failed, *why*, and *what to do*, and has a stable `code`; nothing branches on a message.
"""

from __future__ import annotations

from typing import ClassVar


class PortevoixError(Exception):
    """Say what failed, why, and what to do about it.

    Attributes:
        what: one clause, without a full stop: what failed.
        why: the cause, or "" when `what` says it all.
        hint: what the reader can do, as an imperative sentence, or "".
        code: stable identifier for programs.
        exit_code: what the command line ends with.
    """

    code: ClassVar[str] = "internal_error"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, why, hint)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        """Return what failed and why."""
        return ": ".join(part for part in (self.what, self.why) if part)

    @property
    def parts(self) -> dict[str, str]:
        """Return code, what, why and hint by name, for another process to read."""
        return {"code": self.code, "what": self.what, "why": self.why, "hint": self.hint}

    @property
    def in_full(self) -> str:
        """Return what failed, why, and what to do about it, as one sentence after the other."""
        return ". ".join(part for part in (str(self), self.hint) if part)


class RequestError(PortevoixError):
    """Refuse a request that no engine could serve as it stands.

    Attributes:
        param: the name of the field at fault, or None.
    """

    code = "invalid_request"
    exit_code = 2

    def __init__(self, what: str, why: str = "", hint: str = "", *, param: str | None = None) -> None:
        super().__init__(what, why, hint)
        self.param = param


class EmptyText(RequestError):
    """Refuse a text that is empty or blank."""

    code = "empty_text"


class NothingToSay(RequestError):
    """Refuse a text in which nothing can be spoken, such as emoji alone."""

    code = "nothing_to_say"


class TextTooLong(RequestError):
    """Refuse a text longer than the configured limit."""

    code = "text_too_long"


class InvalidParameter(RequestError):
    """Refuse a value of the wrong type or outside its range."""

    code = "invalid_parameter"


class VoiceNotFound(RequestError):
    """Refuse a voice that no engine knows."""

    code = "voice_not_found"


class LanguageNotSupported(RequestError):
    """Refuse a language that no engine speaks."""

    code = "language_not_supported"


class EngineNotFound(RequestError):
    """Refuse an engine that is not registered."""

    code = "engine_not_found"


class UnknownFormat(RequestError):
    """Refuse an audio format that cannot be written."""

    code = "format_not_supported"


class AudioNotReadable(RequestError):
    """Refuse a recording that cannot be decoded."""

    code = "audio_not_readable"


class NotAllowed(RequestError):
    """Refuse a path or an address outside what the configuration allows."""

    code = "not_allowed"


class EngineError(PortevoixError):
    """Tell that one engine could not speak; the next one may."""

    code = "engine_error"
    exit_code = 5


class EngineUnavailable(EngineError):
    """Tell that an engine is not ready: switched off, not installed, no device."""

    code = "engine_unavailable"


class EngineLoading(EngineUnavailable):
    """Tell that an engine is on its way."""

    code = "engine_loading"


class EngineFailed(EngineError):
    """Tell that an engine broke while it was to speak."""

    code = "engine_failed"


class EngineDied(EngineFailed):
    """Tell that an engine's process ended; another takes its place, so that a second try is worth while."""

    code = "engine_died"


class EngineTimeout(EngineError):
    """Tell that an engine was late, or stopped in the middle."""

    code = "engine_timeout"


class EngineSilent(EngineError):
    """Tell that an engine ended without an audible frame."""

    code = "engine_silent"


class CannotSay(EngineError):
    """Tell that an engine is sound but has no sounds for this text; it does not count as a failure."""

    code = "engine_cannot_say"


class CannotClone(EngineError):
    """Tell that an engine cannot speak as somebody in a recording; it may speak in its own voice instead."""

    code = "engine_cannot_clone"


class CircuitOpen(EngineError):
    """Tell that an engine rests after repeated failures."""

    code = "circuit_open"


class ModelError(EngineError):
    """Tell that a model cannot be used, so that its engine is not ready."""

    code = "model_error"
    exit_code = 4


class ModelMissing(ModelError):
    """Tell that a model's file is not on disk."""

    code = "model_missing"


class ModelBroken(ModelError):
    """Tell that a model's file is damaged, cut short, or contradicts its configuration."""

    code = "model_broken"


class ModelUnsupported(ModelError):
    """Tell that a file is a sound model, but not of a kind that this engine runs."""

    code = "model_unsupported"


class EmptyAudio(PortevoixError):
    """Refuse to make a file of no audio at all."""

    code = "empty_audio"
    exit_code = 5


class StreamInterrupted(PortevoixError):
    """Tell that speech stopped after some of it had been heard, and nobody could go on."""

    code = "stream_interrupted"
    exit_code = 5


class ChainExhausted(PortevoixError):
    """Tell that no engine could speak.

    Attributes:
        reasons: engine name and its own error, in the order of trying.
    """

    code = "no_engine_could_speak"
    exit_code = 5

    def __init__(self, reasons: tuple[tuple[str, EngineError], ...]) -> None:
        why = "; ".join(f"{engine}: {error}" for engine, error in reasons) or "no engine is enabled"
        hints = [error.hint for _, error in reasons if error.hint]
        super().__init__("no engine could speak", why, hints[0] if hints else "Run `portevoix doctor`.")
        self.reasons = reasons


class Overloaded(PortevoixError):
    """Tell that there is too much to do right now.

    Attributes:
        retry_after_seconds: when it is worth while to ask again, at least 1.
    """

    code = "overloaded"
    exit_code = 7

    def __init__(self, what: str, why: str = "", hint: str = "", *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(what, why, hint or "Ask again in a moment.")
        self.retry_after_seconds = max(1.0, retry_after_seconds)


class ConfigError(PortevoixError):
    """Refuse a configuration, naming every problem at once.

    Attributes:
        problems: one printable line for each problem.
    """

    code = "config_invalid"
    exit_code = 3

    def __init__(self, what: str, problems: tuple[str, ...], hint: str = "") -> None:
        super().__init__(what, "; ".join(problems), hint or "Run `portevoix config check FILE`.")
        self.problems = problems


class MachineError(PortevoixError):
    """Tell that the machine refuses something: a port, a folder, a sound device."""

    code = "machine_error"
    exit_code = 6


class PortInUse(MachineError):
    """Tell that another program listens on the port."""

    code = "port_in_use"


class NotWritable(MachineError):
    """Tell that a file or folder cannot be written."""

    code = "not_writable"


class DiskFull(MachineError):
    """Tell that there is no room left on a disk."""

    code = "disk_full"


class NoSoundDevice(MachineError):
    """Tell that nothing here can play audio."""

    code = "no_sound_device"
