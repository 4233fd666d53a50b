from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from portevoix.codecs import complete, encoder, read_wav, wav_file, wav_header
from portevoix.errors import EmptyAudio
from tests.signals import tone

HZ = 22_050


def test_a_complete_file_has_exact_sizes_for_another_reader():
    with wave.open(io.BytesIO(wav_file(tone(440, 0.5, HZ), HZ))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, HZ)
        assert file.getnframes() == HZ // 2


def test_float_and_int16_samples_give_the_same_file():
    samples = tone(440, 0.1, HZ)
    assert wav_file(samples, HZ) == wav_file(np.rint(samples * 32767).astype(np.int16), HZ)


def test_a_file_made_of_chunks_is_the_file_made_at_once():
    samples = tone(440, 0.1, HZ)
    assert complete("wav", HZ, [samples[:100], samples[100:]]) == wav_file(samples, HZ)


def test_a_stream_says_that_its_length_is_unknown_and_says_it_once():
    stream = encoder("wav", HZ)
    content = stream.encode(tone(440, 0.1, HZ)) + stream.encode(tone(440, 0.1, HZ)) + stream.finish()
    assert content[:44] == wav_header(HZ, None)
    assert content[4:8] == content[40:44] == b"\xff" * 4
    assert content.count(b"RIFF") == 1
    assert len(read_wav(content)[0]) == 2 * round(0.1 * HZ)


def test_a_size_that_32_bits_cannot_hold_is_unknown():
    assert wav_header(HZ, 2**33) == wav_header(HZ, None)


def test_no_file_is_made_of_nothing():
    with pytest.raises(EmptyAudio):
        wav_file(np.zeros(0, np.float32), HZ)
