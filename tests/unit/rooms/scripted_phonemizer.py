"""A phonemizer's process by script: `python scripted_phonemizer.py MANNER`.

A text that is asked about has one sentence, whose ids are the text's letters. Texts do what they say.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from portevoix.rooms.pipe import take_pipes


def main(manner: str) -> None:
    pipe = take_pipes()
    if manner == "gone":
        sys.exit("there is no phonemizer here")
    if manner == "mute":
        time.sleep(600)
    pipe.send({"kind": "ready"})
    for frame in pipe.frames():
        text = frame.header["text"]
        if text == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        elif text == "leave":
            return
        elif text == "babble":
            os.write(pipe._sink, b"\xff" * 64)
        elif text == "refuse":
            pipe.send({"error": {"code": "engine_failed", "what": "it", "why": "does not like this", "hint": ""}})
        else:
            pipe.send({"sentences": [[[ord(letter) for letter in text], [], [], []]], "pid": os.getpid()})


if __name__ == "__main__":
    main(sys.argv[1])
