"""Who speaks: the voice of each level for a request, and the order in which they are asked."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass
from typing import Any

from portevoix.engine import parameters_of
from portevoix.errors import EngineNotFound, InvalidParameter, LanguageNotSupported, VoiceNotFound
from portevoix.level import Level
from portevoix.speech import Parameter, Voice, language_family


@dataclass(frozen=True, slots=True)
class Candidate:
    """Pair a level with the voice it would use."""

    level: Level
    voice: Voice


def find_level(levels: Sequence[Level], name: str) -> Level:
    """Return the level called `name`.

    Raises:
        EngineNotFound: there is none; names those that are.
    """
    for level in levels:
        if level.name == name:
            return level
    known = [level.name for level in levels]
    raise EngineNotFound(f"engine {name!r} is not known", f"there are {', '.join(known)}", _did_you_mean(name, known),
                         param="engine")  # fmt: skip


def find_voice(levels: Sequence[Level], wanted: str) -> Voice:
    """Return the voice that `wanted` names: `name` or `engine:name`, of the first level that has it.

    Where no voice is written so, one that differs in capitals alone is meant.

    Raises:
        VoiceNotFound: no level knows it, or there is no such engine; suggests the nearest names.
    """
    engine, _, name = wanted.rpartition(":")
    if engine and engine not in (engines := [level.name for level in levels]):
        raise VoiceNotFound(f"voice {wanted[:80]!r} is not known", f"there is no such engine, but {', '.join(engines)}",
                            _did_you_mean(engine, engines) or "Run `portevoix engines`.", param="voice")  # fmt: skip
    voices = [voice for level in levels if engine in ("", level.name) for voice in level.engine.voices()]
    matching = [voice for voice in voices if voice.name == name]
    matching = matching or [voice for voice in voices if voice.name.casefold() == name.casefold()]
    if matching:
        return min(matching, key=lambda voice: not voice.is_installed)
    known = sorted({voice.name for voice in voices})
    raise VoiceNotFound(f"voice {wanted[:80]!r} is not known", f"there are {_some(known)}",
                        _did_you_mean(name, known) or "Run `portevoix voices`.", param="voice")  # fmt: skip


def default_voice(levels: Sequence[Level], language: str) -> Voice:
    """Return the voice of the first level that speaks `language`.

    Raises:
        LanguageNotSupported: none does.
    """
    for level in levels:
        voice = level.voice_for(language)
        if voice is not None and (voice.language or voice.languages or len(levels) == 1):
            return voice
    families = sorted({language_family(language) for level in levels for voice in level.engine.voices()
                       for language in (voice.language, *voice.languages) if language})  # fmt: skip
    raise LanguageNotSupported(f"language {language[:40]!r} is not spoken here", f"there are {_some(families)}",
                               "Run `portevoix voices`.", param="language")  # fmt: skip


def cast(levels: Iterable[Level], wish: Voice, language: str) -> tuple[Candidate, ...]:
    """Return who may speak, in order: those who have the wished voice, then the others in their own voices.

    Levels are taken in the order given; one without a voice for the language is left out.
    """
    owners, others = [], []
    for level in levels:
        own = next((voice for voice in level.engine.voices() if voice.name == wish.name), None)
        if own is not None:
            owners.append(Candidate(level, own))
        elif (voice := level.voice_for(language)) is not None:
            others.append(Candidate(level, voice))
    owners.sort(key=lambda one: one.level.name != wish.engine)
    return (*owners, *others)


def check_parameters(levels: Sequence[Level], parameters: Sequence[tuple[str, Parameter]]) -> None:
    """Refuse parameters that no level knows, and values that one which knows them cannot take.

    Raises:
        InvalidParameter: names the parameter, and what is possible.
    """
    known = [parameters_of(level.engine) for level in levels]
    for name, value in parameters:
        declared = [fields[name] for fields in known if name in fields]
        if not declared:
            names = sorted({one for fields in known for one in fields})
            raise InvalidParameter(f"parameter {name[:80]!r} is not known", f"there are {_some(names)}",
                                   _did_you_mean(name, names), param=name[:80])  # fmt: skip
        for item in declared:
            _check_parameter(item, value)


def _check_parameter(item: Field[Any], value: Parameter) -> None:
    kind = type(item.default)
    wanted = (int, float) if kind is float else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise InvalidParameter(f"{item.name} is {value!r:.60}", f"it must be of type {kind.__name__}", param=item.name)
    least, most = item.metadata.get("minimum", -math.inf), item.metadata.get("maximum", math.inf)
    if isinstance(value, int | float) and not least <= value <= most:
        raise InvalidParameter(f"{item.name} is {value!r:.60}", f"it must be from {least} to {most}", param=item.name)


def _some(names: Sequence[str]) -> str:
    shown = 24
    tail = f" and {len(names) - shown} more" if len(names) > shown else ""
    return (", ".join(names[:shown]) or "none") + tail


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, 3, 0.5)
    return f"Did you mean {' or '.join(near)}?" if near else ""
