"""The phonemizer's process: what it costs when it dies, hangs, leaks or never comes up."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from portevoix.errors import EngineDied, EngineFailed, EngineTimeout, EngineUnavailable, ModelBroken, ModelUnsupported
from portevoix.rooms.frames import pack
from portevoix.rooms.phonemizer import PhonemizerPlan, PhonemizerProcess, VoiceReading, phonemizer_command
from portevoix.rooms.phonemizing import HousedPhonemizer, Phonemizers
from portevoix.text.phonemes import Espeak, Phonemizer
from portevoix.text.spoken_words import words_to_measure
from tests.rooms import until

SCRIPT = Path(__file__).with_name("scripted_phonemizer.py")
CONFIG_FILE = Path("tests/fixtures/voices/fr_FR-petit-low.onnx.json")
CONFIG = json.loads(CONFIG_FILE.read_text(encoding="utf-8"))
VOICE = VoiceReading("french", CONFIG)
UNHURRIED_SECONDS = 60.0
READS_AND_WAITS = """
import asyncio, sys
from pathlib import Path
from portevoix.rooms.phonemizing import Phonemizers
async def main():
    phonemizers = Phonemizers()
    await phonemizers.of(Path(sys.argv[1]))
    print((await phonemizers._light.begin()).pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""

Make = Callable[..., PhonemizerProcess]


def scripted(manner: str = "plain", **changes: Any) -> PhonemizerPlan:
    return PhonemizerPlan((sys.executable, str(SCRIPT), manner), **changes)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[PhonemizerProcess] = []

    def one(plan: PhonemizerPlan) -> PhonemizerProcess:
        made.append(PhonemizerProcess(plan))
        return made[-1]

    yield one
    for process in made:
        await process.aclose()


@pytest.fixture
async def real(make: Make) -> PhonemizerProcess:
    return make(PhonemizerPlan(patience_seconds=UNHURRIED_SECONDS, unwanted_seconds=UNHURRIED_SECONDS))


def ask(process: PhonemizerProcess, text: str, limit_seconds: float = UNHURRIED_SECONDS) -> asyncio.Task[Any]:
    return asyncio.create_task(process.ask(VOICE, {"text": text}, limit_seconds))  # type: ignore[arg-type]


async def pid_of(process: PhonemizerProcess) -> int:
    return (await process.begin()).pid


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False


async def asked(process: PhonemizerProcess, *tasks: asyncio.Task[Any]) -> None:
    """Return once all of the tasks' questions are on their way."""
    life = await process.begin()
    await until(lambda: len(life._waiting) == len(tasks))


async def test_it_reads_as_in_this_process(real: PhonemizerProcess) -> None:
    housed, here = HousedPhonemizer(real, VOICE), Phonemizer(CONFIG, Espeak())
    for text in ("", "Bonjour à tous. Elle a 42 chats !", "one of the people", "😀", "x" * 3000):
        sentences = await housed.sentences(text)
        assert sentences == here.sentences(text)
        await housed.words(text, sentences)


async def test_words_are_measured_in_one_question(make: Make) -> None:
    class Counting(PhonemizerProcess):
        questions = 0

        async def ask(self, *asked: Any) -> Any:
            self.questions += 1
            return await super().ask(*asked)

    process = Counting(PhonemizerPlan())
    english = VoiceReading("english", CONFIG | {"espeak": {"voice": "en-us"}})
    housed, text = HousedPhonemizer(process, english), "She has 42 cats."
    words = await housed.words(text, sentences := await housed.sentences(text))
    assert words_to_measure(text, sentences) == ["She", "has", "42", "cats"]
    assert [text[word.start : word.end] for word in words] == ["She", "has", "42", "cats"]
    assert process.questions == 2
    await process.aclose()


async def test_each_gets_its_own_answer(real: PhonemizerProcess) -> None:
    housed, here = HousedPhonemizer(real, VOICE), Phonemizer(CONFIG, Espeak())
    texts = [f"Numéro {number}." * (number % 5 + 1) for number in range(60)]
    assert await asyncio.gather(*map(housed.sentences, texts)) == [here.sentences(text) for text in texts]


async def test_one_process_reads_for_all_voices_but_those_with_networks(tmp_path: Path) -> None:
    phonemizers = Phonemizers()
    for name, change in {"english": {"espeak": {"voice": "en-us"}}, "letters": {"phoneme_type": "text"}}.items():
        path = tmp_path / f"{name}.onnx.json"
        path.write_text(json.dumps(CONFIG | change), encoding="utf-8")
        housed = await phonemizers.of(path)
        assert await housed.sentences("Hello there.") == Phonemizer(CONFIG | change, Espeak()).sentences("Hello there.")
    assert phonemizers._heavy._life is None
    arabic = CONFIG | {"espeak": {"voice": "ar"}}
    path.write_text(json.dumps(arabic), encoding="utf-8")
    assert await (await phonemizers.of(path)).sentences("مرحبا") == Phonemizer(arabic, Espeak()).sentences("مرحبا")
    assert phonemizers._heavy._life is not None
    await phonemizers.aclose()


@pytest.mark.parametrize("content", ["{}", "[]", "nonsense", '{"num_symbols": 1, "phoneme_type": "klingon"}'])
async def test_a_broken_configuration_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.onnx.json").write_text(content, encoding="utf-8")
    phonemizers = Phonemizers()
    with pytest.raises(ModelBroken):
        await phonemizers.of(tmp_path / "x.onnx.json")
    await phonemizers.aclose()


@pytest.mark.parametrize("change", [{"espeak": {"voice": "xx-nobody"}}, {"phoneme_type": "thai"}])
async def test_a_language_that_nobody_reads_is_told_before_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "x.onnx.json").write_text(json.dumps(CONFIG | change), encoding="utf-8")
    phonemizers = Phonemizers()
    with pytest.raises(ModelUnsupported, match="xx-nobody|ModuleNotFoundError"):
        await phonemizers.of(tmp_path / "x.onnx.json")
    assert (await phonemizers.of(CONFIG_FILE)) is not None
    await phonemizers.aclose()


async def test_killed_in_the_middle_it_costs_what_it_was_at_and_nothing_else(
    real: PhonemizerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    pid = await pid_of(real)
    os.kill(pid, signal.SIGSTOP)
    at_work, *behind = tasks = [ask(real, text) for text in ("Zibeline.", "Deux.", "Trois.")]
    await asked(real, *tasks)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineDied):
        await at_work
    here = Phonemizer(CONFIG, Espeak())
    assert [tuple((await task)["sentences"][0][0]) for task in behind] == [
        here.sentences(text)[0].ids for text in ("Deux.", "Trois.")
    ]
    await until(lambda: any(record.getMessage() == "phonemizer.died" for record in caplog.records))
    record = next(record for record in caplog.records if record.getMessage() == "phonemizer.died")
    assert (record.levelno, vars(record)["signal"], vars(record)["pid"]) == (logging.WARNING, "Killed", pid)
    assert "Zibeline" not in str([vars(record) for record in caplog.records])


async def test_each_text_that_kills_it_kills_once(make: Make) -> None:
    process = make(scripted())
    texts = ["un", "crash", "deux", "leave", "trois", "babble", "quatre", "refuse", "cinq"]
    outcomes = await asyncio.gather(*(ask(process, text) for text in texts), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        dict, EngineDied, dict, EngineDied, dict, EngineDied, dict, EngineFailed, dict
    ]  # fmt: skip
    spoken = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    assert ["".join(map(chr, one["sentences"][0][0])) for one in spoken] == ["un", "deux", "trois", "quatre", "cinq"]
    assert len({one["pid"] for one in spoken}) == 4


async def test_killed_while_nobody_asks_it_is_not_noticed(real: PhonemizerProcess) -> None:
    life = await real.begin()
    os.kill(life.pid, signal.SIGKILL)
    await life.gone.wait()
    assert (await ask(real, "Un."))["sentences"]
    assert await pid_of(real) != life.pid


async def test_told_to_stop_it_stays_as_long_as_its_server(real: PhonemizerProcess) -> None:
    pid = await pid_of(real)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert (await ask(real, "Un."))["sentences"]
    assert await pid_of(real) == pid


async def test_one_that_hangs_is_killed_and_the_others_are_answered(real: PhonemizerProcess) -> None:
    pid = await pid_of(real)
    os.kill(pid, signal.SIGSTOP)
    stuck, behind = ask(real, "Un.", limit_seconds=0.3), ask(real, "Deux.")
    with pytest.raises(EngineTimeout, match=r"did not answer in 0\.3 s"):
        await stuck
    assert (await behind)["sentences"]
    await until(lambda: not is_there(pid))


async def test_who_leaves_does_not_disturb_who_stays(real: PhonemizerProcess) -> None:
    pid, mistakes = await pid_of(real), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: mistakes.append(context))
    os.kill(pid, signal.SIGSTOP)
    leaving, staying = tasks = [ask(real, text) for text in ("Un deux trois.", "Quatre.")]
    await asked(real, *tasks)
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    os.kill(pid, signal.SIGCONT)
    assert tuple((await staying)["sentences"][0][0]) == Phonemizer(CONFIG, Espeak()).sentences("Quatre.")[0].ids
    assert (await pid_of(real), mistakes) == (pid, [])


async def test_one_that_hangs_at_what_nobody_waits_for_is_killed_earlier(make: Make) -> None:
    process = make(PhonemizerPlan(unwanted_seconds=0.3))
    pid = await pid_of(process)
    os.kill(pid, signal.SIGSTOP)
    leaving, staying = tasks = [ask(process, text) for text in ("Un.", "Deux.")]
    await asked(process, *tasks)
    leaving.cancel()
    assert (await staying)["sentences"]
    assert await pid_of(process) != pid


async def test_one_that_takes_too_much_memory_is_replaced(make: Make) -> None:
    process = make(PhonemizerPlan(phonemizer_command(memory_bytes=64 << 20)))
    with pytest.raises(EngineDied):
        await ask(process, " " * 15_000_000)
    assert (await ask(process, "Un."))["sentences"]


@pytest.mark.parametrize(("plan", "why"), [
    (PhonemizerPlan(("no-such-program",)), "no-such-program"),
    (scripted("gone"), "there is no phonemizer here"),
    (scripted("mute", ready_seconds=0.5), r"not ready in 0\.5 s"),
])  # fmt: skip
async def test_one_that_does_not_start_says_so_each_time_and_leaves_nothing(
    make: Make, plan: PhonemizerPlan, why: str
) -> None:
    process = make(plan)
    process.begin()
    for _ in range(2):
        outcomes = await asyncio.gather(ask(process, "Un."), ask(process, "Deux."), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 2
    with pytest.raises(EngineUnavailable, match=why):
        await ask(process, "Un.")


async def test_closed_it_leaves_nothing_tells_who_waits_and_can_be_used_again(real: PhonemizerProcess) -> None:
    pid = await pid_of(real)
    os.kill(pid, signal.SIGSTOP)
    waiting = [ask(real, "Un."), ask(real, "Deux.")]
    await asked(real, *waiting)
    await real.aclose()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [EngineUnavailable] * 2
    assert not is_there(pid)
    assert (await ask(real, "Trois."))["sentences"]


def test_it_serves_one_event_loop_after_the_other_and_ends_with_each() -> None:
    process = PhonemizerProcess(PhonemizerPlan())

    async def use() -> int:
        assert (await ask(process, "Un."))["sentences"]
        return await pid_of(process)

    pids = [asyncio.run(use()) for _ in range(3)]
    assert len(set(pids)) == 3
    assert not any(map(is_there, pids))


async def test_it_ends_with_a_parent_that_is_killed_and_no_key_of_the_terminal_reaches_it() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", READS_AND_WAITS, str(CONFIG_FILE), stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    groups = os.getpgid(pid), os.getpgid(parent.pid)
    parent.kill()
    assert groups[0] != groups[1]
    await until(lambda: not is_there(pid))
    await parent.communicate()


async def test_at_work_it_ends_by_itself_when_its_time_is_over() -> None:
    """Whoever could kill it may be gone, and it does not look at its input meanwhile."""
    work = {"voice": "v", "config": CONFIG, "words": ["123456789012345"] * 500_000, "seconds": 0.1}
    child = await asyncio.create_subprocess_exec(
        *phonemizer_command(0), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert child.stdin is not None
    child.stdin.write(pack(work))
    assert await child.wait() == -signal.SIGALRM
    child.stdin.close()
