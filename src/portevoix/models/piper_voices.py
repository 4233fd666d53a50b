"""Piper voices on disk: a pair of files `NAME.onnx` and `NAME.onnx.json`, found in folders, known by name."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portevoix.clock import Clock, system_clock
from portevoix.errors import ModelBroken, ModelError, ModelMissing
from portevoix.models.sizes import size_of
from portevoix.speech import Voice

KNOWN = ("fr_FR-siwis-medium", "fr_FR-mls_1840-medium", "fr_FR-upmc-medium", "en_US-lessac-medium")
"""Voices that are known by name even when they are not on disk, the preferred one of each language first."""

logger = logging.getLogger(__name__)

QUALITIES = ("high", "medium", "low", "x_low")
SUFFIX = ".onnx"
LOOKS_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PiperVoiceFile:
    """Name a voice's two files and what its configuration says.

    Attributes:
        name: `fr_FR-siwis-medium`.
        model: the ONNX file.
        config: the JSON file beside it.
        language: `fr-FR`.
        sample_rate: Hz.
        speakers: speakers' names in the order of their ids; empty for one speaker.
        fingerprint: changes when either file does.
        error: why the pair cannot be used, or None.
    """

    name: str
    model: Path
    config: Path
    language: str
    sample_rate: int = 0
    speakers: tuple[str, ...] = ()
    fingerprint: str = ""
    error: ModelError | None = None

    @property
    def size_bytes(self) -> int:
        """Return the size of the model, 0 where it has just been taken away."""
        return size_of(self.model)

    def voice(self, engine: str) -> Voice:
        """Return it as a voice of `engine`."""
        why_not, hint = (str(self.error), self.error.hint) if self.error else ("", "")
        return Voice(
            self.name,
            engine,
            self.language,
            self.sample_rate,
            self.speakers,
            self.error is None,
            why_not,
            hint,
            fingerprint=self.fingerprint,
        )


class VoiceShelf:
    """Find Piper voices in folders, or at one given path.

    Looks again once a second, so that a voice that is put there is soon found; reads a configuration again only when
    one of the two files has changed.
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        model: Path | None = None,
        config: Path | None = None,
        clock: Clock = system_clock,
    ) -> None:
        """Look in `folders` in order; `model`, with `config` or the file beside it, comes before them."""
        self._folders = folders
        self._model = model
        self._config = config
        self._clock = clock
        self._read: dict[Path, PiperVoiceFile] = {}
        self._voiced: tuple[str, tuple[PiperVoiceFile, ...], tuple[Voice, ...]] | None = None
        self._seen: tuple[float, tuple[PiperVoiceFile, ...]] | None = None

    def files(self) -> tuple[PiperVoiceFile, ...]:
        """Return every voice on disk, the preferred ones first; of equal names the first folder's."""
        now = self._clock()
        if self._seen is None or now - self._seen[0] >= LOOKS_AGAIN_SECONDS:
            self._seen = (now, self._look())
        return self._seen[1]

    def find(self, name: str) -> PiperVoiceFile | None:
        """Return the voice called `name`, which may be broken, or None."""
        return next((file for file in self.files() if file.name == name), None)

    def _look(self) -> tuple[PiperVoiceFile, ...]:
        found: dict[str, PiperVoiceFile] = {}
        for model in self._models():
            voice = self._look_at(model)
            found.setdefault(voice.name, voice)
        chosen = self._model and voice_name(self._model)
        return tuple(sorted(found.values(), key=lambda voice: (voice.name != chosen, *_preference(voice.name))))

    def voices(self, engine: str) -> tuple[Voice, ...]:
        """Return every voice on disk and those known by name, as voices of `engine`."""
        files = self.files()
        if self._voiced is None or self._voiced[:2] != (engine, files):
            self._voiced = (engine, files, self._everybody(engine, files))
        return self._voiced[2]

    def _everybody(self, engine: str, files: tuple[PiperVoiceFile, ...]) -> tuple[Voice, ...]:
        on_disk = {file.name: file.voice(engine) for file in files}
        missing = {name: self._missing_voice(name, engine) for name in KNOWN if name not in on_disk}
        chosen = self._model and voice_name(self._model)
        everyone = (on_disk | missing).values()
        return tuple(sorted(everyone, key=lambda voice: (voice.name != chosen, *_preference(voice.name))))

    def file(self, name: str) -> PiperVoiceFile:
        """Return the voice called `name`, ready to be loaded.

        Raises:
            ModelMissing: no such pair of files is in the folders.
            ModelBroken: the pair is there and cannot be used.
        """
        voice = self.find(name)
        if voice is None:
            raise self.missing(name)
        if voice.error:
            raise voice.error
        return voice

    def missing(self, name: str) -> ModelMissing:
        """Return the error for a voice that is not on disk."""
        folders = " or ".join(str(folder) for folder in self._folders) or "a folder of `voice_folders`"
        hint = f"Run `portevoix models get {name}`, or put {name}{SUFFIX} and {name}{SUFFIX}.json into {folders}."
        return ModelMissing(f"voice {name} is not on this machine", hint=hint)

    def _models(self) -> list[Path]:
        found = [model for folder in self._folders for model in _models_in(folder)]
        return ([self._model] if self._model else []) + found

    def _look_at(self, model: Path) -> PiperVoiceFile:
        config = self._config_of(model)
        fingerprint = f"{_stamp(model)}.{_stamp(config)}"
        known = self._read.get(model)
        if known is None or known.fingerprint != fingerprint:
            known = self._read[model] = _read_pair(model, config, fingerprint)
        return known

    def _config_of(self, model: Path) -> Path:
        if model == self._model and self._config:
            return self._config
        return model.with_name(f"{model.name}.json")

    def _missing_voice(self, name: str, engine: str) -> Voice:
        error = self.missing(name)
        return Voice(name, engine, _language_of(name), is_installed=False, why_not=error.what, hint=error.hint)


def _models_in(folder: Path) -> list[Path]:
    """Return the models in a folder; none where it is not there or cannot be looked into."""
    try:
        return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    except OSError as error:
        logger.debug("folder.not_read", extra={"folder": str(folder), "why": error.strerror})
        return []


def voice_name(model: Path) -> str:
    """Return the voice's name from its model's path: the file name less the one suffix."""
    return model.name.removesuffix(SUFFIX)


def _read_pair(model: Path, config: Path, fingerprint: str) -> PiperVoiceFile:
    name = voice_name(model)
    try:
        facts = _facts(model, config)
    except ModelError as error:
        return PiperVoiceFile(name, model, config, _language_of(name), fingerprint=fingerprint, error=error)
    return PiperVoiceFile(name, model, config, fingerprint=fingerprint, **facts)


def _facts(model: Path, config: Path) -> dict[str, Any]:
    if not model.is_file():
        raise ModelMissing(f"voice {voice_name(model)} is not on this machine", f"there is no file {model}",
                           "Put it there, or correct model_path.")  # fmt: skip
    if model.stat().st_size == 0:
        raise ModelBroken(f"{model.name} is empty", hint="Fetch the voice again.")
    if not config.is_file():
        raise ModelMissing(f"{config.name} is missing", f"{model.name} needs it beside it", f"Put it at {config}.")
    content = _json(config)
    try:
        speakers = sorted(content.get("speaker_id_map", {}).items(), key=lambda item: item[1])
        return {
            "language": _language(content, voice_name(model)),
            "sample_rate": int(content["audio"]["sample_rate"]),
            "speakers": tuple(str(speaker) for speaker, _ in speakers),
        }
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ModelBroken(f"{config.name} is not a Piper voice's configuration", f"{type(error).__name__}: {error}",
                          "Fetch the voice again.") from error  # fmt: skip


def _json(config: Path) -> dict[str, Any]:
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelBroken(f"{config.name} cannot be read", str(error), "Fetch the voice again.") from error
    if not isinstance(content, dict):
        raise ModelBroken(f"{config.name} is not a Piper voice's configuration", "it is no object", "Fetch it again.")
    return content


def _language(content: dict[str, Any], name: str) -> str:
    language = content.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    espeak = content.get("espeak")
    fallback = espeak.get("voice") if isinstance(espeak, dict) else None
    return str(code or fallback or _language_of(name)).replace("_", "-")


def _language_of(name: str) -> str:
    head = name.split("-", 1)[0]
    return head.replace("_", "-") if head[:2].isalpha() and (len(head) == 2 or "_" in head) else ""  # noqa: PLR2004


def _preference(name: str) -> tuple[int, int, str]:
    known = KNOWN.index(name) if name in KNOWN else len(KNOWN)
    quality = name.rsplit("-", 1)[-1]
    return known, QUALITIES.index(quality) if quality in QUALITIES else len(QUALITIES), name


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "none"
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"
