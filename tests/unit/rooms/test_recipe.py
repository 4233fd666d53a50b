from __future__ import annotations

import re
from dataclasses import replace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portevoix.rooms.faults import RoomUnknown
from portevoix.rooms.recipe import Recipe, find_recipe, load_recipes

PIN = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*")
RECIPES = load_recipes()


def names(lines):
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_recipe_names_packages_and_versions_alone(recipe: Recipe) -> None:
    assert all(PIN.fullmatch(line) for line in (*recipe.requirements, *recipe.pins))
    assert all(PIN.fullmatch(line) or line.endswith(" ; sys_platform == 'never'") for line in recipe.overrides)
    assert list(recipe.requirements) == sorted(recipe.requirements)
    assert list(recipe.overrides) == sorted(recipe.overrides)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_what_is_forced_and_pinned_is_what_is_asked_for(recipe: Recipe) -> None:
    pins = names(recipe.pins)
    for name, requirement in names((*recipe.requirements, *recipe.overrides)).items():
        assert requirement.marker or pins[name].specifier == requirement.specifier, name


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_a_recipe_says_what_it_takes_what_it_is_for_and_how_that_is_proved(recipe: Recipe) -> None:
    assert recipe.about
    assert recipe.proves
    assert 0 < recipe.download_mb["cpu"] < recipe.size_mb["cpu"]
    assert recipe.needs_bytes("cuda") >= recipe.needs_bytes("cpu") > 0
    assert set(map(canonicalize_name, recipe.licences)) <= names(recipe.pins).keys()
    assert recipe.licences


def test_a_recipe_survives_the_way_into_another_process() -> None:
    recipe = RECIPES["neural"]
    assert Recipe.of(recipe.name, recipe.fields()) == recipe
    assert Recipe.of(recipe.name, recipe.fields()).fingerprint == recipe.fingerprint


def test_the_fingerprint_tells_what_would_be_installed() -> None:
    recipe = RECIPES["kokoro"]
    assert replace(recipe, about="other words").fingerprint == recipe.fingerprint
    assert replace(recipe, requirements=("numpy==1.0",)).fingerprint != recipe.fingerprint
    assert replace(recipe, pins=(*recipe.pins, "more==1")).fingerprint != recipe.fingerprint


def test_a_near_miss_is_named() -> None:
    with pytest.raises(RoomUnknown) as raised:
        find_recipe(RECIPES, "neurol")
    assert raised.value.hint == "Did you mean neural?"
    with pytest.raises(RoomUnknown) as raised:
        find_recipe(RECIPES, "../x")
    assert raised.value.hint == "There are neural, kokoro."
