"""What can be fetched: a list that comes with the package, and the publisher's full one where it has been fetched."""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import yaml

from portevoix.models.faults import ModelUnknown
from portevoix.speech import language_family

logger = logging.getLogger(__name__)

PIPER = "piper"
SEE_CARD = "see its model card"
SAFE_PART = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")
"""A name or a part of a path that can lead nowhere else."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One published file.

    Attributes:
        path: in its repository.
        size_bytes: its size; 0 when it is not known.
        sha256: checksum in hex, or "" when it is not known.
        md5: likewise.
    """

    path: str
    size_bytes: int = 0
    sha256: str = ""
    md5: str = ""

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be fetched.

    Attributes:
        name: what it is called, here and by its engine.
        kind: `piper` for a voice of Piper.
        repository: `owner/name` on the hub.
        revision: commit, tag or branch.
        files: in the order in which they are put in their places, what makes it complete last.
        languages: tags such as `fr-FR`.
        quality: the publisher's word for it, or "".
        speakers: how many voices it has.
        licence: of the recordings it was made from, as the publisher names it.
        about: a remark, or "".
        can_clone: it can take on a voice from a recording.
    """

    name: str
    kind: str
    repository: str
    revision: str
    files: tuple[ModelFile, ...]
    languages: tuple[str, ...] = ()
    quality: str = ""
    speakers: int = 1
    licence: str = SEE_CARD
    about: str = ""
    can_clone: bool = False

    @property
    def size_bytes(self) -> int:
        """Return the size of all files that is known."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Hold what is known.

    Attributes:
        models: by name.
        unpublished: names that are asked for and that nobody has published, with what to do instead.
        list_model: the publisher's full list, to be fetched like a model.
    """

    models: Mapping[str, Model]
    unpublished: Mapping[str, str]
    list_model: Model

    def find(self, name: str) -> Model:
        """Return a model.

        Raises:
            ModelUnknown: there is none of this name.
        """
        if (model := self.models.get(name)) is not None:
            return model
        if name in self.unpublished:
            raise ModelUnknown(f"{name} is not published", hint=self.unpublished[name], param="name")
        near = difflib.get_close_matches(name, self.models, 3, 0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "`portevoix models list` shows what there is."
        raise ModelUnknown(f"there is no model {name[:80]!r} in the catalogue", hint=hint, param="name")

    def first_of(self, language: str) -> Model | None:
        """Return the model to prefer for a language, or None."""
        family = language_family(language)
        return next((one for one in self.models.values() if family in map(language_family, one.languages)), None)

    def with_list(self, path: Path) -> Catalogue:
        """Return a catalogue that has what the publisher's list has as well; without it where it cannot be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            listed = {model.name: model for model in _listed(content, self.list_model)}
        except FileNotFoundError:
            return self
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            logger.warning("catalogue.list_unreadable", extra={"why": f"{type(error).__name__}: {error}"[:200]})
            return self
        return Catalogue({**self.models, **{k: v for k, v in listed.items() if k not in self.models}},
                         self.unpublished, self.list_model)  # fmt: skip


def load_catalogue() -> Catalogue:
    """Return the catalogue that comes with the package."""
    text = package_files("portevoix.models").joinpath("catalogue.yaml").read_text("utf-8")
    piper = yaml.safe_load(text)["piper"]
    voices = (_built_in(name, entry, piper) for name, entry in piper["voices"].items())
    listed = piper["list"]
    list_model = Model("piper-voices.json", PIPER, listed["repository"], listed["revision"],
                       (ModelFile(listed["path"]),))  # fmt: skip
    return Catalogue({model.name: model for model in voices}, piper["unpublished"], list_model)


def is_safe_name(name: str) -> bool:
    """Tell whether a name can be part of a path without leading out of its folder."""
    return SAFE_PART.fullmatch(name) is not None


def _built_in(name: str, entry: Mapping[str, Any], piper: Mapping[str, Any]) -> Model:
    files = tuple(ModelFile(path, **facts) for path, facts in entry["files"].items())
    return Model(name, PIPER, piper["repository"], piper["revision"], files, (_language(name),), _quality(name),
                 entry.get("speakers", 1), entry["licence"], entry["about"])  # fmt: skip


def _listed(content: Mapping[str, Any], source: Model) -> Iterator[Model]:
    """Yield the voices of a `voices.json` of rhasspy/piper-voices; those whose names could lead astray are left out."""
    for name, entry in content.items():
        paths = sorted((path for path in entry["files"] if path.endswith((".onnx", ".onnx.json"))), reverse=True)
        files = tuple(_listed_file(path, entry["files"][path]) for path in paths)
        is_pair = [file.name for file in files] == [f"{name}.onnx.json", f"{name}.onnx"]
        if is_pair and all(is_safe_name(part) for path in paths for part in path.split("/")):
            yield Model(name, PIPER, source.repository, source.revision, files, (_language(name),), _quality(name),
                        int(entry.get("num_speakers", 1)))  # fmt: skip


def _listed_file(path: str, facts: Mapping[str, Any]) -> ModelFile:
    return ModelFile(path, int(facts.get("size_bytes", 0)), md5=str(facts.get("md5_digest", "")))


def _language(name: str) -> str:
    return name.partition("-")[0].replace("_", "-")


def _quality(name: str) -> str:
    return name.rpartition("-")[2]
