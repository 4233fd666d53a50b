"""What the three Chatterbox networks have in common: how they are loaded, bounded, stopped, and given a voice."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib import import_module
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar

from portevoix.errors import CannotSay, EngineFailed
from portevoix.rooms.housed import Housed
from portevoix.rooms.models import fingerprint_of
from portevoix.rooms.preparations import Preparations
from portevoix.rooms.recordings import require_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from portevoix.rooms.narration import Passage, Samples, Setting
    from portevoix.speech import Reference, Utterance

TOKENS_PER_SECOND = 25
MOST_TOKENS = 1000
"""The library's own bound, 40 s."""

LEAST_GUIDANCE = 0.01
"""A guidance of 0 makes one row of what the library goes on to take for two."""

OWN_VOICE = "conds.pt"


@dataclass(frozen=True, slots=True)
class ChatterboxParameters:
    """What one request may set of a network that can be calm or lively."""

    exaggeration: float = field(
        default=0.5, metadata={"help": "how lively it speaks; 0.5 is natural", "minimum": 0.0, "maximum": 2.0}
    )
    cfg_weight: float = field(
        default=0.5, metadata={"help": "how closely it keeps to the voice; less is slower speech",
                               "minimum": 0.0, "maximum": 3.0}
    )  # fmt: skip
    temperature: float = field(default=0.8, metadata={"help": "how freely it speaks", "minimum": 0.05, "maximum": 5.0})
    repetition_penalty: float = field(
        default=1.2, metadata={"help": "how much it avoids repeating itself", "minimum": 1.0, "maximum": 10.0}
    )
    min_p: float = field(
        default=0.05, metadata={"help": "least probability of a sound, as a share of the likeliest one's",
                                "minimum": 0.0, "maximum": 1.0}
    )  # fmt: skip
    top_p: float = field(
        default=1.0, metadata={"help": "probability of the sounds to choose from", "minimum": 0.05, "maximum": 1.0}
    )


class _Stopped(Exception):
    """Leave the library in the middle of its work."""


class Watch:
    """Stand where the library has a progress bar, and where its networks begin: bound the work, and end it early."""

    def __init__(self, name: str) -> None:
        """Speak of the engine `name`."""
        self._name = name
        self.begin(lambda: False, MOST_TOKENS)

    def begin(self, is_cancelled: Callable[[], bool], most_tokens: int) -> None:
        """Watch over one piece."""
        self._is_cancelled = is_cancelled
        self._most_tokens = most_tokens

    def __call__(self, steps: Iterable[Any], **_: Any) -> Iterator[Any]:
        """Pass the steps of a generation on, as `tqdm` does.

        Raises:
            EngineFailed: from the iterator; it goes on beyond the bound.
        """
        for number, step in enumerate(steps):
            if number >= self._most_tokens:
                break
            self.look()
            yield step
        raise EngineFailed(f"{self._name} ran away", f"there was no end after {self._most_tokens} sound tokens")

    def look(self, *_: Any) -> None:
        """Leave the library when nobody listens any more; also a hook before a network's forward pass."""
        if self._is_cancelled():
            raise _Stopped


class ChatterboxNarrator:
    """Speak with one Chatterbox network; a subclass names its classes.

    Attributes:
        engine: name of the engine.
        module: where the library has the network's class and its `Conditionals`.
        kind: name of the class.
        loop: method of the token network that generates.
        asks_language: the library wants to be told the language.
    """

    sample_rate = 24_000
    engine: ClassVar[str]
    module: ClassVar[str]
    kind: ClassVar[str]
    loop: ClassVar[str] = "inference"
    asks_language: ClassVar[bool] = False

    def __init__(self, setting: Setting) -> None:
        self._library = import_module(self.module)
        _print_elsewhere()
        self._watch = Watch(self.engine)
        self._device = setting.device
        self._model = getattr(self._library, self.kind).from_local(str(setting.folder), setting.device)
        _watch_over(self._model, self.loop, self._watch)
        self._own_voice = self._model.conds
        self._prepared = Preparations(setting.cache_folder, fingerprint_of(setting.folder), ".pt")

    def voices(self) -> tuple[()]:
        """Return nothing: the engine lists its one voice."""
        return ()

    def narrate(self, passage: Passage, is_cancelled: Callable[[], bool]) -> Iterator[Samples]:
        """Yield a piece at once: the library makes all sound tokens before the first sound."""
        self._watch.begin(is_cancelled, min(MOST_TOKENS, round(passage.limit_seconds * TOKENS_PER_SECOND)))
        self._model.conds = self._voice(passage.reference)
        try:
            wav = self._generate(passage)
        except _Stopped:
            return
        finally:
            self._clean_up()
        yield wav.reshape(-1).numpy()

    def close(self) -> None:
        """Hold nothing that goes beyond the object's life."""

    def _generate(self, passage: Passage) -> Any:
        """Return the library's audio of a piece, a tensor of shape (1, n)."""
        said = (passage.text, passage.language) if self.asks_language else (passage.text,)
        wanted = asdict(passage.parameters)
        if "cfg_weight" in wanted:
            wanted["cfg_weight"] = max(wanted["cfg_weight"], LEAST_GUIDANCE)
        return self._model.generate(*said, **wanted)

    def _voice(self, reference: Reference | None) -> Any:
        """Return a copy of what a voice is to the networks: they write into it."""
        if reference is None:
            if self._own_voice is None:
                raise no_own_voice(self.engine)
            return _copied(self._own_voice)
        return self._cloned(reference)

    def _cloned(self, reference: Reference) -> Any:
        return self._prepared.read(reference.digest, lambda part: self._prepare(reference, part), self._load)

    def _load(self, path: Path) -> Any:
        return self._library.Conditionals.load(path, map_location=self._device).to(self._device)

    def _prepare(self, reference: Reference, path: Path) -> None:
        self._model.prepare_conditionals(reference.path)
        self._model.conds.save(path)

    def _clean_up(self) -> None:
        """Take away the spies that the multilingual network puts on its layers each time, and never removes."""
        for layer in getattr(self._model.t3.tfmr, "layers", ()):
            layer.self_attn._forward_hooks.clear()  # noqa: SLF001 - who put them there kept no handle


class HousedChatterbox(Housed):
    """Run a Chatterbox network.

    Attributes of the class, beside those of `Housed`:
        least_seconds: a recording must be longer than this.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "torchaudio", "chatterbox", "perth")
    can_clone: ClassVar[bool] = True
    licence: ClassVar[str] = "MIT"
    target_latency_ms: ClassVar[float] = 10_000.0
    cancel_seconds: ClassVar[float] = 15.0
    least_seconds: ClassVar[float] = 0.0

    def _check_wish(self, utterance: Utterance) -> None:
        super()._check_wish(utterance)
        if utterance.reference is not None:
            require_seconds(self.name, utterance.reference.path, self.least_seconds)
        elif not (self.folder / OWN_VOICE).is_file():
            raise no_own_voice(self.name)


def no_own_voice(name: str) -> CannotSay:
    """Return what to tell of a model that lacks its built-in voice."""
    return CannotSay(f"{name} has no voice of its own here", f"the model lacks {OWN_VOICE}",
                     "Give it a recording to speak like, or fetch the model again.")  # fmt: skip


def _watch_over(model: Any, loop: str, watch: Watch) -> None:
    """Let a watch see each token, each step of the diffusion, and the vocoder's beginning.

    The generating method gets globals of its own in which `tqdm` is the watch, so that other networks of the same
    process keep theirs.
    """
    import torch

    plain = getattr(type(model.t3), loop).__wrapped__
    own = FunctionType(plain.__code__, {**plain.__globals__, "tqdm": watch}, plain.__name__, plain.__defaults__)
    own.__kwdefaults__ = plain.__kwdefaults__
    setattr(model.t3, loop, torch.inference_mode()(MethodType(own, model.t3)))
    model.s3gen.flow.decoder.estimator.time_mlp.register_forward_pre_hook(watch.look)
    model.s3gen.mel2wav.conv_pre.register_forward_pre_hook(watch.look)


def _copied(conditionals: Any) -> Any:
    return type(conditionals)(replace(conditionals.t3), dict(conditionals.gen))


def _print_elsewhere() -> None:
    """Let the library's remarks go to standard error: standard output is for audio and data."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("chatterbox", "perth") and module is not None:
            module.print = partial(print, file=sys.stderr)  # type: ignore[attr-defined]
