"""Every heavy engine, through its own loader on a small model, in a room and inside the process: one suite both ways.

The rooms run in the environment of heavy engines. For the other way a program runs the same suite inside that very
environment, with the engine in its own process: this interpreter does not have the packages.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

import pytest

from portevoix.chain import Chain, Run
from portevoix.engine import Delivery, Phase
from portevoix.errors import EngineError, EngineUnavailable, ModelBroken, ModelMissing, ModelUnsupported
from portevoix.level import Level
from portevoix.level_settings import LevelSettings
from portevoix.models.catalogue import load_catalogue
from portevoix.models.licences import LicenceBook
from portevoix.registry import installed_engines
from portevoix.rooms.housed import Housed
from tests.checkpoints import ROOT, made
from tests.housed_contract import Plan, first_voice, hear, keep_contract, utterance
from tests.housed_models import MODELS, HousedModel
from tests.neural import ROOMS, find_neural_python
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def neural() -> Path:
    return find_neural_python()


@pytest.fixture(autouse=True)
def workers_find_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker import the engines that are shrunken for the tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> HousedModel:
    return MODELS[request.param]


@pytest.fixture
def plan(model: HousedModel, neural: Path, tmp_path: Path) -> Plan:
    """Return a plan with a copy of the model's files, which a test may spoil."""
    return planned(model, model.files(neural), neural, tmp_path)


def planned(model: HousedModel, files: dict[str, Path], neural: Path, tmp_path: Path) -> Plan:
    models = tmp_path / "models" / model.folder
    models.mkdir(parents=True)
    for name, source in files.items():
        shutil.copytree(source, models / name, copy_function=os.link)
    for licence in {kind.licence for kind in installed_engines().values() if getattr(kind, "asks_consent", False)}:
        LicenceBook(models).accept(licence)
    options = {"device": "cpu", "threads": 1, **({"python": str(neural)} if model.borrows else {}), **model.options}
    return Plan(model.engine, options, str(models), str(ROOMS), str(tmp_path), model.language)


def test_every_heavy_engine_that_is_installed_has_a_small_model() -> None:
    housed = {name for name, kind in installed_engines().items() if issubclass(kind, Housed)}
    assert housed == set(MODELS)


async def test_keeps_the_contract_in_a_room(plan: Plan) -> None:
    broken = await keep_contract(plan, a_kill_in_mid_sentence_costs_only_that)
    assert not broken, "\n".join(f"{name}:\n{why}" for name, why in broken.items())


def test_keeps_the_contract_in_process(plan: Plan, neural: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(asdict(plan)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "HF_HUB_OFFLINE": "1",
                   "OMP_NUM_THREADS": "1"}  # fmt: skip
    command = [str(neural), "-m", "tests.housed_contract", str(tmp_path / "plan.json")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False, timeout=800)
    assert done.returncode == 0, done.stderr[-3000:]
    broken = json.loads((tmp_path / "broken.json").read_text(encoding="utf-8"))
    assert not broken, "\n".join(f"{name}:\n{why}" for name, why in broken.items())


async def a_kill_in_mid_sentence_costs_only_that(engine: Housed, plan: Plan) -> None:
    """The chain goes on with the next engine, and the worker is back by itself."""
    spare = ScriptedEngine("spare", languages=("fr-FR", "en-US"), sample_rate=24_000)
    chain = Chain((Level(engine, LevelSettings(1, target_latency_ms=250)), Level(spare, LevelSettings(2))))
    (pid,) = engine.processes()
    said = utterance(engine, "Une phrase assez longue, avec plusieurs mots, pour que quelqu'un la coupe. " * 40)
    run, seconds = Run(), 0.0
    async with aclosing(chain.stream(said, run)) as chunks:
        if engine.delivery is not Delivery.FRAMES:  # nothing leaves before it is whole
            killing = asyncio.create_task(_kill_while_it_speaks(engine, pid))
        async for chunk in chunks:
            if not seconds and engine.delivery is Delivery.FRAMES:
                os.kill(pid, signal.SIGKILL)
                killing = asyncio.create_task(asyncio.sleep(0))
            seconds += chunk.seconds
    await killing
    assert seconds > 1
    assert spare.words, "the next engine has gone on"
    assert [attempt.engine for attempt in run.attempts][-1] == "spare", run.attempts
    assert await _is_back(engine, pid)
    assert await hear(engine, utterance(engine))
    await chain.settle()


async def _kill_while_it_speaks(engine: Housed, pid: int) -> None:
    while not _has_begun(engine):  # noqa: ASYNC110 - until a real worker has begun
        await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)


def _has_begun(engine: Housed) -> bool:
    """Tell whether the worker has begun: one that is killed before only makes another begin."""
    life = engine._body._keeper.life
    return life is not None and life._job is not None and life._job.is_begun


async def _is_back(engine: Housed, dead: int) -> bool:
    while engine.processes() in ((), (dead,)):  # noqa: ASYNC110 - until a real process has come up
        await asyncio.sleep(0.05)
    return engine.state().phase is Phase.READY


@pytest.mark.parametrize("harm", ["missing", "cut", "of another model", "no JSON", "empty"])
async def test_a_bad_folder_is_told_in_words_and_leaves_nothing(plan: Plan, model: HousedModel, harm: str) -> None:
    folder = Path(plan.models) / model.folder
    allowed = _spoil(folder, model, harm)
    engine = plan.build()
    with pytest.raises(allowed) as raised:
        await engine.load()
    assert raised.value.why
    assert raised.value.hint
    state = engine.state()
    assert (state.phase, state.code) == (Phase.UNAVAILABLE, raised.value.code)
    assert state.hint
    assert not engine.processes()
    assert not [path for path in engine.cache_folder.rglob("*") if path.is_file()]
    _restore(folder, model, find_neural_python())
    assert engine.state().phase is Phase.IDLE, "what is repaired is tried again without a restart"
    await engine.aclose()


def _spoil(folder: Path, model: HousedModel, harm: str) -> type[EngineError] | tuple[type[EngineError], ...]:
    weights, description = folder / model.weights, folder / (model.description or model.weights)
    victim = description if harm in ("of another model", "no JSON") else weights
    content = victim.read_bytes()
    victim.unlink()  # it is a link to the kept one
    if harm == "missing":
        return ModelMissing
    if harm == "empty":
        victim.write_bytes(b"")
        return (ModelMissing, ModelBroken)
    if harm == "cut":
        victim.write_bytes(content[: len(content) // 2])
        return ModelBroken
    if harm == "no JSON":
        victim.write_bytes(b"<html>captive portal</html>")
        return ModelBroken
    victim.write_bytes(model.stranger)
    return ModelUnsupported


def _restore(folder: Path, model: HousedModel, neural: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(model.files(neural)[model.folder], folder)


@pytest.mark.parametrize("name", sorted(name for name, one in MODELS.items() if one.endless))
async def test_a_generation_that_runs_away_is_stopped(name: str, neural: Path, tmp_path: Path) -> None:
    model = MODELS[name]
    engine = planned(model, made_endless(model, neural), neural, tmp_path).build()
    with pytest.raises(EngineError, match="ran away"):
        await hear(engine, utterance(engine, "Oui."))
    assert engine.state().phase is Phase.READY
    assert first_voice(engine).is_installed
    await engine.aclose()


def made_endless(model: HousedModel, neural: Path) -> dict[str, Path]:
    place = made(neural, model.script, *model.arguments, "--endless", folders=model.folders)
    return {name: place / name for name in model.folders}


async def test_without_consent_to_its_licence_it_says_what_to_run(neural: Path, tmp_path: Path) -> None:
    plan = planned(MODELS["xtts_v2"], MODELS["xtts_v2"].files(neural), neural, tmp_path)
    book = LicenceBook(Path(plan.models))
    book.path.unlink()
    engine = plan.build()
    state = engine.state()
    assert state.phase is Phase.UNAVAILABLE
    assert f'portevoix models get xtts_v2 --accept-licence "{engine.licence}"' in state.hint
    with pytest.raises(EngineUnavailable, match="consent"):
        await engine.load()
    book.accept(engine.licence)
    assert engine.state().phase is Phase.IDLE, "without a restart"


def test_licences_languages_and_names_are_the_catalogue_s() -> None:
    catalogue = load_catalogue()
    for name, kind in installed_engines().items():
        if issubclass(kind, Housed):
            model = catalogue.find(kind.model)
            assert name in model.engines
            assert (kind.licence, kind.asks_consent) == (model.licence, model.asks_consent), name
            assert not kind.languages or set(kind.languages) >= set(model.languages), name
            assert kind.can_clone == any(one.can_clone for one in catalogue.of_engine(name)), name
