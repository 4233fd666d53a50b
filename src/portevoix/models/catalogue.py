"""What can be fetched: a list that comes with the package, and the publisher's full one where it has been fetched."""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import yaml

from portevoix.models.faults import ModelUnknown
from portevoix.speech import language_family

logger = logging.getLogger(__name__)

PIPER = "piper"
NATIVE = "piper_native"
PIPER_ENGINES = (NATIVE, "piper_cli")
SEE_CARD = "see its model card"
SAFE_PART = re.compile(r"(?!(?i:aux|con|nul|prn|com\d|lpt\d)(?:\.|$))[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")
"""A name or a part of a path that can lead nowhere else: neither out of a folder nor, on Windows, to a device, whose
name means it in every folder."""


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
        kind: `piper` for a voice of Piper, `speech` for another model that speaks, `part` of one, or `translation`.
        repository: `owner/name` on the hub.
        revision: commit, tag or branch.
        files: in the order in which they are put in their places, what makes it complete last.
        languages: tags such as `fr-FR`.
        quality: the publisher's word for it, or "".
        speakers: how many voices it has.
        licence: of the recordings it was made from, as the publisher names it.
        about: a remark, or "".
        can_clone: it can take on a voice from a recording.
        engines: names of those that speak with it.
        is_folder: its files stay together in a folder of its name, under their own paths.
        also: patterns of files that are fetched as well where the repository has them; for folders alone.
        either: of each of these the first that the repository has is fetched, and one it must have; likewise.
        about_bytes: its size as far as that is known, where the sizes of the files are not.
        allows_commerce: its licence allows to earn money with it.
        asks_consent: its licence has to be accepted before it is fetched.
        requires: models that it cannot do without.
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
    engines: tuple[str, ...] = ()
    is_folder: bool = False
    also: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()
    about_bytes: int = 0
    allows_commerce: bool = True
    asks_consent: bool = False
    requires: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Return the size of all files that is known, else about how large they are, 0 where nobody knows."""
        return sum(file.size_bytes for file in self.files) or self.about_bytes

    def speaks(self, language: str) -> bool:
        """Tell whether it knows a language: `fr` takes any region, `fr-CA` that one alone."""
        wanted = language.replace("_", "-").lower()
        tags = [tag.lower() for tag in self.languages]
        return any(tag == wanted or tag.startswith(f"{wanted}-") for tag in tags)


@dataclass(frozen=True, slots=True)
class Family:
    """Make models of a kind of which there is one for each language or pair of languages.

    Attributes:
        template: their names, with `{}` for what differs.
        rest: what may stand there.
        known: those that are listed, with their languages; others can be fetched by name.
        entry: what the catalogue says of all of them; `{}` stands for the same.
    """

    template: str
    rest: re.Pattern[str]
    known: Mapping[str, Sequence[str]]
    entry: Mapping[str, Any]

    def member(self, name: str) -> Model | None:
        """Return the model of a name, or None where it is none of this family."""
        before, _, after = self.template.partition("{}")
        rest = name.removeprefix(before).removesuffix(after)
        if name != self.template.format(rest) or not self.rest.fullmatch(rest):
            return None
        return folder_model(name, {**_filled(self.entry, rest), "languages": self.known.get(rest, ())})


def _filled(value: Any, rest: str) -> Any:
    """Return a value of the catalogue with `rest` in place of `{}`."""
    if isinstance(value, str):
        return value.replace("{}", rest)
    if isinstance(value, Mapping):
        return {_filled(key, rest): _filled(content, rest) for key, content in value.items()}
    return [_filled(one, rest) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Hold what is known.

    Attributes:
        models: by name.
        unpublished: names that are asked for and that nobody has published, with what to do instead.
        list_model: the publisher's full list, to be fetched like a model.
        families: models of which there are too many to list.
    """

    models: Mapping[str, Model]
    unpublished: Mapping[str, str]
    list_model: Model
    families: tuple[Family, ...] = ()

    def find(self, name: str) -> Model:
        """Return a model.

        Raises:
            ModelUnknown: there is none of this name.
        """
        if (model := self.models.get(name) or self._member(name)) is not None:
            return model
        if name in self.unpublished:
            raise ModelUnknown(f"{name} is not published", hint=self.unpublished[name], param="name")
        near = difflib.get_close_matches(name, self.models, 3, 0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else "`portevoix models list` shows what there is."
        raise ModelUnknown(f"there is no model {name[:80]!r} in the catalogue", hint=hint, param="name")

    def _member(self, name: str) -> Model | None:
        return next((model for family in self.families if (model := family.member(name)) is not None), None)

    def first_of(self, language: str, engine: str = NATIVE) -> Model | None:
        """Return the model of an engine to prefer for a language, or None."""
        family = language_family(language)
        return next((one for one in self.models.values()
                     if engine in one.engines and family in map(language_family, one.languages)), None)  # fmt: skip

    def of_engine(self, engine: str) -> tuple[Model, ...]:
        """Return the models that an engine speaks with, the one to prefer first."""
        return tuple(model for model in self.models.values() if engine in model.engines)

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
        return replace(self, models={**self.models, **{k: v for k, v in listed.items() if k not in self.models}})


def load_catalogue() -> Catalogue:
    """Return the catalogue that comes with the package."""
    text = package_files("portevoix.models").joinpath("catalogue.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    piper, folders = content["piper"], content["folders"]
    voices = [_built_in(name, entry, piper) for name, entry in piper["voices"].items()]
    families = tuple(Family(template, re.compile(entry.pop("rest")), entry.pop("known"), entry)
                     for template, entry in content["families"].items())  # fmt: skip
    names = [(family, family.template.format(rest)) for family in families for rest in family.known]
    known = [member for family, name in names if (member := family.member(name)) is not None]
    listed = piper["list"]
    list_model = Model("piper-voices.json", PIPER, listed["repository"], listed["revision"],
                       (ModelFile(listed["path"]),))  # fmt: skip
    everything = [*voices, *(folder_model(name, entry) for name, entry in folders.items()), *known]
    return Catalogue({model.name: model for model in everything}, piper["unpublished"], list_model, families)


def folder_model(name: str, entry: Mapping[str, Any]) -> Model:
    """Return a model that is a folder, as an entry of the catalogue describes it."""
    files = tuple(ModelFile(path, **(facts or {})) for path, facts in entry["files"].items())
    facts: dict[str, Any] = {key: tuple(entry.get(key, ())) for key in ("languages", "engines", "also", "requires")}
    plain = ("speakers", "about", "can_clone", "allows_commerce", "asks_consent")
    facts |= {key: entry[key] for key in plain if key in entry}
    facts["either"] = tuple(map(tuple, entry.get("either", ())))
    facts["about_bytes"] = int(entry.get("about_mb", 0) * 1_000_000)
    return Model(name, entry["kind"], entry["repository"], entry.get("revision", "main"), files,
                 licence=entry["licence"], is_folder=True, **facts)  # fmt: skip


def is_safe_name(name: str) -> bool:
    """Tell whether a name can be part of a path without leading out of its folder."""
    return SAFE_PART.fullmatch(name) is not None


def _built_in(name: str, entry: Mapping[str, Any], piper: Mapping[str, Any]) -> Model:
    files = tuple(ModelFile(path, **facts) for path, facts in entry["files"].items())
    return Model(name, PIPER, piper["repository"], piper["revision"], files, (_language(name),), _quality(name),
                 entry.get("speakers", 1), entry["licence"], entry["about"], engines=PIPER_ENGINES,
                 allows_commerce=entry.get("allows_commerce", True))  # fmt: skip


def _listed(content: Mapping[str, Any], source: Model) -> Iterator[Model]:
    """Yield the voices of a `voices.json` of rhasspy/piper-voices; those whose names could lead astray are left out."""
    for name, entry in content.items():
        paths = sorted((path for path in entry["files"] if path.endswith((".onnx", ".onnx.json"))), reverse=True)
        files = tuple(_listed_file(path, entry["files"][path]) for path in paths)
        is_pair = [file.name for file in files] == [f"{name}.onnx.json", f"{name}.onnx"]
        if is_pair and all(is_safe_name(part) for path in paths for part in path.split("/")):
            yield Model(name, PIPER, source.repository, source.revision, files, (_language(name),), _quality(name),
                        int(entry.get("num_speakers", 1)), engines=PIPER_ENGINES)  # fmt: skip


def _listed_file(path: str, facts: Mapping[str, Any]) -> ModelFile:
    return ModelFile(path, int(facts.get("size_bytes", 0)), md5=str(facts.get("md5_digest", "")))


def _language(name: str) -> str:
    return name.partition("-")[0].replace("_", "-")


def _quality(name: str) -> str:
    return name.rpartition("-")[2]
