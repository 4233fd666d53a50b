"""Playing audio on this machine."""

from __future__ import annotations

from portevoix.sound.machine import Machine
from portevoix.sound.opening import has_sound, open_player
from portevoix.sound.player import Player

__all__ = ["Machine", "Player", "has_sound", "open_player"]
