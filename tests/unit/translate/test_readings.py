from __future__ import annotations

import pytest

from portevoix.metrics import Metrics
from portevoix.readings import watch_translator
from portevoix.translate.faults import TranslationFailed
from portevoix.translate.request import TranslationRequest
from tests.translating import ScriptedTranslation, failure, translator_of


async def test_what_engines_have_done_is_exported():
    absent = ScriptedTranslation(name="absent", why_unavailable="gone")
    translator = translator_of(ScriptedTranslation(faults=[None, None, failure()]), absent)
    metrics = Metrics()
    watch_translator(metrics, translator)

    def value(engine, outcome):
        return metrics.registry.get_sample_value("tts_translations_total", {"engine": engine, "outcome": outcome})

    for text in ("The cat. A dog.", "The cat."):
        await translator.translate(TranslationRequest(text, "fr", "en"))
    with pytest.raises(TranslationFailed):
        await translator.translate(TranslationRequest("A bird.", "fr", "en"))
    assert [value("scripted", one) for one in ("translated", "cached", "failed")] == [2, 1, 1]
    assert value("absent", "translated") == 0
    ready = {name: metrics.registry.get_sample_value("tts_translator_ready", {"engine": name})
             for name in ("scripted", "absent")}  # fmt: skip
    assert ready == {"scripted": 1, "absent": 0}
