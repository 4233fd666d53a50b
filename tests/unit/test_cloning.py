"""A recording to speak like, and values for single engines, on their way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from portevoix.cache.cache import SpeechCache
from portevoix.cache.memory import MemoryTier
from portevoix.errors import InvalidParameter
from portevoix.rooms.wire import utterance_fields, utterance_from
from portevoix.speaker import Speaker, SpeakerSettings
from portevoix.speech import Reference, SpeechRequest, Utterance, Voice
from tests.scripted import ScriptedEngine, fails
from tests.unit.test_chain import chain, now
from tests.virtual_time import virtual

ANNA = Reference("anna.wav", "a" * 64, "bonjour")
BERT = Reference("bert.wav", "b" * 64)


@dataclass(frozen=True)
class Parameters:
    temperature: float = field(default=0.8, metadata={"minimum": 0.0, "maximum": 2.0})
    steps: int = 4
    instructions: str = ""


class Cloning(ScriptedEngine):
    Parameters = Parameters

    def __init__(self, **script) -> None:
        voice = Voice("anybody", "cloning", "en-US", languages=("en", "fr"), can_clone=True)
        super().__init__("cloning", voices=[voice], **script)


def speaker(*engines: ScriptedEngine, cache: SpeechCache | None = None) -> Speaker:
    return Speaker(chain(*engines, cache=cache), SpeakerSettings(), clock=now)


async def speak(speaker: Speaker, **wishes):
    speech = await speaker.open(SpeechRequest("Un deux trois.", language="fr", **wishes))
    async for _ in speech:
        pass
    await speaker.chain.settle()
    return speech.report


@virtual
async def test_a_recording_goes_to_the_engine_that_can_speak_like_it() -> None:
    own, cloning = ScriptedEngine("own"), Cloning()
    report = await speak(speaker(own, cloning), reference=ANNA)
    assert (report.engine, report.is_degraded, own.asked) == ("cloning", False, [])
    assert cloning.asked[0].reference == ANNA


@virtual
async def test_without_a_recording_the_order_stays() -> None:
    own, cloning = ScriptedEngine("own"), Cloning()
    assert (await speak(speaker(own, cloning))).engine == "own"


@virtual
async def test_when_nobody_can_clone_another_voice_speaks_and_the_answer_says_so() -> None:
    own, cloning = ScriptedEngine("own"), Cloning(fault=fails())
    report = await speak(speaker(own, cloning), reference=ANNA)
    assert (report.engine, report.is_degraded) == ("own", True)
    assert [(one.engine, one.outcome, one.code) for one in report.attempts] == [
        ("cloning", "failed", "engine_failed"), ("own", "skipped", "engine_cannot_clone"), ("own", "spoke", ""),
    ]  # fmt: skip
    assert own.asked[0].reference is None


@virtual
async def test_two_recordings_never_share_a_remembered_sentence() -> None:
    cloning = Cloning()
    mouth = speaker(cloning, cache=SpeechCache(MemoryTier(1 << 20, 60.0, clock=now)))
    reports = [await speak(mouth, reference=one) for one in (ANNA, BERT, None, ANNA)]
    assert [report.is_cached for report in reports] == [False, False, False, True]


@virtual
async def test_an_engine_sees_the_parameters_that_it_declares() -> None:
    own, cloning = ScriptedEngine("own", fault=fails()), Cloning()
    wishes = {"parameters": (("temperature", 1), ("steps", 8)), "instructions": "softly"}
    await speak(speaker(own, cloning), **wishes)
    assert own.asked[0].parameters == ()
    assert dict(cloning.asked[0].parameters) == {"temperature": 1, "steps": 8, "instructions": "softly"}


@pytest.mark.parametrize(("name", "value", "words"), [
    ("temprature", 1.0, "Did you mean temperature"),
    ("temperature", 2.5, "from 0.0 to 2.0"),
    ("temperature", "hot", "of type float"),
    ("temperature", True, "of type float"),
    ("steps", 1.5, "of type int"),
])  # fmt: skip
@virtual
async def test_a_parameter_that_cannot_be_is_refused_before_anybody_is_asked(name, value, words) -> None:
    cloning = Cloning()
    with pytest.raises(InvalidParameter) as caught:
        await speak(speaker(cloning), parameters=((name, value),))
    assert words in f"{caught.value} {caught.value.hint}"
    assert caught.value.param == name
    assert cloning.asked == []


def test_a_voice_of_several_languages_speaks_each_of_them() -> None:
    voice = Cloning().voices()[0]
    assert [voice.speaks(language) for language in ("fr-CA", "en", "de")] == [True, True, False]
    assert Voice("silence", "silent", "").speaks("de")


@virtual
async def test_an_utterance_with_all_of_it_passes_into_a_room_unharmed() -> None:
    voice = Cloning().voices()[0]
    said = Utterance("Un.", voice, "fr", reference=ANNA, parameters=(("steps", 8),))
    assert utterance_from(utterance_fields(said)) == said
