"""What became of one speech."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from portevoix.service.model import TTSModel, TTSModelInfo, describe_model


@dataclass(frozen=True, slots=True)
class UnifiedTTSResult:
    """Give the audio of one text, and say who spoke it.

    Attributes:
        success: there is audio that can be heard.
        audio_path: the file, or "" where there is none.
        audio_url: the file below the output folder, with slashes, for whoever serves that.
        duration_ms: length of the speech in milliseconds.
        format: of the file: `mp3`, `wav`, `opus`, `aac`, `flac` or `pcm`.
        language: what was asked for.
        voice_cloned: all of it is spoken in the voice of the recording.
        processing_time_ms: from the call to the file, in milliseconds.
        text_length: in characters.
        model_used: the model that spoke, or None where another engine did.
        message_id: as it was given, or None.
        engine_used: name of the engine that spoke first, "none" where none did.
        voice_used: name of its voice.
        audio_mime_type: for the file's bytes.
        is_degraded: another model or voice than the one asked for spoke at least a part.
        why_degraded: why, in words, with what to do; "" where it did not.
        error: why there is no audio and what to do about it, or None.
        error_code: stable code of that, or "".
    """

    success: bool
    audio_path: str = ""
    audio_url: str = ""
    duration_ms: int = 0
    format: str = ""
    language: str = ""
    voice_cloned: bool = False
    processing_time_ms: int = 0
    text_length: int = 0
    model_used: TTSModel | None = None
    message_id: str | None = None
    engine_used: str = "none"
    voice_used: str = ""
    audio_mime_type: str = ""
    is_degraded: bool = False
    why_degraded: str = ""
    error: str | None = None
    error_code: str = ""

    @property
    def model_info(self) -> TTSModelInfo | None:
        """Return what is known of the model that spoke, or None."""
        return None if self.model_used is None else describe_model(self.model_used)

    @property
    def audio_data(self) -> bytes | None:
        """Return the file's bytes, or None; read anew each time."""
        return Path(self.audio_path).read_bytes() if self.audio_path else None

    @property
    def audio_data_base64(self) -> str | None:
        """Return the file's bytes in base64, or None."""
        data = self.audio_data
        return None if data is None else base64.b64encode(data).decode()
