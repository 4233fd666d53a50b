"""Turn texts into phonemes in a process of its own, one after the other.

Frames arrive on standard input and leave on standard output, an answer for each question in their order. A question
names a voice, the first one with its configuration, and asks for the `sentences` of a text or the `lengths` of words.
The process ends with its input; in the middle of a text that takes it too long, an alarm ends it.
"""

from __future__ import annotations

import faulthandler
import logging
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from portevoix.errors import EngineFailed, PortevoixError
from portevoix.rooms.pipe import take_pipes
from portevoix.text.phonemes import Espeak, Phonemizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portevoix.text.phonemes import PhonemeSentence

ALARM_GRACE_SECONDS = 2.0
"""How long after its time an answer is given up here: the parent does so before, as long as there is one."""


class Voices:
    """Read texts for voices that are known by their keys."""

    def __init__(self, espeak: Espeak) -> None:
        self._espeak = espeak
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._read: dict[str, Phonemizer] = {}

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer's fields, or those of an error."""
        key = question["voice"]
        if (config := question.get("config")) is not None:
            self._configs[key] = config
        try:
            voice = self._read.get(key) or self._read.setdefault(key, Phonemizer(self._configs[key], self._espeak))
            if (words := question.get("words")) is not None:
                return {"lengths": [voice.length(word) for word in words]}
            return {"sentences": [_fields(one) for one in voice.sentences(question["text"])]}
        except MemoryError:
            raise  # espeak-ng leaks, or something else does: another process begins anew
        except PortevoixError as error:
            return {"error": error.parts}
        except Exception as error:  # noqa: BLE001 - what a foreign package raises travels to the parent
            return {"error": EngineFailed("the phonemizer failed", f"{type(error).__name__}: {error}").parts}


def main() -> None:
    """Answer until standard input ends; the last argument is the most address space in bytes, 0 for any."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a whole service is told to stop, and its server finishes what it says
    faulthandler.enable()
    logging.disable()  # piper-tts logs parts of the texts
    _limit_resources(int(sys.argv[-1]))
    pipe = take_pipes()
    try:
        voices = Voices(Espeak())
    except PortevoixError as error:
        pipe.send({"kind": "failed", "error": error.parts})
        return
    with suppress(BrokenPipeError):
        pipe.send({"kind": "ready"})
        for frame in pipe.frames():
            _alarm_in(frame.header["seconds"] + ALARM_GRACE_SECONDS)
            pipe.send(voices.answer(frame.header))
            _alarm_in(0)


def _fields(one: PhonemeSentence) -> tuple[Any, ...]:
    return one.ids, one.word_ends, one.word_lengths, one.sounds


def _alarm_in(seconds: float) -> None:
    """Have the system end this process, also inside of C; a parent that was killed cannot any more."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_resources(memory_bytes: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    main()
