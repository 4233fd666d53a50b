"""The translator's face: many models, voices borrowed from recordings, and readiness that is known at once.

Names, fields and defaults are those that existing programs use; what is behind them is the house's own.
"""

from __future__ import annotations

from portevoix.service.backend import ModelBackend
from portevoix.service.manager import ModelManager
from portevoix.service.model import ModelStatus, TTSModel, TTSModelInfo, check_license_compliance, describe_model
from portevoix.service.result import UnifiedTTSResult
from portevoix.service.service import TTSService

__all__ = [
    "ModelBackend",
    "ModelManager",
    "ModelStatus",
    "TTSModel",
    "TTSModelInfo",
    "TTSService",
    "UnifiedTTSResult",
    "check_license_compliance",
    "describe_model",
]
