"""The settings of models and of recordings; see `settings` for what stands in a field's metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def _about(text: str, **bounds: Any) -> dict[str, Any]:
    return {"help": text, **bounds}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How voices and models are fetched."""

    fetch_missing: bool = field(
        default=True, metadata=_about("let a server fetch the voice that it is to speak with and that is not here")
    )
    offline: bool = field(
        default=False, metadata=_about("never use the network to fetch models; so does `HF_HUB_OFFLINE=1`")
    )
    endpoint: str | None = field(
        default=None,
        metadata=_about(
            "address of the hub or of a mirror", shown_default="`HF_ENDPOINT`, else `https://huggingface.co`"
        ),
    )
    download_timeout_seconds: float = field(
        default=3600.0,
        metadata=_about(
            "longest time for one download; `TTS_DOWNLOAD_TIMEOUT` comes before it", unit="seconds", minimum=1
        ),
    )
    stall_timeout_seconds: float = field(
        default=20.0,
        metadata=_about("longest time in which next to nothing arrives", unit="seconds", minimum=1, maximum=600),
    )
    folder: Path | None = field(
        default=None,
        metadata=_about("where models that are folders are kept", shown_default="`models` in `data_folder`"),
    )


@dataclass(frozen=True, slots=True)
class ReferenceSettings:
    """Which recordings a voice may be borrowed from."""

    folders: tuple[Path, ...] | None = field(
        default=None,
        metadata=_about(
            "where recordings that are named by their path may lie",
            shown_default="the current folder, `data_folder` and the folder for temporary files",
        ),
    )
    max_seconds: float = field(
        default=180.0, metadata=_about("longest recording", unit="seconds", minimum=1, maximum=3600)
    )
