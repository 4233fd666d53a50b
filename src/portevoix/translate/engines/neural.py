"""`ctranslate2`: networks of the OPUS-MT project, or NLLB, run by CTranslate2 with SentencePiece.

Models are folders under `models/translate`; see `portevoix.translate.model`. Both libraries are imported late: they are
an extra of the package.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from portevoix.engine import EngineState, Phase, Surroundings
from portevoix.errors import EngineFailed, EngineUnavailable, ModelBroken, ModelError
from portevoix.translate.direction import Direction
from portevoix.translate.faults import CannotTranslate
from portevoix.translate.model import ModelFolder, making, read_model

END = "</s>"
LONGEST_TOKENS = 500
"""Tokens of one sentence, read or written: what the positions of these networks are made for."""

ROOM_TOKENS, ROOM_FACTOR = 20, 3
"""A translation that grows beyond the sentence times the factor and this many tokens runs away."""

PACKAGES = ("ctranslate2", "sentencepiece")
INSTALL = "Run `pip install 'portevoix[translate]'`."


@dataclass(frozen=True, slots=True)
class NeuralOptions:
    """How networks are run."""

    folder: Path | None = field(
        default=None, metadata={"help": "where the models are", "shown_default": "`models/translate` in `data_folder`"}
    )
    device: str = field(default="auto", metadata={"help": "where they run", "choices": ("auto", "cpu", "cuda")})
    threads: int = field(
        default=0, metadata={"help": "threads of one sentence; 0 takes one for each core, at most 4", "minimum": 0}
    )
    beam_size: int = field(
        default=1,
        metadata={"help": "ways that are followed at once; more are a little better, slower, and cannot be stopped",
                  "minimum": 1, "maximum": 8},
    )  # fmt: skip
    loaded_models: int = field(default=4, metadata={"help": "models that are kept in memory", "minimum": 1})
    non_commercial: bool = field(
        default=False,
        metadata={"help": "use models whose licence forbids commercial use, as NLLB, without being asked"},
    )


class NeuralTranslation:
    """Translate with one network for each pair of languages, or one for many.

    CTranslate2 computes in threads of its own, without Python's lock; a thread of ours for each model waits for it.
    """

    name: ClassVar[str] = "ctranslate2"
    summary: ClassVar[str] = "OPUS-MT and NLLB networks on this machine"
    Options: ClassVar[type[Any]] = NeuralOptions
    priority: ClassVar[int] = 10
    is_rule_based: ClassVar[bool] = False
    sentence_seconds: ClassVar[float] = 3.0
    packages: ClassVar[tuple[str, ...]] = PACKAGES

    def __init__(self, options: NeuralOptions, surroundings: Surroundings) -> None:
        """Keep the options; do no work."""
        self._options = options
        self._folder = options.folder or surroundings.models_folder / "translate"
        self._models: dict[str, ModelFolder] = {}
        self._looked_at: int | None = None
        self._faults: dict[str, ModelError] = {}
        self._directions: tuple[Direction, ...] = ()
        self._networks: OrderedDict[str, _Network] = OrderedDict()
        self._state = EngineState(Phase.IDLE)

    def state(self) -> EngineState:
        """Return where it stands."""
        return self._state

    def directions(self) -> tuple[Direction, ...]:
        """Return the pairs of all sound models, those of one pair before those of many."""
        return self._directions

    def is_outdated(self) -> bool:
        """Return whether the folder of the models has changed since it was looked into."""
        return _changed_ns(self._folder) != self._looked_at

    async def load(self) -> None:
        """Look which models there are; they are loaded when they are first needed.

        Raises:
            EngineUnavailable: a package is missing, or there is no sound model.
        """
        self._looked_at = _changed_ns(self._folder)
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise self._unavailable(f"{' and '.join(missing)} {verb} not installed", INSTALL)
        self._models, self._faults = await asyncio.to_thread(_survey, self._folder)
        self._directions = self._listed()
        if not self._models:
            fault = next(iter(self._faults.values()), None)
            raise self._unavailable(
                str(fault) if fault else f"there is no model in {self._folder}",
                fault.hint if fault else making("opus-mt-en-fr"),
            )
        self._state = EngineState(Phase.READY, self._remark(), device=self._options.device)

    async def survey(self) -> None:
        """Compare the weights of every model with the checksum beside them."""
        for name, model in list(self._models.items()):
            try:
                await asyncio.to_thread(model.check)
            except ModelError as error:
                await self._forget(name, error)

    async def translate(self, sentences: Sequence[str], direction: Direction) -> list[str]:
        """Return the translations of a batch; when the caller is cancelled, the decoding stops at its next token.

        Raises:
            ModelError: the model is missing, damaged or of another kind.
            CannotTranslate: a sentence is too long for the network, or made it babble.
            EngineFailed: the network failed.
        """
        await self._drop_replaced(direction.model)
        network = self._network(direction.model)
        network.users += 1
        try:
            await self._make_room()
            await self._load(network, direction.model)
            return await network.translate(list(sentences), direction)
        finally:
            network.users -= 1
            await self._retire(network)

    async def aclose(self) -> None:
        """Give back all models."""
        networks, self._networks = list(self._networks.values()), OrderedDict()
        await asyncio.gather(*(network.aclose() for network in networks))

    def _network(self, name: str) -> _Network:
        if name not in self._networks:
            if name not in self._models:
                raise ModelBroken(f"model {name} is gone", hint=making(name, "Make it again"))
            self._networks[name] = _Network(self._models[name], self._options)
        self._networks.move_to_end(name)
        return self._networks[name]

    async def _drop_replaced(self, name: str) -> None:
        """Give a network back whose files were replaced; one that is in use stays until it is not."""
        network, model = self._networks.get(name), self._models.get(name)
        if network is not None and model is not None and network.model != model and not network.users:
            await self._networks.pop(name).aclose()

    async def _make_room(self) -> None:
        """Give back the models that were used longest ago, where there are too many; those in use stay."""
        surplus = len(self._networks) - self._options.loaded_models
        idle = [name for name, network in self._networks.items() if not network.users]
        for name in idle[: max(0, surplus)]:
            await self._networks.pop(name).aclose()

    async def _load(self, network: _Network, name: str) -> None:
        try:
            await network.load()
        except ModelError as error:
            await self._forget(name, error)
            raise

    async def _forget(self, name: str, error: ModelError) -> None:
        network = self._networks.pop(name, None)
        self._models.pop(name, None)
        self._faults[name] = error
        self._directions = self._listed()
        is_left = bool(self._models)
        phase = Phase.READY if is_left else Phase.UNAVAILABLE
        self._state = EngineState(phase, self._remark() if is_left else str(error), error.hint, error.code)
        if network is not None:
            await self._retire(network)

    async def _retire(self, network: _Network) -> None:
        """Give a network back that is not kept any more, when nobody uses it."""
        if not network.users and network not in self._networks.values():
            await network.aclose()

    def _listed(self) -> tuple[Direction, ...]:
        """Return the pairs of all models, those of one pair before those of many."""
        models = sorted(self._models.values(), key=lambda model: (model.is_multilingual, model.name))
        return tuple(
            Direction(source, target, model.name, model.licence, model.fingerprint,
                      needs_asking=model.is_multilingual and not self._options.non_commercial)
            for model in models for source, target in model.pairs
        )  # fmt: skip

    def _remark(self) -> str:
        return "; ".join(str(fault) for fault in self._faults.values())

    def _unavailable(self, why: str, hint: str) -> EngineUnavailable:
        self._models, self._directions = {}, ()
        self._state = EngineState(Phase.UNAVAILABLE, why, hint, EngineUnavailable.code)
        return EngineUnavailable(f"{self.name} cannot be used", why, hint)


def _changed_ns(folder: Path) -> int:
    """Return when something came into a folder or left it, in nanoseconds; 0 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _survey(folder: Path) -> tuple[dict[str, ModelFolder], dict[str, ModelError]]:
    """Return the sound models in a folder by name, and what is wrong with the others."""
    models: dict[str, ModelFolder] = {}
    faults: dict[str, ModelError] = {}
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")):
            try:
                models[path.name] = read_model(path)
            except ModelError as fault:
                faults[path.name] = fault
    return models, faults


class _Network:
    """Hold one loaded model and the thread that waits for it.

    Attributes:
        model: what it is a network of.
        users: how many wait for it to load or to translate.
    """

    def __init__(self, model: ModelFolder, options: NeuralOptions) -> None:
        self.users = 0
        self.model = model
        self._options = options
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=model.name)
        self._held: dict[str, Any] = {}
        self._is_closed = False
        # A translator that is still there when the interpreter ends would abort the process.
        self._finalizer = weakref.finalize(self, self._held.clear)

    async def load(self) -> None:
        if not self._held:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._open)

    async def translate(self, sentences: list[str], direction: Direction) -> list[str]:
        is_left = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self._translate, sentences, direction, is_left)
        )
        try:
            return await asyncio.shield(work)
        finally:
            is_left.set()
            if not work.done():
                await asyncio.gather(work, return_exceptions=True)

    async def aclose(self) -> None:
        """Give the model back after what is being done with it, and end the thread; safe to call again."""
        if not self._is_closed:
            self._is_closed = True
            clearing = asyncio.get_running_loop().run_in_executor(self._threads, self._held.clear)
            self._threads.shutdown(wait=False)
            await clearing

    def _open(self) -> None:
        """Load the model, after looking at its checksum; on the thread."""
        if self._held:
            return
        import ctranslate2
        import sentencepiece

        model, options = self.model, self._options
        try:
            model.check()
            vocabularies = [sentencepiece.SentencePieceProcessor(model_file=str(path))
                            for path in (model.source_vocabulary, model.target_vocabulary)]  # fmt: skip
            translator = ctranslate2.Translator(
                str(model.path), device=options.device, intra_threads=options.threads, inter_threads=1
            )
        except ModelError:
            raise
        except (RuntimeError, ValueError, OSError) as error:
            why = str(error)[:300]
            raise ModelBroken(f"{model.name} cannot be loaded", why, making(model.name, "Make it again")) from error
        self._held.update(translator=translator, source=vocabularies[0], target=vocabularies[1])

    def _translate(self, sentences: list[str], direction: Direction, is_left: threading.Event) -> list[str]:
        if not sentences or is_left.is_set():
            return []
        batch = [self._tokens(sentence, direction) for sentence in sentences]
        longest = min(LONGEST_TOKENS, ROOM_FACTOR * max(map(len, batch)) + ROOM_TOKENS)
        tokens = self.model.tokens
        prefix = [[tokens[direction.target]]] * len(batch) if tokens else None
        can_stop = self._options.beam_size == 1
        try:
            results = self._held["translator"].translate_batch(
                batch, target_prefix=prefix, beam_size=self._options.beam_size, max_decoding_length=longest,
                disable_unk=True, callback=(lambda _: is_left.is_set()) if can_stop else None,
            )  # fmt: skip
        except RuntimeError as error:
            raise EngineFailed(f"{self.model.name} failed", str(error)[:300]) from error
        if is_left.is_set():
            return []
        return [self._text(result.hypotheses[0], longest) for result in results]

    def _tokens(self, sentence: str, direction: Direction) -> list[str]:
        pieces = self._held["source"].encode(sentence, out_type=str)
        if len(pieces) > LONGEST_TOKENS:
            raise CannotTranslate(f"{self.model.name} cannot translate a sentence", f"it has {len(pieces)} tokens",
                                  "Put full stops into it.")  # fmt: skip
        end = [] if self.model.adds_end else [END]
        tokens = self.model.tokens
        return [tokens[direction.source], *pieces, *end] if tokens else [*pieces, *end]

    def _text(self, pieces: list[str], longest: int) -> str:
        if len(pieces) >= longest:
            raise CannotTranslate(f"{self.model.name} babbled", f"it had not ended after {longest} tokens")
        words = pieces[1:] if self.model.tokens else pieces
        text: str = self._held["target"].decode(words)
        if not text.strip():
            raise CannotTranslate(f"{self.model.name} found no words")
        return text
