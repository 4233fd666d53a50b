"""A synthesizer that does what its utterance's text says, for tests of rooms."""

# ruff: noqa: T201 - a library that prints is one of the things that rooms must bear

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from portevoix.audio import AudioChunk
from portevoix.errors import EngineFailed, EngineUnavailable, InvalidParameter
from portevoix.speech import Voice, WordMark

RATE = 8000


class Scripted:
    """Speak `chunks` chunks of 0.1 s, whose samples are the chunk's number over 1000."""

    def __init__(self, chunks=5, on_start="", record=""):
        self._chunks = chunks
        self._record = record
        if on_start == "refuse":
            raise EngineUnavailable("no voice here", "it is switched off", "Switch it on.")
        if on_start == "raise":
            raise RuntimeError("boom at start")
        if on_start == "die":
            print("last words", file=sys.stderr, flush=True)
            os._exit(3)
        if on_start == "hang":
            time.sleep(60)
        print("a library prints while it is imported", flush=True)

    def voices(self):
        return (Voice("somebody", "scripted", "fr-FR", RATE, speakers=("one", "two")),)

    def speak(self, utterance, is_cancelled):
        act = ACTS.get(utterance.text)
        for number in range(self._chunks):
            if is_cancelled():
                return
            if act is not None and number == 2:
                self._note("acts")
                act()
            self._note(number)
            samples = np.full(RATE // 10, number / 1000, np.float32)
            yield AudioChunk(samples, RATE, (WordMark(number, number + 1, number / 10, number / 10 + 0.1),))

    def close(self):
        self._note("closed")

    def _note(self, what):
        if self._record:
            with Path(self._record).open("a", encoding="ascii") as file:
                file.write(f"{what}\n")


class Echo:
    """Hand the text back as samples, one per character, after a mark over all of it."""

    def voices(self):
        return ()

    def speak(self, utterance, is_cancelled):
        points = np.array([ord(character) for character in utterance.text], np.float32)
        yield AudioChunk(points, RATE, (WordMark(0, len(utterance.text), 0.0, 1.0),))

    def close(self):
        pass


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise():
    raise RuntimeError("boom")


def _fail():
    raise EngineFailed("the model broke", "a tensor is missing", "Fetch it again.")


def _refuse():
    raise InvalidParameter("speed is out of range")


def _hang():
    time.sleep(60)


def _leak():
    global HOARD  # noqa: PLW0603
    HOARD = np.ones(100 << 20, np.float32)
    time.sleep(60)


def _grandchild():
    subprocess.Popen(["sleep", "300"])
    _die()


def _garbage():
    os.write(4, b"\xff" * 64)
    for descriptor in range(3, 12):
        try:
            os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue


HOARD = None
ACTS = {
    "die": _die, "stop": _stop, "raise": _raise, "fail": _fail, "refuse": _refuse, "hang": _hang, "leak": _leak,
    "grandchild": _grandchild, "garbage": _garbage,
}  # fmt: skip
