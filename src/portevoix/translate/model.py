"""A model's folder on disk: what is in it, which languages it translates, and what is wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from portevoix.errors import ModelBroken, ModelMissing, ModelUnsupported
from portevoix.translate.conversion import CHECKSUM, digest
from portevoix.translate.languages import THREE_LETTERS, short

WEIGHTS = "model.bin"
VOCABULARIES = ("shared_vocabulary.json", "shared_vocabulary.txt", "target_vocabulary.json", "target_vocabulary.txt")
SEVERAL = "sentencepiece.bpe.model"
"""Vocabulary of models that translate between many languages."""

_PAIR = re.compile(r".*?([a-z]{2,3})-([a-z]{2,3})")
_TOKEN = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
OPUS_LICENCE = "CC-BY-4.0"
NLLB_LICENCE = "CC-BY-NC-4.0"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """Describe a model that CTranslate2 can load.

    Attributes:
        path: the folder.
        source_vocabulary: SentencePiece file for what is read.
        target_vocabulary: the same for what is written.
        pairs: languages it translates, from and to.
        tokens: name of each language inside the model; empty for a model of one pair.
        adds_end: the model itself marks the end of a sentence.
        licence: of the weights.
        fingerprint: of the weights, as far as known without reading them all.
    """

    path: Path
    source_vocabulary: Path
    target_vocabulary: Path
    pairs: tuple[tuple[str, str], ...]
    tokens: dict[str, str]
    adds_end: bool
    licence: str
    fingerprint: str

    @property
    def name(self) -> str:
        """Return the model's name, which is the folder's."""
        return self.path.name

    @property
    def is_multilingual(self) -> bool:
        """Return whether it has to be told the languages."""
        return bool(self.tokens)

    def check(self) -> None:
        """Compare the weights with the checksum beside them, where there is one; reads the whole file.

        Raises:
            ModelBroken: they differ.
        """
        noted = _noted(self.path)
        if noted and digest(self.path / WEIGHTS) != noted:
            why = f"{WEIGHTS} has not the SHA-256 of {CHECKSUM}"
            raise ModelBroken(f"{self.name} is damaged", why, _again(self.path))


def read_model(folder: Path) -> ModelFolder:
    """Return what a folder holds; reads no weights.

    Raises:
        ModelMissing: it lacks a file.
        ModelUnsupported: it holds something else, such as weights that have not been converted.
        ModelBroken: a file in it cannot be read.
    """
    if not (folder / WEIGHTS).is_file():
        raise _no_weights(folder)
    if not (folder / WEIGHTS).stat().st_size:
        raise ModelBroken(f"{folder.name} is damaged", f"{WEIGHTS} is empty", _again(folder))
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise ModelMissing(f"{folder.name} is incomplete", f"it has none of {', '.join(VOCABULARIES)}", _again(folder))
    is_several = (folder / SEVERAL).is_file()
    source, target = (folder / (SEVERAL if is_several else name) for name in ("source.spm", "target.spm"))
    for path in (source, target):
        if not path.is_file():
            raise ModelMissing(f"{folder.name} is incomplete", f"it has no {path.name}", _again(folder))
    tokens = _tokens(folder) if is_several else {}
    pairs = _all_pairs(tokens) if is_several else (_pair(folder),)
    licence = NLLB_LICENCE if is_several else OPUS_LICENCE
    return ModelFolder(folder, source, target, pairs, tokens, _adds_end(folder), licence, _fingerprint(folder))


def _no_weights(folder: Path) -> ModelMissing | ModelUnsupported:
    if any(folder.glob("pytorch_model*.bin")) or any(folder.glob("*.safetensors")):
        return ModelUnsupported(f"{folder.name} has not been converted", "these are the published weights",
                                f"Run `portevoix models convert {folder.name}`.")  # fmt: skip
    if any(folder.glob("*.onnx")):
        return ModelUnsupported(f"{folder.name} is no translation model", "it holds an ONNX graph", "Move it away.")
    return ModelMissing(f"{folder.name} is incomplete", f"it has no {WEIGHTS}", _again(folder))


def making(name: str, what: str = "Make one") -> str:
    """Return the commands that fetch a model and convert it."""
    return f"{what}: `portevoix engines install neural`, then `portevoix models get {name}`."


def _again(folder: Path) -> str:
    return making(folder.name, "Make it again")


def _pair(folder: Path) -> tuple[str, str]:
    match = _PAIR.fullmatch(folder.name.lower())
    if match is None:
        raise ModelUnsupported(f"{folder.name} does not tell its languages", "the folder's name ends in no pair",
                               "Name it as opus-mt-en-fr is named.")  # fmt: skip
    return short(match[1]), short(match[2])


def _tokens(folder: Path) -> dict[str, str]:
    """Return the names of languages in a vocabulary, as `eng_Latn`, by two-letter code."""
    path = next(folder / name for name in VOCABULARIES if (folder / name).is_file())
    try:
        text = path.read_text("utf-8")
        words = json.loads(text) if path.suffix == ".json" else text.splitlines()
    except (OSError, ValueError) as error:
        raise ModelBroken(f"{folder.name} is damaged", f"{path.name}: {error}", _again(folder)) from error
    named = [word for word in words if isinstance(word, str) and _TOKEN.fullmatch(word)]
    return {short(word[:3]): word for word in reversed(named) if word[:3] in THREE_LETTERS}


def _all_pairs(tokens: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((source, target) for source in tokens for target in tokens if source != target)


def _adds_end(folder: Path) -> bool:
    try:
        facts = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise ModelBroken(f"{folder.name} is damaged", f"config.json: {error}", _again(folder)) from error
    return bool(facts.get("add_source_eos")) if isinstance(facts, dict) else False


def _noted(folder: Path) -> str:
    try:
        words = (folder / CHECKSUM).read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return ""
    return words[0].lower() if words else ""


def _fingerprint(folder: Path) -> str:
    weights = (folder / WEIGHTS).stat()
    return _noted(folder) or f"{weights.st_size}-{weights.st_mtime_ns}"
