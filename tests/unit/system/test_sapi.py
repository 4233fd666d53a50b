"""Windows' voices against a scripted double of SAPI's interface."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from portevoix.errors import EngineFailed, EngineUnavailable, VoiceNotFound
from portevoix.speech import Utterance, Voice
from portevoix.system.sapi import ComSapi, SapiSynthesizer, language_of, sapi_rate


class ScriptedToken:
    def __init__(self, name, language):
        self._attributes = {"Name": name, "Language": language}

    def GetDescription(self):
        return f"described {self._attributes['Language']}"

    def GetAttribute(self, name):
        return self._attributes[name]


class ScriptedTokens(list):
    @property
    def Count(self):
        return len(self)

    def Item(self, index):
        return self[index]


class ScriptedSapi:
    """Make objects that write down what they are told and speak one sample per character."""

    def __init__(self, *tokens, looks=0, fails=False):
        self.tokens = ScriptedTokens(tokens)
        self.looks = looks
        self.fails = fails
        self.said = []
        self.last = None

    def voice(self):
        self.last = ScriptedVoice(self)
        return self.last

    def memory_stream(self):
        return ScriptedStream()


class ScriptedStream:
    def __init__(self):
        self.Format = SimpleNamespace(Type=0)
        self.data = b""

    def GetData(self):
        assert self.Format.Type == 22
        return tuple(self.data)


class ScriptedVoice:
    Voice = None
    Rate = 0
    Volume = 0
    AudioOutputStream = None

    def __init__(self, sapi):
        self._sapi = sapi
        self._looks = sapi.looks

    def GetVoices(self):
        return self._sapi.tokens

    def Speak(self, text, flags):
        if self._sapi.fails:
            raise OSError(-2147200966, "no audio")
        self._sapi.said.append((text, flags))
        self.AudioOutputStream.data += b"\x00\x40" * len(text)
        return 1

    def WaitUntilDone(self, milliseconds):
        self._looks -= 1
        return self._looks < 0


FRENCH = ScriptedToken("Microsoft Hortense Desktop", "40C")
ENGLISH = ScriptedToken("", "409;9")


def utterance(text="Bonjour", voice="Microsoft Hortense Desktop", speed=1.0):
    return Utterance(text, Voice(voice, "sapi_french", "fr-FR"), "fr", speed=speed)


def test_voices_are_named_and_tagged():
    voices = SapiSynthesizer(sapi=ScriptedSapi(FRENCH, ENGLISH)).voices()
    assert [(voice.name, voice.language) for voice in voices] == [
        ("Microsoft Hortense Desktop", "fr-FR"), ("described 409;9", "en-US"),
    ]  # fmt: skip


def test_it_speaks_with_voice_rate_and_volume():
    sapi = ScriptedSapi(FRENCH, looks=2)
    (chunk,) = SapiSynthesizer(rate=2, volume=70, sapi=sapi).speak(utterance(speed=3.0), lambda: False)
    assert chunk.samples.tolist() == [0.5] * 7
    assert chunk.sample_rate == 22050
    assert (chunk.marks[0].start, chunk.marks[0].end) == (0, 7)
    assert sapi.said == [("Bonjour", 17)]
    assert (sapi.last.Voice, sapi.last.Rate, sapi.last.Volume) == (FRENCH, 10, 70)


def test_cancelling_purges_what_is_being_spoken():
    sapi = ScriptedSapi(FRENCH, looks=5)
    assert list(SapiSynthesizer(sapi=sapi).speak(utterance(), lambda: True)) == []
    assert sapi.said[-1] == ("", 3)


def test_an_unknown_voice_is_refused():
    with pytest.raises(VoiceNotFound):
        list(SapiSynthesizer(sapi=ScriptedSapi(FRENCH)).speak(utterance(voice="Zira"), lambda: False))


def test_what_com_refuses_is_a_failure():
    with pytest.raises(EngineFailed, match="no audio"):
        list(SapiSynthesizer(sapi=ScriptedSapi(FRENCH, fails=True)).speak(utterance(), lambda: False))


def test_a_windows_without_voices_is_not_ready():
    with pytest.raises(EngineUnavailable, match="no voice"):
        SapiSynthesizer(sapi=ScriptedSapi())


def test_elsewhere_com_is_not_ready():
    with pytest.raises(EngineUnavailable, match="cannot be used"):
        ComSapi()


@pytest.mark.parametrize(
    ("numbers", "tag"), [("40C", "fr-FR"), ("409;9", "en-US"), ("", ""), ("zzz", ""), ("FFFF", "")]
)
def test_locale_numbers_become_tags(numbers, tag):
    assert language_of(numbers) == tag


@pytest.mark.parametrize(
    ("rate", "speed", "sapi"), [(0, 1.0, 0), (0, 3.0, 10), (-10, 0.25, -10), (3, 1.0, 3), (10, 4, 10)]
)
def test_rate_and_speed_make_one_rate(rate, speed, sapi):
    assert sapi_rate(rate, speed) == sapi
