"""Heavy engines that speak with any of several models, each of them a folder and a voice."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.errors import EngineError, ModelMissing
from portevoix.rooms.housed import Housed
from portevoix.rooms.models import presence_of

if TYPE_CHECKING:
    from portevoix.engine import Surroundings
    from portevoix.speech import Voice


class HousedFamily(Housed, ABC):
    """Find the models of a family on disk; a subclass says in which languages each of them speaks.

    Attributes of the class, beside those of `Housed`:
        pattern: what the names of the family's folders look like.
        known: names of models that can be fetched, the most wanted first.
    """

    pattern: ClassVar[str]
    known: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""
        super().__init__(options, surroundings)
        self._configs: dict[Path, tuple[object, dict[str, Any]]] = {}

    @abstractmethod
    def languages_in(self, name: str) -> tuple[str, ...]:
        """Return the languages of the model of this name; none when it is not a model of this engine."""

    @abstractmethod
    def folder_fault(self, folder: Path) -> EngineError | None:
        """Return what a model's folder lacks, by a cheap look, or None."""

    @property
    def folder(self) -> Path:
        """Return the folder of the one configured model, else the one with all models."""
        return Path(self.options.model_path) if self.options.model_path else self.surroundings.models_folder

    def folders(self) -> tuple[Path, ...]:
        """Return the folders of the models that are here, those of the default language first."""
        if self.options.model_path:
            return (self.folder,) if self.folder.is_dir() else ()
        default = self.surroundings.default_language
        found = (path for path in self.folder.glob(self.pattern) if path.is_dir() and self.languages_in(path.name))
        return tuple(sorted(found, key=lambda path: (default not in self.languages_in(path.name), path.name)))

    def first_folder(self) -> Path:
        """Return the folder of the model that is loaded first."""
        return next(iter(self.folders()), self.folder)

    def model_fault(self) -> EngineError | None:
        """Return what is wrong with the first model, or that there is none."""
        folders = self.folders()
        if folders:
            return self._explained(self.folder_fault(folders[0]), folders[0].name)
        model = self._wanted()
        return ModelMissing(f"no model of {self.name} is on this machine",
                            f"there is none in {self.folder}", self.hint_for(model))  # fmt: skip

    def listed(self) -> tuple[Voice, ...]:
        """Return a voice for each model that is here, and for each that is known."""
        here = {folder.name: folder for folder in self.folders()}
        absent = () if self.options.model_path else [name for name in self.known if name not in here]
        voices = [self._voice(name, folder) for name, folder in here.items()]
        return (*voices, *(self._voice(name, self.folder / name) for name in absent))

    def _voice(self, name: str, folder: Path) -> Voice:
        languages = self.languages_in(name) or self.languages
        missing = ModelMissing(f"the model {name} is not on this machine", hint=self.hint_for(name))
        fault = self._explained(self.folder_fault(folder), name) if folder.is_dir() else missing
        speakers = int(self._config(folder).get("num_speakers", 1)) if fault is None else 1
        names = tuple(str(number) for number in range(speakers)) if speakers > 1 else ()
        voice = self.voice(name, languages=languages, speakers=names, is_installed=False, why_not="", hint="")
        return replace(voice, **{"fingerprint": "", **presence_of(fault, folder)})

    def _wanted(self) -> str:
        default = self.surroundings.default_language
        return next((name for name in self.known if default in self.languages_in(name)), self.model)

    def _explained(self, fault: EngineError | None, name: str) -> EngineError | None:
        return type(fault)(fault.what, fault.why, self.hint_for(name)) if fault else None

    def _config(self, folder: Path) -> dict[str, Any]:
        """Return a model's configuration, read again when it has changed; empty where it cannot be read."""
        path = folder / "config.json"
        try:
            stamp: object = path.stat().st_mtime_ns
            if folder not in self._configs or self._configs[folder][0] != stamp:
                self._configs[folder] = (stamp, dict(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            return {}
        return self._configs[folder][1]
