"""VITS models of the hub: small, quick on a CPU, one voice or a hundred, no cloning."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from portevoix.errors import EngineError
from portevoix.rooms.families import HousedFamily
from portevoix.rooms.housed import HousedOptions
from portevoix.rooms.weights import check_folder
from portevoix.vits.published import PublishedVitsNarrator, VitsParameters, check_kind, look_at


@dataclass(frozen=True, slots=True)
class VitsOptions(HousedOptions):
    """Say where VITS models run."""

    languages: tuple[str, ...] = field(
        default=("en",), metadata={"help": "languages of the models, where they are not the published English ones"}
    )


class Vits(HousedFamily):
    """Speak with VITS models of the hub, as VITS-LJS and VITS-VCTK."""

    name: ClassVar[str] = "vits"
    summary: ClassVar[str] = "VITS models of the hub: quick on a CPU, in English with up to 109 speakers"
    Options: ClassVar[type[Any]] = VitsOptions
    Parameters: ClassVar[type[Any]] = VitsParameters
    Narrator: ClassVar[type[Any]] = PublishedVitsNarrator
    priority: ClassVar[int] = 60
    target_latency_ms: ClassVar[float] = 1500.0
    pattern: ClassVar[str] = "vits-*"
    known: ClassVar[tuple[str, ...]] = ("vits-ljs", "vits-vctk")
    model: ClassVar[str] = "vits-ljs"
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers", "phonemizer", "espeakng_loader")
    languages: ClassVar[tuple[str, ...]] = ("en",)
    licence: ClassVar[str] = "MIT"
    changes_speed: ClassVar[bool] = True

    def languages_in(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - a name does not tell
        """Return the configured languages, whatever the model."""
        return tuple(self.options.languages)

    def folder_fault(self, folder: Path) -> EngineError | None:
        """Return which of a model's files are missing."""
        return look_at(folder)

    def check(self) -> None:
        """Look at the first model's configuration and weights; raises as `check_kind` and `check_folder`."""
        check_kind(self.first_folder())
        check_folder(self.first_folder())
