from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portevoix.rooms.frames import HEADER_LIMIT_BYTES, PAYLOAD_LIMIT_BYTES, Frame, FrameDecoder, FrameError, pack

HEADERS = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=4)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=5)


@given(FRAMES, st.data())
def test_frames_arrive_whole_however_their_bytes_are_cut(frames, data):
    stream = b"".join(pack(header, payload) for header, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = FrameDecoder()
    heard = [
        frame for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in decoder.feed(stream[start:end])
    ]  # fmt: skip
    assert [(frame.header, frame.payload) for frame in heard] == frames


@pytest.mark.parametrize("text", ["été", "😀", "\ud800 alone", "\0", "line\nline", "\u2028"])
def test_any_text_passes_unharmed(text):
    (frame,) = FrameDecoder().feed(pack({"kind": "speak", "text": text}))
    assert frame.header["text"] == text
    assert frame.kind == "speak"


def test_a_payload_may_be_a_view_of_wider_numbers():
    (frame,) = FrameDecoder().feed(pack({}, memoryview(struct.pack("<3f", 1, 2, 3)).cast("f")))
    assert struct.unpack("<3f", frame.payload) == (1, 2, 3)


def test_a_frame_without_a_kind_has_an_empty_one():
    assert Frame({}).kind == ""


@pytest.mark.parametrize(
    "bytes_",
    [
        struct.pack("<II", HEADER_LIMIT_BYTES + 1, 0),
        struct.pack("<II", 2, PAYLOAD_LIMIT_BYTES + 1),
        struct.pack("<II", 3, 0) + b"not",
        struct.pack("<II", 2, 0) + b"[]",
        struct.pack("<II", 2, 0) + b"\xff\xff",
    ],
)
def test_what_is_no_frame_is_refused(bytes_):
    with pytest.raises(FrameError):
        list(FrameDecoder().feed(bytes_))


def test_a_frame_that_nobody_would_believe_is_not_packed():
    with pytest.raises(FrameError):
        pack({"text": "a" * HEADER_LIMIT_BYTES})


def test_what_came_before_garbage_is_not_lost():
    frames = FrameDecoder().feed(pack({"kind": "begun"}) + b"\xff" * 64)
    assert next(frames).kind == "begun"
    with pytest.raises(FrameError):
        next(frames)
