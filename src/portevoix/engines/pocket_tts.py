"""Pocket TTS by Kyutai: seven languages, streaming, and cloning in real time on a processor."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.engine import Delivery
from portevoix.errors import CannotClone, CannotSay, EngineError, EngineFailed, ModelMissing, VoiceNotFound
from portevoix.rooms.families import HousedFamily
from portevoix.rooms.housed import HousedOptions
from portevoix.rooms.models import fingerprint_of, stamp_of
from portevoix.rooms.preparations import Preparations
from portevoix.rooms.recordings import require_seconds
from portevoix.rooms.weights import check_safetensors
from portevoix.speech import Voice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from portevoix.engine import Surroundings
    from portevoix.rooms.narration import Passage, Samples, Setting
    from portevoix.speech import Reference, Utterance

PREFIX = "pocket-tts-"
CLONING = "-cloning"
NAMES = {"fr": "french", "en": "english", "de": "german", "it": "italian", "pt": "portuguese", "es": "spanish",
         "nl": "dutch"}  # fmt: skip
HOME = {"estelle": "fr", "alba": "en", "juergen": "de", "giovanni": "it", "rafael": "pt", "lola": "es", "daan": "nl"}
"""The voice that is each language's own; the others speak it with an accent."""

WEIGHTS = "model.safetensors"
SIGNS = "tokenizer.json"
CONFIG = "config.yaml"
VOICES = "embeddings"
SUFFIX = ".safetensors"
KEPT_MODELS = 2
"""In memory; each takes about 200 MB."""

KEPT_VOICES = 8
LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class PocketTtsOptions(HousedOptions):
    """Say how Pocket TTS runs."""

    language: str = field(
        default="fr",
        metadata={"help": "language of the model at `model_path`, where its folder's name does not tell",
                  "choices": tuple(NAMES)},
    )  # fmt: skip
    quantize: bool = field(default=True, metadata={"help": "compute in eight bits: quicker, in half the memory"})


@dataclass(frozen=True, slots=True)
class PocketTtsParameters:
    """What one request may set."""

    temperature: float = field(default=0.3, metadata={"help": "how freely it speaks", "minimum": 0.0, "maximum": 2.0})


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the parts of one language's model are.

    Attributes:
        name: the library's name of the language.
        weights: of the network.
        signs: of its tokeniser.
        voices: folder of prepared voices.
        config: a description of the network in place of the library's own, or None.
        can_clone: these weights are the ones that clone.
    """

    name: str
    weights: Path
    signs: Path
    voices: Path
    config: Path | None
    can_clone: bool


class PocketNarrator:
    """Speak with the networks of Pocket TTS, one for each language, loaded when they are first needed."""

    def __init__(self, setting: Setting) -> None:
        import pocket_tts  # noqa: F401 - so that a missing package is known before a model is looked for

        logging.getLogger("pocket_tts").setLevel(logging.ERROR)  # it warns with the user's words
        os.environ["KPOCKET_TTS_ERROR_WITHOUT_EOS"] = "1"  # a generation that finds no end is told, not cut
        self._setting = setting
        self._models: OrderedDict[str, Any] = OrderedDict()
        self._states: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self.sample_rate = int(self._model(setting.voice.language.split("-", maxsplit=1)[0]).sample_rate)

    def voices(self) -> tuple[()]:
        """Return nothing: the engine sees the voices on disk."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece as it is generated, 80 ms at a time.

        The library's threads are waited for in any case: two generations at once would spoil each other.
        """
        import torch

        with torch.random.fork_rng(devices=[]):  # what is made once must not change what is drawn each time
            model, state = self._model(passage.language), self._state(passage)
        stop, wanted = threading.Event(), passage.parameters
        model.temp = wanted.temperature
        stream = model.generate_audio_stream(state, passage.text, stop=stop)
        try:
            for chunk in stream:
                if is_cancelled():
                    break
                yield chunk.numpy()
        except RuntimeError as error:
            if "EOS" in str(error):  # all that the library tells about it
                raise EngineFailed("pocket_tts ran away", "it found no end") from error
            raise
        finally:
            stop.set()
            for _ in stream:
                pass

    def close(self) -> None:
        """Forget the networks."""
        self._models.clear()
        self._states.clear()

    def _model(self, language: str) -> Any:
        if language not in self._models:
            self._models[language] = self._load(files_of(self._setting.folder, language))
        self._models.move_to_end(language)
        while len(self._models) > KEPT_MODELS:
            self._models.popitem(last=False)
        return self._models[language]

    def _load(self, files: ModelFiles) -> Any:
        """Load a network by the library's own road, told by a description where its files are."""
        import yaml
        from pocket_tts import TTSModel
        from pocket_tts.utils.config import CONFIGS_DIR

        check_weights(files)
        path = files.config or CONFIGS_DIR / f"{files.name}.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config.update(weights_path=str(files.weights), weights_path_without_voice_cloning=None)
        config["flow_lm"]["lookup_table"]["tokenizer_path"] = str(files.signs)
        self._setting.cache_folder.mkdir(parents=True, exist_ok=True)
        told = self._setting.cache_folder / f"{os.getpid()}-{files.name}.yaml"
        try:
            told.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
            model = TTSModel.load_model(config=told, quantize=self._setting.options.quantize)
        finally:
            told.unlink(missing_ok=True)
        model.max_decoder_frames_per_call = 1  # as many as are ready give samples that differ in their last bits
        return model

    def _state(self, passage: Passage) -> Any:
        """Return what the network is told about the voice; it copies it before it writes into it."""
        files, model = files_of(self._setting.folder, passage.language), self._model(passage.language)
        if passage.reference is not None:
            return self._cloned(files, model, passage.reference)
        key = (passage.language, passage.voice.name)
        if key not in self._states:
            self._states[key] = model.get_state_for_audio_prompt(_own_voice(files, passage.voice))
        self._states.move_to_end(key)
        while len(self._states) > KEPT_VOICES:
            self._states.popitem(last=False)
        return self._states[key]

    def _cloned(self, files: ModelFiles, model: Any, reference: Reference) -> Any:
        prepared = Preparations(self._setting.cache_folder, fingerprint_of(files.weights.parent), SUFFIX)
        make = partial(_prepare, model, reference)
        return prepared.read(reference.digest, make, model.get_state_for_audio_prompt)


class PocketTts(HousedFamily):
    """Speak with Pocket TTS.

    A language is a folder such as `pocket-tts-french`, in the publisher's layout or flat. Its weights that clone, for
    which terms have to be accepted, are in one of their own, `pocket-tts-french-cloning`; they are used when they are
    there.
    """

    name: ClassVar[str] = "pocket_tts"
    summary: ClassVar[str] = "Pocket TTS: seven languages, cloning in real time on a processor"
    Options: ClassVar[type[Any]] = PocketTtsOptions
    Parameters: ClassVar[type[Any]] = PocketTtsParameters
    Narrator: ClassVar[type[Any]] = PocketNarrator
    priority: ClassVar[int] = 40
    target_latency_ms: ClassVar[float] = 1000.0
    delivery: ClassVar[Delivery] = Delivery.FRAMES
    pattern: ClassVar[str] = f"{PREFIX}*"
    known: ClassVar[tuple[str, ...]] = tuple(f"{PREFIX}{name}" for name in NAMES.values())
    model: ClassVar[str] = f"{PREFIX}french"
    packages: ClassVar[tuple[str, ...]] = ("torch", "pocket_tts")
    languages: ClassVar[tuple[str, ...]] = tuple(NAMES)
    can_clone: ClassVar[bool] = True
    licence: ClassVar[str] = "CC-BY-4.0"
    most_characters: ClassVar[dict[str, int]] = {"": 160}

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""
        super().__init__(options, surroundings)
        self._seen: tuple[object, tuple[Voice, ...]] | None = None

    def languages_in(self, name: str) -> tuple[str, ...]:
        """Return the language of the model of this name; none for weights that complete another model."""
        return tuple(language for language, word in NAMES.items() if name == f"{PREFIX}{word}")

    def folder_fault(self, folder: Path) -> EngineError | None:
        """Return what a model's folder lacks."""
        files = self._files_of(folder)
        lacking = [path.name for path in (files.weights, files.signs) if not path.is_file()]
        if not lacking:
            return None
        return ModelMissing(f"the model {folder.name} is not whole", f"it lacks {', '.join(lacking)}")

    def listed(self) -> tuple[Voice, ...]:
        """Return every prepared voice with the languages that it is there for, then what is there for no language."""
        models = {self._language_of(folder): self._files_of(folder) for folder in self._sound_folders()}
        stamp = [(files, stamp_of(files.weights), stamp_of(files.voices)) for files in models.values()]
        if self._seen is None or self._seen[0] != stamp:
            self._seen = (stamp, self._voices_of(models))
        return self._seen[1]

    def check(self) -> None:
        """Look whether the weights are whole, before the library is loaded for them.

        Raises:
            ModelBroken: a file is damaged.
            ModelUnsupported: it is of another network.
        """
        for folder in self._sound_folders()[:1]:
            check_weights(self._files_of(folder))

    def _check_wish(self, utterance: Utterance) -> None:
        super()._check_wish(utterance)
        if utterance.reference is not None:
            require_seconds(self.name, utterance.reference.path, LEAST_SECONDS)
            language = self.language_of(utterance.language)
            if not files_of(self.folder, language).can_clone:
                raise cannot_clone_in(language)

    def _language_of(self, folder: Path) -> str:
        return str((*self.languages_in(folder.name), self.options.language)[0])

    def _sound_folders(self) -> list[Path]:
        return [folder for folder in self.folders() if self.folder_fault(folder) is None]

    def _files_of(self, folder: Path) -> ModelFiles:
        return _files_in(folder, self._language_of(folder))

    def _voices_of(self, models: dict[str, ModelFiles]) -> tuple[Voice, ...]:
        found: dict[str, list[str]] = {}
        for language, files in models.items():
            for name in sorted(_voices_in(files)) or [f"{PREFIX}{files.name}"]:
                found.setdefault(name, []).append(language)
        prints = {language: fingerprint_of(files.weights.parent) for language, files in models.items()}
        clones = {language for language, files in models.items() if files.can_clone}
        ranked = sorted(found, key=lambda name: HOME.get(name) not in models)
        here = [self._own(name, found[name], prints, clones) for name in ranked]
        absent = [self._absent(name, one) for name, one in HOME.items() if one not in models and name not in found]
        return (*here, *absent)

    def _own(self, name: str, languages: list[str], prints: dict[str, str], clones: set[str]) -> Voice:
        ordered = tuple(sorted(languages, key=lambda one: one != HOME.get(name)))
        return Voice(name, self.name, ordered[0], licence=self.licence, languages=ordered,
                     fingerprint=" ".join(prints[one] for one in ordered),
                     can_clone=not clones.isdisjoint(ordered))  # fmt: skip

    def _absent(self, name: str, language: str) -> Voice:
        model = f"{PREFIX}{NAMES[language]}"
        why = f"the model {model} is not on this machine"
        return Voice(name, self.name, language, is_installed=False, why_not=why, hint=self.hint_for(model),
                     licence=self.licence, languages=(language,))  # fmt: skip


def _prepare(model: Any, reference: Reference, path: Path) -> None:
    """Write what the network is told about the voice in a recording, of at most 30 s."""
    from pocket_tts import export_model_state

    export_model_state(model.get_state_for_audio_prompt(Path(reference.path), truncate=True), path)


def check_weights(files: ModelFiles) -> None:
    """Look whether a network's weights are whole; raises as `check_safetensors`."""
    check_safetensors(files.weights, {"flow_lm.bos_emb": ()})


def files_of(folder: Path, language: str) -> ModelFiles:
    """Return the files of a language; `folder` is that of one model, or the one with all models."""
    own = folder / f"{PREFIX}{NAMES.get(language, language)}"
    return _files_in(own if own.is_dir() or not (folder / WEIGHTS).is_file() else folder, language)


def cannot_clone_in(language: str) -> CannotClone:
    """Return what to tell of a language whose weights do not clone."""
    name = f"{PREFIX}{NAMES.get(language, language)}{CLONING}"
    why = f"the weights that clone in {language!r} are not on this machine"
    hint = f"Accept their terms on the hub, then: portevoix models get {name}"
    return CannotClone("pocket_tts cannot clone here", why, hint)


def _files_in(folder: Path, language: str) -> ModelFiles:
    name = NAMES.get(language, language)
    root = _root(folder, name)
    cloning = _root(folder.with_name(folder.name + CLONING), name) / WEIGHTS
    config = root / CONFIG
    clones = cloning.is_file() or config.is_file()
    return ModelFiles(
        name,
        cloning if cloning.is_file() else root / WEIGHTS,
        root / SIGNS,
        root / VOICES,
        config if config.is_file() else None,
        clones,
    )


def _root(folder: Path, name: str) -> Path:
    """Return where a folder's files are: as the publisher has them, or at its top."""
    published = folder / "languages" / name
    return published if published.is_dir() else folder


def _voices_in(files: ModelFiles) -> list[str]:
    return [path.name.removesuffix(SUFFIX) for path in files.voices.glob(f"*{SUFFIX}")]


def _own_voice(files: ModelFiles, voice: Voice) -> Path:
    known = _voices_in(files)
    if voice.name in known:
        return files.voices / f"{voice.name}{SUFFIX}"
    if known:
        raise VoiceNotFound(
            f"pocket_tts has no voice {voice.name!r:.60}", hint="Run `portevoix voices`.", param="voice"
        )
    raise CannotSay("pocket_tts has no voice of its own here", f"there is none in {files.voices}",
                    "Give it a recording to speak like, or fetch the model again.")  # fmt: skip
