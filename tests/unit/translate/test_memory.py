from __future__ import annotations

from portevoix.translate.memory import TranslationMemory


def key(sentence, *, engine="a", model="m", fingerprint="f", source="en", target="fr"):
    return (engine, model, fingerprint, source, target, sentence)


def test_a_sentence_is_found_under_everything_that_made_it():
    memory = TranslationMemory(1000, 60.0)
    memory.put(key("Hello"), "Bonjour")
    assert memory.get(key("Hello")) == "Bonjour"
    for other in ({"engine": "b"}, {"model": "n"}, {"fingerprint": "g"}, {"source": "es"}, {"target": "de"}):
        assert memory.get(key("Hello", **other)) is None
    assert (memory.hits, memory.misses) == (1, 5)


def test_it_is_bounded_and_the_oldest_goes():
    memory = TranslationMemory(20, 60.0)
    for word in ("one__", "two__"):
        memory.put(key(word), "xxxxx")
    memory.get(key("one__"))
    memory.put(key("three"), "xxxxx")
    assert memory.get(key("two__")) is None
    assert memory.get(key("one__"))
    memory.put(key("far too long to be kept"), "x")
    assert len(memory) == 2
    memory.clear()
    assert len(memory) == 0


def test_it_forgets_in_time():
    now = [0.0]
    memory = TranslationMemory(100, 60.0, clock=lambda: now[0])
    memory.put(key("Hello"), "Bonjour")
    now[0] = 61.0
    assert memory.get(key("Hello")) is None
    assert len(memory) == 0
