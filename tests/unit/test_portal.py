from __future__ import annotations

import io
import wave
from pathlib import Path
from threading import Thread

import pytest

from portevoix.errors import EmptyText
from portevoix.portal import BlockingSpeaker
from tests.unit.test_unified import config


def frames(audio: bytes) -> int:
    with wave.open(io.BytesIO(audio)) as file:
        return file.getnframes()


def test_speaks_without_an_event_loop_and_from_several_threads(tmp_path: Path) -> None:
    with BlockingSpeaker(config(tmp_path)) as speaker:
        expected = frames(speaker.speak("Bonjour à tous"))
        assert speaker.report.engine == "piper_native"
        lengths: list[int] = []
        threads = [Thread(target=lambda: lengths.append(frames(speaker.speak("Bonjour à tous")))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert lengths == [expected] * 4


def test_streams_and_can_be_left_early(tmp_path: Path) -> None:
    with BlockingSpeaker(config(tmp_path)) as speaker:
        chunks = speaker.stream("Bonjour à tous. Ceci est une longue phrase. Et une autre.")
        assert len(next(chunks).samples)
        chunks.close()
        assert speaker.speak("Encore")


def test_errors_come_out_as_they_are(tmp_path: Path) -> None:
    with BlockingSpeaker(config(tmp_path)) as speaker, pytest.raises(EmptyText):
        speaker.speak("")


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    speaker = BlockingSpeaker(config(tmp_path))
    speaker.close()
    speaker.close()
