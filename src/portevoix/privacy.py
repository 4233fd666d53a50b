"""What others' libraries would tell their makers of their own accord."""

from __future__ import annotations

import os

REPORTS_NOTHING = {"ORT_DISABLE_TELEMETRY": "1"}
"""onnxruntime otherwise numbers the machine in the user's cache folder and reports to its makers; it reads this once,
when it is imported."""


def tell_nobody() -> None:
    """Keep libraries that are not loaded yet, here and in processes that are started, from reporting.

    Values that somebody has set in the environment stay.
    """
    for name, value in REPORTS_NOTHING.items():
        os.environ.setdefault(name, value)
