"""The models that programs ask for by name, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from portevoix.models.catalogue import load_catalogue

if TYPE_CHECKING:
    from portevoix.models.catalogue import Catalogue, Model

GIGABYTE = 1e9


class TTSModel(StrEnum):
    """Name a model; its value may also be written with underscores and in capitals."""

    CHATTERBOX = "chatterbox"
    CHATTERBOX_TURBO = "chatterbox-turbo"
    HIGGS_AUDIO_V2 = "higgs-audio-v2"
    XTTS_V2 = "xtts-v2"
    MMS = "mms"
    VITS = "vits"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        wanted = str(value).replace("_", "-").lower()
        return next((model for model in cls if model.value == wanted), None)

    @classmethod
    def get_default(cls) -> TTSModel:
        """Return the model that is meant where none is named."""
        return cls.CHATTERBOX

    @classmethod
    def get_fallback(cls) -> TTSModel:
        """Return the model that is tried where another one cannot be had."""
        return cls.CHATTERBOX

    @property
    def engines(self) -> tuple[str, ...]:
        """Return the engines behind it: Chatterbox has one for English and one for many languages."""
        name = self.value.replace("-", "_")
        return (name, "chatterbox_multilingual") if self is TTSModel.CHATTERBOX else (name,)

    @classmethod
    def of_engine(cls, engine: str) -> TTSModel | None:
        """Return the model that an engine speaks with, or None where it is none of these."""
        return next((model for model in cls if engine in model.engines), None)


@dataclass(frozen=True, slots=True)
class TTSModelInfo:
    """Say what is known of a model.

    Attributes:
        name: its value.
        license: its licence.
        commercial_use: that allows to earn money with it.
        license_warning: what to mind, or None.
        languages: tags of what it speaks.
        can_clone: it can take on a voice from a recording.
        model_size_gb: of the download, about, in billions of bytes.
        hf_model_id: repository on the hub.
    """

    name: str
    license: str
    commercial_use: bool
    license_warning: str | None
    languages: tuple[str, ...]
    can_clone: bool
    model_size_gb: float
    hf_model_id: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Say where a model stands.

    Attributes:
        model: which one.
        is_available: the packages that it needs are installed.
        is_downloaded: it is on this machine.
        is_loaded: it can speak at once.
        is_downloading: it is being fetched.
        download_progress: how much of it is here, 0 to 100.
        error: why it cannot speak and what to do about it, or None.
        error_code: stable code of that, or "".
    """

    model: TTSModel
    is_available: bool
    is_downloaded: bool
    is_loaded: bool
    is_downloading: bool
    download_progress: float
    error: str | None = None
    error_code: str = ""


def models_of(model: TTSModel, catalogue: Catalogue, language: str = "") -> tuple[Model, ...]:
    """Return what can be fetched for a model, what speaks the language first."""
    known = [one for engine in model.engines for one in catalogue.of_engine(engine)]
    return tuple(sorted(known, key=lambda one: bool(language) and not one.speaks(language)))


def describe_model(model: TTSModel, catalogue: Catalogue | None = None) -> TTSModelInfo:
    """Return what the catalogue says of a model."""
    known = models_of(model, catalogue or load_catalogue())
    languages = dict.fromkeys(language for one in known for language in one.languages)
    first = known[0]
    is_free = all(one.allows_commerce for one in known)
    return TTSModelInfo(
        model.value, first.licence, is_free, None if is_free else f"{first.licence}: {first.about}", tuple(languages),
        any(one.can_clone for one in known), max(one.size_bytes for one in known) / GIGABYTE, first.repository,
    )  # fmt: skip


def check_license_compliance(model: TTSModel) -> tuple[bool, str | None]:
    """Return whether money may be earned with a model, and what to mind where it may not."""
    info = describe_model(model)
    return info.commercial_use, info.license_warning
