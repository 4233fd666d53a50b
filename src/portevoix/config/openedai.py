"""The configuration of openedai-speech, `voice_to_speaker.yaml` and `pre_process_map.yaml`, in this house's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from portevoix.errors import ConfigError

STANDARD, CLONING = "tts-1", "tts-1-hd"
"""Its two models: Piper voices, and XTTS with recordings."""

MODEL_SUFFIX = ".onnx"


@dataclass(frozen=True, slots=True)
class Import:
    """Hold what was understood.

    Attributes:
        settings: sections of a configuration, as plain values.
        remarks: what is left for a person to do.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_openedai(files: list[Path]) -> Import:
    """Return the settings that its files stand for; which is which is seen from what they hold.

    Raises:
        ConfigError: a file cannot be read, or is neither.
    """
    settings: dict[str, Any] = {}
    remarks: list[str] = []
    for file in files:
        content = _content(file)
        if isinstance(content, list):
            settings["replacements"] = [list(pair) for pair in _pairs(file, content)]
        elif isinstance(content, dict) and content.keys() & {STANDARD, CLONING}:
            settings |= _voices(file, content)
            remarks += _remarks(file, content)
        else:
            raise _refused(file, f"it has neither voices under {STANDARD} or {CLONING} nor a list of pairs")
    return Import(settings, tuple(remarks))


def _content(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _refused(file, error.strerror or type(error).__name__) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _refused(file, f"it is no YAML: {str(error).partition(chr(10))[0]}") from error


def _pairs(file: Path, content: list[Any]) -> Iterator[tuple[str, str]]:
    for place, pair in enumerate(content, 1):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):  # noqa: PLR2004
            raise _refused(file, f"entry {place} is no pair of texts: {pair!r:.60}")
        yield pair[0], pair[1]


def _voices(file: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names that stand for Piper voices, and the folders in which their models lie."""
    aliases: dict[str, str] = {}
    folders: dict[str, None] = {}
    for name, entry in _entries(file, content):
        model = str(entry["model"])
        if model.endswith(MODEL_SUFFIX):
            aliases.setdefault(name, _alias(model, entry.get("speaker")))
            folders[str(_folder(file, model))] = None
    return {"voices": aliases, **({"voice_folders": list(folders)} if folders else {})}


def _entries(file: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every voice of both models, the ordinary ones first."""
    for model in (STANDARD, CLONING):
        for name, entry in (content.get(model) or {}).items():
            if not (isinstance(entry, dict) and entry.get("model")):
                raise _refused(file, f"{model}.{name} names no model")
            yield str(name), entry


def _alias(model: str, speaker: Any) -> str:
    name = model.replace("\\", "/").rpartition("/")[2].removesuffix(MODEL_SUFFIX)
    return name if speaker in (None, "") else f"{name}#{speaker}"


def _folder(file: Path, model: str) -> Path:
    """Return the folder of a model, whose path counts from the folder above the configuration's."""
    root = file.resolve().parent.parent
    return (root / model.replace("\\", "/")).parent


def _remarks(file: Path, content: Mapping[str, Any]) -> Iterator[str]:
    """Say what cannot be carried over by a configuration alone."""
    taken: dict[str, str] = {}
    for name, entry in _entries(file, content):
        model, speaker = str(entry["model"]), entry.get("speaker")
        if model.endswith(MODEL_SUFFIX):
            if taken.setdefault(name, model) != model:
                yield f"{name} stands for two voices there; the one of {STANDARD} was taken"
        elif model.startswith("xtts") and isinstance(speaker, str):
            recording = file.resolve().parent.parent / speaker
            yield f"{name} speaks as a recording: portevoix voices add {name} {recording} --consent '…'"
        else:
            yield f"{name} speaks with {model}, which is not known here"


def _refused(file: Path, why: str) -> ConfigError:
    return ConfigError(f"{file} cannot be taken over", (why,), "Give voice_to_speaker.yaml or pre_process_map.yaml.")
