"""What there is to find out about a machine; each examination looks at one thing and says what it found."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portevoix.config import Loaded
    from portevoix.rooms.environments import Note
    from portevoix.rooms.recipe import Recipe

Verdict = Literal["ok", "warn", "bad"]

MEGABYTE = 1_000_000
LITTLE_DISK_BYTES = 1_000 * MEGABYTE
NO_DISK_BYTES = 50 * MEGABYTE
LITTLE_MEMORY_BYTES = 500 * MEGABYTE
OLDEST_PYTHON = (3, 11)
OUTSIDE = ("192.0.2.1", 9)
"""An address set aside for documentation (RFC 5737): looking up the way to it sends nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Tell one fact about the machine.

    Attributes:
        topic: what was examined.
        verdict: `bad` keeps something from working.
        fact: what was found.
        what_to_do: as a sentence, or "".
    """

    topic: str
    verdict: Verdict
    fact: str
    what_to_do: str = ""


def examine_python() -> Finding:
    """Look at the interpreter."""
    version = sys.version_info[:2]
    fact = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    if version < OLDEST_PYTHON:
        return Finding("Python", "bad", fact, "Use Python 3.11 or newer.")
    return Finding("Python", "ok", fact)


def examine_packages() -> Finding:
    """Look at the packages that are needed, with their versions."""
    versions = {name: _version(name) for name in required_packages()}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return Finding(
            "packages", "bad", f"missing: {', '.join(missing)}", f"Install them: pip install {' '.join(missing)}"
        )
    return Finding("packages", "ok", ", ".join(f"{name} {version}" for name, version in versions.items()))


def required_packages() -> tuple[str, ...]:
    """Return the names of the packages that Portevoix needs; none where it runs without having been installed."""
    try:
        lines = metadata.requires("portevoix") or []
    except metadata.PackageNotFoundError:
        return ()
    needed = [line for line in lines if "extra ==" not in line]
    return tuple(sorted(line.split(";")[0].rstrip(" 0123456789.=<>~!,*()") for line in needed))


def examine_engines() -> Finding:
    """Look at the engines that installed packages bring."""
    from portevoix.registry import survey

    found = survey()
    refused = [f"{one.name}: {one.why}" for one in found.refused]
    if not found.engines:
        return Finding("engines", "bad", "; ".join(refused) or "none is installed", "Install Portevoix: make setup")
    names = ", ".join(found.engines)
    if refused:
        return Finding(
            "engines", "warn", f"{names}; left out: {'; '.join(refused)}", "Repair or remove what was left out."
        )
    return Finding("engines", "ok", names)


def examine_processor(files: Path = Path("/")) -> Finding:
    """Look at the cores: those there are, those we may use, and a container's limit; `files` is the file system."""
    cores = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    limit = cpu_limit(files)
    fact = f"{cores} cores, {allowed} of them allowed" + (f", limited to {limit:g} of a core's time" if limit else "")
    if limit is not None and limit < 1:
        return Finding("processor", "warn", fact, "Give the container at least one core.")
    return Finding("processor", "ok", fact)


def cpu_limit(files: Path = Path("/")) -> float | None:
    """Return a container's limit in cores, from control groups of version 2 or 1; None where there is none."""
    group = files / "sys/fs/cgroup"
    numbers = _numbers(group / "cpu.max") or [
        *_numbers(group / "cpu/cpu.cfs_quota_us"),
        *_numbers(group / "cpu/cpu.cfs_period_us"),
    ]
    is_limited = len(numbers) == len(("quota", "period")) and min(numbers) > 0
    return numbers[0] / numbers[1] if is_limited else None


def examine_memory(files: Path = Path("/")) -> Finding:
    """Look at the memory that is free; `files` is the file system."""
    try:
        lines = (files / "proc/meminfo").read_text().splitlines()
        kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        available = kilobytes["MemAvailable"] * 1024
    except (OSError, ValueError, KeyError, IndexError):
        return Finding("memory", "ok", "not known on this system")
    fact = f"{_size(available)} free of {_size(kilobytes['MemTotal'] * 1024)}"
    if available < LITTLE_MEMORY_BYTES:
        return Finding("memory", "warn", fact, "A Piper voice takes about 300 MB: stop other programs.")
    return Finding("memory", "ok", fact)


def examine_graphics() -> Finding:
    """Look at what onnxruntime can compute with."""
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    fact = f"onnxruntime {onnxruntime.__version__} with {', '.join(providers)}"
    has_card = Path("/dev/nvidia0").exists() or Path("/dev/nvidiactl").exists()
    if has_card and "CUDA" not in providers:
        return Finding(
            "GPU", "warn", f"{fact}; there is an NVIDIA GPU that it cannot use", "pip install onnxruntime-gpu"
        )
    return Finding("GPU", "ok", fact if has_card else f"{fact}; no GPU, voices run on the processor")


def examine_sound() -> Finding:
    """Look for something to play with."""
    from portevoix.sound import Machine

    way = Machine().way()
    if way:
        return Finding("sound", "ok", f"plays through {way}")
    return Finding("sound", "warn", "nothing to play with: speech is written to files",
                   "Attach a sound device, and install pulseaudio-utils or alsa-utils.")  # fmt: skip


def examine_disk(loaded: Loaded) -> list[Finding]:
    """Look at the folders that are written to, and the room there is."""
    settings = loaded.settings
    folders = {"data folder": settings.data_folder, "cache folder": settings.cache_folder}
    return [_examine_folder(topic, folder) for topic, folder in folders.items()]


def examine_voices(loaded: Loaded) -> Finding:
    """Look for Piper voices in the configured folders."""
    from portevoix.models.piper_voices import VoiceShelf

    folders = loaded.settings.voice_folders
    files = VoiceShelf(folders).files()
    broken = [f"{file.name}: {file.error}" for file in files if file.error]
    sound = [file.name for file in files if not file.error]
    if broken:
        return Finding("voices", "warn", "; ".join(broken), "Fetch them again, or remove them.")
    if not sound:
        return Finding("voices", "warn", f"no Piper voice in {', '.join(map(str, folders))}: the system's voice speaks",
                       "Run `portevoix models get NAME`, or put NAME.onnx and NAME.onnx.json there.")  # fmt: skip
    return Finding("voices", "ok", ", ".join(sound))


def examine_rooms(loaded: Loaded) -> list[Finding]:
    """Look at the environments of heavy engines."""
    from portevoix.rooms.environments import EnvironmentShelf
    from portevoix.rooms.recipe import load_recipes

    notes = EnvironmentShelf(loaded.settings.rooms_folder).installed()
    recipes = load_recipes()
    if not notes:
        names = " or ".join(recipes)
        return [Finding("environments", "ok", f"none for heavy engines; `portevoix engines install` makes {names}")]
    return [_examine_room(note, recipes.get(note.name)) for note in notes]


def _examine_room(note: Note, recipe: Recipe | None) -> Finding:
    torch = f", torch {note.packages['torch']} for {note.device}" if "torch" in note.packages else ""
    fact = f"{note.name}, Python {note.python}{torch}, {_size(note.size_bytes)}"
    is_current = recipe is not None and recipe.fingerprint == note.fingerprint
    has_card = Path("/dev/nvidiactl").exists()
    if not is_current:
        return Finding("environments", "warn", f"{fact}; made by another version of Portevoix",
                       f"Renew it: portevoix engines install {note.name}")  # fmt: skip
    if has_card and note.device == "cpu":
        return Finding("environments", "warn", f"{fact}; there is an NVIDIA GPU that it cannot use",
                       f"portevoix engines remove {note.name}, then install it again.")  # fmt: skip
    return Finding("environments", "ok", fact)


def examine_configuration(loaded: Loaded) -> Finding:
    """Look at the configuration."""
    place = str(loaded.path) if loaded.path else "no file, defaults and environment"
    if loaded.errors:
        return Finding("configuration", "bad", f"{place}: {loaded.errors[0]}", "Run `portevoix config check`.")
    if loaded.problems:
        return Finding("configuration", "warn", f"{place}: {loaded.problems[0]}", "Run `portevoix config check`.")
    return Finding("configuration", "ok", place)


def examine_network(environ: Mapping[str, str] = os.environ, find_route: Callable[[], bool] | None = None) -> Finding:
    """Look for a way to the outside, without sending anything."""
    names = [name for name in environ if name.upper() in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") and environ[name]]
    if names:
        return Finding("network", "ok", f"through a proxy: {', '.join(sorted(names))}")
    if (find_route or has_route)():
        return Finding("network", "ok", "there is a way to the outside")
    return Finding("network", "ok", "none: what is on this machine is enough to speak")


def has_route() -> bool:
    """Tell whether the system knows a way to addresses outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(OUTSIDE)
        except OSError:
            return False
    return True


def _examine_folder(topic: str, folder: Path) -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(
            topic, "bad", f"{folder} cannot be written", f"Make {existing} writable, or configure another folder."
        )
    free = shutil.disk_usage(existing).free
    fact = f"{folder}, {_size(free)} free"
    if free < NO_DISK_BYTES:
        return Finding(topic, "bad", fact, "Make room on this disk.")
    return Finding(topic, "warn" if free < LITTLE_DISK_BYTES else "ok", fact)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(path: Path) -> list[float]:
    try:
        return [float(word) for word in path.read_text().replace("max", "-1").split()]
    except (OSError, ValueError):
        return []


def _size(count_bytes: float) -> str:
    return f"{count_bytes / 1e9:.1f} GB" if count_bytes >= 1e9 else f"{count_bytes / MEGABYTE:.0f} MB"  # noqa: PLR2004
