"""What belongs into the environment of a heavy engine."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files as package_files
from typing import Any

import yaml

from portevoix.rooms.faults import RoomUnknown

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """Say what one environment is made of.

    Attributes:
        name: of the environment, and of its folder.
        requirements: packages, as `name==version`.
        about: what it is for.
        pythons: versions of Python that its packages support, as `3.11`; any when empty.
        overrides: requirements that hold whatever a package says.
        pins: `name==version` of whatever gets installed.
        aside: patterns of files, relative to the packages, that are renamed where the module by this name cannot be
            imported with them.
        proves: modules that are imported before the environment counts as installed.
        licences: of the packages that matter, by name.
        size_mb: room on the disk, by kind of device.
        download_mb: what is fetched, by kind of device.
    """

    name: str
    requirements: tuple[str, ...]
    about: str = ""
    pythons: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    aside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    proves: tuple[str, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict)
    size_mb: Mapping[str, int] = field(default_factory=dict)
    download_mb: Mapping[str, int] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Return what changes when something else would be installed: 16 hexadecimal digits."""
        made_of = (self.requirements, self.overrides, self.pins, sorted(self.aside))
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]

    def needs_bytes(self, device: str) -> int:
        """Return the room it needs on the disk for `cpu` or `cuda`."""
        return self.size_mb.get(device, 0) * MEGABYTE

    def fields(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return asdict(self)

    @classmethod
    def of(cls, name: str, content: Mapping[str, Any]) -> Recipe:
        """Return the recipe that `fields`, or a YAML file, has as plain values."""
        plain: dict[str, Any] = {**content, "name": name}
        plain = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
        plain["aside"] = {module: tuple(patterns) for module, patterns in content.get("aside", {}).items()}
        return cls(**plain)


def load_recipes() -> dict[str, Recipe]:
    """Return the recipes that come with the package, by name."""
    folder = package_files("portevoix.rooms")
    content = yaml.safe_load(folder.joinpath("recipes.yaml").read_text("utf-8"))
    for recipe in content.values():
        recipe["pins"] = folder.joinpath(recipe["pins"]).read_text("utf-8").split()
    return {name: Recipe.of(name, recipe) for name, recipe in content.items()}


def find_recipe(recipes: Mapping[str, Recipe], name: str) -> Recipe:
    """Return a recipe.

    Raises:
        RoomUnknown: there is none of this name.
    """
    if (recipe := recipes.get(name)) is not None:
        return recipe
    near = difflib.get_close_matches(name, recipes, 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(recipes)}."
    raise RoomUnknown(f"there is no environment {name[:80]!r}", hint=hint, param="name")
