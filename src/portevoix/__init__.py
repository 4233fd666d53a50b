"""Portevoix: the speech that never goes silent.

Names are loaded when they are first used: importing the package loads no numpy and no onnxruntime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portevoix.audio import AudioChunk
    from portevoix.service import ModelManager, TTSModel, TTSService, UnifiedTTSResult
    from portevoix.speaker import Speaker
    from portevoix.speech import SpeechReport, SpeechRequest, Voice, WordMark
    from portevoix.unified import TTSBackendType, TTSCache, TTSResult, UnifiedTTSManager

__version__ = "0.1.0"

_HOMES = {
    "AudioChunk": "audio",
    "ModelManager": "service",
    "Speaker": "speaker",
    "SpeechReport": "speech",
    "SpeechRequest": "speech",
    "TTSBackendType": "unified",
    "TTSCache": "unified",
    "TTSModel": "service",
    "TTSResult": "unified",
    "TTSService": "service",
    "UnifiedTTSManager": "unified",
    "UnifiedTTSResult": "service",
    "Voice": "speech",
    "WordMark": "speech",
}

__all__ = [
    "AudioChunk",
    "ModelManager",
    "Speaker",
    "SpeechReport",
    "SpeechRequest",
    "TTSBackendType",
    "TTSCache",
    "TTSModel",
    "TTSResult",
    "TTSService",
    "UnifiedTTSManager",
    "UnifiedTTSResult",
    "Voice",
    "WordMark",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'portevoix' has no attribute {name!r}")
    return getattr(import_module(f"portevoix.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
