"""The settings of translation; see `settings` for what stands in a field's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TranslationSettings:
    """How texts are translated."""

    engines: Mapping[str, Mapping[str, Any]] = field(
        default_factory=dict,
        metadata={"help": "keys of each translation engine: `enabled`, `priority` and its own, as "
                          "`ctranslate2: {beam_size: 4}`"},
    )  # fmt: skip
    cache_characters: int = field(
        default=2_000_000,
        metadata={"help": "size of the memory of translated sentences", "unit": "characters", "minimum": 0},
    )
    cache_ttl_seconds: float = field(
        default=86_400.0,
        metadata={"help": "how long a translated sentence is remembered", "unit": "seconds", "minimum": 1},
    )
    link_seconds: float = field(
        default=600.0,
        metadata={"help": "how long the link to a translation's speech works", "unit": "seconds", "minimum": 1,
                  "maximum": 86_400},
    )  # fmt: skip
    link_max_mb: float = field(
        default=64.0, metadata={"help": "room for speech that waits behind links", "unit": "MB", "minimum": 0}
    )
