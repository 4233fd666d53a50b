"""What there is on a machine to play audio with."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.sound import device
from portevoix.sound.pipe import PROGRAMS, Program

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOWS_SCRIPT = "import sys, winsound; winsound.PlaySound(sys.argv[1], winsound.SND_FILENAME)"


@dataclass(frozen=True, slots=True)
class Machine:
    """Look at a machine's sound; looks at files alone, opens no device.

    Attributes:
        platform: as `sys.platform`.
        environ: variables of the environment.
        devices: where ALSA's device files are.
    """

    platform: str = sys.platform
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    devices: Path = Path("/dev/snd")

    def servers(self) -> frozenset[str]:
        """Return what plays sound on a Linux machine: `pulse`, `pipewire`, `alsa`."""
        runtime = self._runtime_folder()
        has_pulse = "PULSE_SERVER" in self.environ or (runtime / "pulse" / "native").exists()
        has_pipewire = "PIPEWIRE_REMOTE" in self.environ or (runtime / "pipewire-0").exists()
        has_alsa = any(self.devices.glob("pcm*p")) if self.devices.is_dir() else False
        found = {"pulse": has_pulse, "pipewire": has_pipewire, "alsa": has_alsa}
        return frozenset(name for name, is_there in found.items() if is_there)

    def piped_programs(self) -> list[tuple[Program, str]]:
        """Return the programs that can play from a pipe here, with their paths, the best first."""
        servers = self.servers()
        fitting = [program for program in PROGRAMS if servers.intersection(program.servers)]
        return [(program, path) for program in fitting if (path := self._find(program.name))]

    def file_command(self) -> list[str] | None:
        """Return the command that plays a file, on systems where that is the way; None elsewhere."""
        if self.platform == "win32":
            return [sys.executable, "-c", WINDOWS_SCRIPT]
        afplay = self._find("afplay") if self.platform == "darwin" else None
        return [afplay] if afplay else None

    def way(self) -> str:
        """Return the name of what would play here, or ""."""
        if self.platform in ("win32", "darwin"):
            return "sounddevice" if device.is_installed() else "the system's player" if self.file_command() else ""
        if device.is_installed() and self.servers():
            return "sounddevice"
        return next((program.name for program, _ in self.piped_programs()), "")

    def _runtime_folder(self) -> Path:
        named = self.environ.get("XDG_RUNTIME_DIR")
        return Path(named) if named else Path(f"/run/user/{os.getuid() if hasattr(os, 'getuid') else 0}")

    def _find(self, name: str) -> str | None:
        return shutil.which(name, path=self.environ.get("PATH", os.defpath))
