from __future__ import annotations

from dataclasses import replace

from portevoix.translate.direction import Atlas
from tests.translating import directions


def chain(atlas, source, target, **options):
    route = atlas.route(source, target, **options)
    return route and route.chain


def test_one_step_where_there_is_one():
    route = Atlas("a", directions("en-fr", "en-es", "es-fr")).route("en", "fr")
    assert (route.chain, route.is_pivoted, route.model, route.licence) == (("en", "fr"), False, "m-en-fr", "MIT")


def test_two_steps_by_way_of_the_best_known_language():
    route = Atlas("a", directions("en-ca", "ca-fr", "en-es", "es-fr")).route("en", "fr")
    assert (route.chain, route.is_pivoted, route.model) == (("en", "es", "fr"), True, "m-en-es+m-es-fr")


def test_never_three_steps():
    assert Atlas("a", directions("en-es", "es-fr", "fr-ca")).route("en", "ca") is None


def test_nowhere_and_back():
    atlas = Atlas("a", directions("en-fr"))
    assert atlas.route("fr", "en") is None
    assert atlas.route("de", "fr") is None


def test_what_needs_asking_is_used_for_its_name_alone():
    asking = tuple(replace(one, needs_asking=True) for one in directions("en-fr", "fr-de", model="nllb"))
    atlas = Atlas("a", (*asking, *directions("en-es")))
    assert chain(atlas, "en", "fr") is None
    assert chain(atlas, "en", "fr", model="nllb") == ("en", "fr")
    assert chain(atlas, "en", "es", model="nllb") is None


def test_the_first_of_a_pair_is_the_best():
    first, second = directions("en-fr", model="one"), directions("en-fr", model="two")
    assert Atlas("a", (*first, *second)).route("en", "fr").model == "one"
