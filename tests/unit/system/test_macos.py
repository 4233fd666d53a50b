"""macOS's voices against a scripted double of the `say` program."""

from __future__ import annotations

import subprocess
import sys
import wave

import pytest

from portevoix.errors import EngineFailed, EngineUnavailable, VoiceNotFound
from portevoix.speech import Utterance, Voice
from portevoix.system.macos import SaySynthesizer, run, voices_in

LISTING = """\
Amélie (Enhanced)   fr_CA    # Bonjour, je m’appelle Amélie.
Daniel              en_GB    # Hello, my name is Daniel.
Thomas              fr_FR    # Bonjour, je m’appelle Thomas.
not a voice
"""


class ScriptedSay:
    """Answer like the program, and write down what it was asked."""

    def __init__(self, listing=LISTING, error=None, writes=True):
        self.listing = listing
        self.error = error
        self.writes = writes
        self.asked = []

    def __call__(self, command, text, is_cancelled):
        if "?" in command:
            return self.listing
        self.asked.append((list(command), text))
        if self.error:
            raise self.error
        if self.writes and not is_cancelled():
            with wave.open(command[command.index("-o") + 1], "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(22050)
                file.writeframes(b"\x00\x40" * 100)
        return ""


def utterance(text="Bonjour", voice="Thomas", speed=1.0):
    return Utterance(text, Voice(voice, "sapi_french", "fr-FR"), "fr", speed=speed)


def test_voices_are_read_from_the_listing():
    assert [(voice.name, voice.language) for voice in voices_in(LISTING)] == [
        ("Amélie (Enhanced)", "fr-CA"), ("Daniel", "en-GB"), ("Thomas", "fr-FR"),
    ]  # fmt: skip


def test_it_speaks_with_voice_pace_and_volume():
    say = ScriptedSay()
    (chunk,) = SaySynthesizer(volume=50, runner=say).speak(utterance(speed=2.0), lambda: False)
    assert chunk.samples.tolist() == [0.25] * 100
    assert (chunk.marks[0].start, chunk.marks[0].end) == (0, 7)
    ((command, text),) = say.asked
    assert command[:5] == ["say", "-v", "Thomas", "-r", "350"]
    assert text == "Bonjour"


def test_commands_inside_a_text_are_only_text():
    say = ScriptedSay()
    list(SaySynthesizer(runner=say).speak(utterance("un [[slnc 5000]] deux"), lambda: False))
    assert say.asked[0][1] == "un [ [slnc 5000] ] deux"


def test_a_cancelled_utterance_yields_nothing():
    assert list(SaySynthesizer(runner=ScriptedSay()).speak(utterance(), lambda: True)) == []


@pytest.mark.parametrize("say", [
    ScriptedSay(error=OSError("broken")), ScriptedSay(error=subprocess.CalledProcessError(1, "say")),
    ScriptedSay(writes=False),
])  # fmt: skip
def test_what_goes_wrong_is_a_failure(say):
    with pytest.raises(EngineFailed):
        list(SaySynthesizer(runner=say).speak(utterance(), lambda: False))


def test_an_unknown_voice_is_refused():
    with pytest.raises(VoiceNotFound):
        list(SaySynthesizer(runner=ScriptedSay()).speak(utterance(voice="Zarvox"), lambda: False))


def test_a_mac_without_voices_is_not_ready():
    with pytest.raises(EngineUnavailable, match="no voice"):
        SaySynthesizer(runner=ScriptedSay(listing=""))


def test_elsewhere_the_program_is_not_ready():
    with pytest.raises(EngineUnavailable, match="cannot be used"):
        SaySynthesizer(
            runner=lambda command, text, is_cancelled: run(["no-such-say", *command[1:]], text, is_cancelled)
        )


def test_a_program_gets_its_text_and_gives_its_output():
    script = "import sys; print(sys.stdin.read().upper())"
    assert run([sys.executable, "-c", script], "été", lambda: False).strip() == "ÉTÉ"


def test_a_program_that_fails_raises():
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", "import sys; sys.exit(3)"], "", lambda: False)


def test_a_program_that_nobody_wants_is_killed():
    assert run([sys.executable, "-c", "import time; time.sleep(60)"], "", lambda: True) == ""
