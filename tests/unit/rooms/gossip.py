"""A synthesizer that tells everybody what it is asked to speak, for tests of what gets into the log."""

# ruff: noqa: T201, LOG015 - a library that prints, and logs as it likes, is what rooms must bear

from __future__ import annotations

import logging
import os

import numpy as np

from portevoix.audio import AudioChunk


class Gossip:
    """Speak half a second of silence, and talk about it."""

    def voices(self):
        return ()

    def speak(self, utterance, is_cancelled):
        logging.getLogger("portevoix.gossip").warning("gossip.told", extra={"quote": utterance.text, "count": 3})
        logging.getLogger("portevoix.gossip").debug("gossip.whispered", extra={"quote": utterance.text})
        logging.getLogger("a.library").warning("cannot pronounce %r", utterance.text)
        logging.info("a library's chatter")
        print("now saying", utterance.text)
        os.write(2, f"raw {utterance.text.upper()}\n".encode())
        if "crash" in utterance.text:
            raise ValueError(f"unknown word in {utterance.text!r}")
        if "leave" in utterance.text:
            os.write(2, f"out of memory at {utterance.text}".encode())
            os._exit(7)
        yield AudioChunk(np.full(4000, 0.1, np.float32), 8000)

    def close(self):
        pass
