from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from portevoix.cli.draft import Draft
from portevoix.cli.outlets import FileOutlet, StreamOutlet
from portevoix.codecs import FORMATS
from portevoix.errors import DiskFull
from tests.signals import tone

RATE = 22050


@pytest.fixture
def draft(tmp_path):
    draft = Draft(tmp_path)
    yield draft
    draft.discard()


def outlet(draft, target, format_name="wav", *, may_replace=True):
    return FileOutlet(draft, lambda: (target, may_replace), format_name, RATE)


def frames_of(path):
    with wave.open(str(path)) as file:
        return file.getnframes(), len(file.readframes(10**9)) // 2


def test_a_whole_file_tells_its_length(draft, tmp_path):
    file = outlet(draft, tmp_path / "out.wav")
    for _ in range(3):
        file.write(tone(440, 0.1, RATE))
    file.close()
    assert file.path == tmp_path / "out.wav"
    assert not file.is_partial
    assert frames_of(file.path) == (6615, 6615)
    file.abort()
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


@pytest.mark.parametrize("known", FORMATS.values(), ids=lambda known: known.name)
def test_what_was_spoken_is_kept_under_a_name_that_says_so(draft, tmp_path, known):
    target = tmp_path / f"out{known.extension}"
    target.write_bytes(b"the last one, whole")
    file = outlet(draft, target, known.name)
    file.write(tone(440, 0.5, RATE))
    file.abort()
    assert file.path == tmp_path / f"out.partial{known.extension}"
    assert file.is_partial
    assert target.read_bytes() == b"the last one, whole"
    demuxer = {"pcm": "s16le", "opus": "ogg"}.get(known.name, known.name)
    with av.open(str(file.path), format=demuxer) as content:
        assert sum(frame.samples for frame in content.decode(audio=0)) > 0


def test_nothing_is_kept_where_nothing_was_spoken(draft, tmp_path):
    file = outlet(draft, tmp_path / "out.wav")
    file.abort()
    draft.discard()
    assert file.path is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_not_named_replaces_none(draft, tmp_path):
    (tmp_path / "out.wav").touch()
    file = outlet(draft, tmp_path / "out.wav", may_replace=False)
    file.write(tone(440, 0.1, RATE))
    file.close()
    assert file.path == tmp_path / "out-1.wav"


def test_a_stream_leaves_as_it_is_made():
    sink = io.BytesIO()
    stream = StreamOutlet(sink, "wav", RATE)
    stream.write(np.zeros(100, np.float32))
    assert len(sink.getvalue()) == 44 + 200
    stream.close()
    assert len(sink.getvalue()) == 44 + 200


def test_a_stream_that_is_cut_gets_no_end():
    sink = io.BytesIO()
    stream = StreamOutlet(sink, "flac", RATE)
    stream.write(tone(440, 0.5, RATE))
    written = sink.getvalue()
    stream.abort()
    assert sink.getvalue() == written


def test_a_device_that_refuses_is_told():
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(DiskFull, match="/dev/full"):
        StreamOutlet(file, "wav", RATE).write(tone(440, 0.1, RATE))
