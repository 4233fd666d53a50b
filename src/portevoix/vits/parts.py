"""A voice's parts on disk: found where an earlier load left them, made where they are not.

They lie in a folder of their own beside the voice, or in another folder where that one cannot be written; its name
says which model, which onnxruntime and which form they are of. A folder is filled under another name and then moved
into place, so that what has the right name is whole: a crash leaves only a folder that nobody reads, and of several
processes that split at once one wins and the others throw theirs away.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portevoix.errors import ModelBroken, PortevoixError
from portevoix.vits.cores import usable_cores
from portevoix.vits.network import Facts, SplitNetwork
from portevoix.vits.sessions import CPU, Device, onnxruntime_version, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from portevoix.vits.network import Precision

logger = logging.getLogger(__name__)

FORM = 5
PART_NAMES = ("encoder", "flow", "decoder")
FACTS_FILE = "facts.json"
UNFINISHED = ".unfinished-"
ABANDONED_AFTER_SECONDS = 3600
OUTDATED_AFTER_SECONDS = 24 * 3600
NAMING = re.compile(r"(?P<model>[0-9a-f]{24})-ort(?P<version>[^-]+)-(cpu|cuda)(?P<form>\d+)(-int8)?")

ENCODER_THREADS = 2
"""Nothing else of a sentence is worked on before its encoder is done, so that the next core would be idle meanwhile."""


@dataclass(frozen=True)
class Parts:
    """The parts of a voice, as files or in memory.

    Attributes:
        facts: what one must know to run them.
        models: the encoder, the flow and the decoder, each a file or a serialised model.
    """

    facts: Facts
    models: Mapping[str, Path | bytes]

    def network(self, device: Device = CPU) -> SplitNetwork:
        """Load the parts.

        Raises:
            EngineUnavailable: the device cannot be used.
            ModelBroken: a part is damaged.
        """
        threads = {"encoder": min(usable_cores(), ENCODER_THREADS)}
        encoder, flow, decoder = (
            open_session(name, self.models[name], device=device, threads=threads.get(name, 1)) for name in PART_NAMES
        )
        return SplitNetwork(self.facts, encoder, flow, decoder)


class PartsStore:
    """Find or make the parts of one voice.

    Args:
        folders: where parts may lie, the most wanted first.
        fingerprint: the SHA-256 of the voice's model, in hexadecimal.
        device: what the parts were measured for.
        precision: what the decoder was asked to compute in.
        own: the one of the folders that holds parts of this voice's file alone.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        fingerprint: str,
        device: Device = CPU,
        precision: Precision = "fp32",
        own: Path | None = None,
    ) -> None:
        self._folders = folders
        self._own = own
        suffix = "" if precision == "fp32" else f"-{precision}"
        self._key = f"{fingerprint[:24]}-ort{onnxruntime_version()}-{device.kind}{FORM}{suffix}"

    def find(self) -> Parts | None:
        """Return stored parts, None where there are none."""
        found = (_read(folder / self._key) for folder in self._folders)
        return next((parts for parts in found if parts is not None), None)

    def discard(self) -> None:
        """Remove stored parts that turned out to be damaged."""
        for folder in self._folders:
            shutil.rmtree(folder / self._key, ignore_errors=True)

    def keep(self, parts: Parts) -> Parts:
        """Write parts, optimised, where they can be written, and return them as files; else return them as they are."""
        for folder in self._folders:
            try:
                return self._write(parts, folder)
            except (OSError, PortevoixError, RuntimeError) as error:
                logger.warning("parts.not_stored", extra={"why": type(error).__name__})
        return parts

    def _write(self, parts: Parts, folder: Path) -> Parts:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with _unfinished(folder) as growing:
            for name in PART_NAMES:
                _optimise(name, parts.models[name], growing / f"{name}.onnx")
            _write_facts(parts.facts, growing)
            with contextlib.suppress(OSError):
                growing.rename(folder / self._key)
        stored = _read(folder / self._key)
        if stored is None:
            raise ModelBroken("the parts of a voice were not stored", "what was written cannot be read back")
        _remove_outdated(folder, self._key, is_own=folder == self._own)
        return stored


def find_or_make(store: PartsStore, make: Callable[[], Parts]) -> Parts:
    """Return the stored parts, or make and keep them.

    Raises:
        ModelUnsupported: the voice cannot be split.
    """
    return store.find() or store.keep(make())


def _optimise(name: str, model: Path | bytes, into: Path) -> None:
    """Store a graph as onnxruntime rewrites it for any processor; what it does for this one is left to loading."""
    open_session(name, model, is_optimised_into=into)
    with into.open("rb") as written:
        os.fsync(written.fileno())


def _write_facts(facts: Facts, folder: Path) -> None:
    sizes = {name: (folder / f"{name}.onnx").stat().st_size for name in PART_NAMES}
    with (folder / FACTS_FILE).open("w", encoding="utf-8") as file:
        json.dump({"facts": facts.to_json(), "sizes": sizes}, file)
        file.flush()
        os.fsync(file.fileno())


def _read(folder: Path) -> Parts | None:
    """Return the parts in a folder when they are all there in full size."""
    try:
        stored = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        files = {name: folder / f"{name}.onnx" for name in PART_NAMES}
        if any(file.stat().st_size != stored["sizes"][name] for name, file in files.items()):
            return None
        return Parts(Facts.from_json(stored["facts"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ModelBroken):
        return None


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    growing = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        yield growing
    finally:
        shutil.rmtree(growing, ignore_errors=True)


def _remove_outdated(folder: Path, key: str, *, is_own: bool) -> None:
    """Remove parts that nobody will look for any more, now that there are those called `key`.

    Where all parts are of one file, those of another model are of what the file was before. Those of the same model for
    another onnxruntime, or in another form, may belong to another installation that shares the folder, so they stay
    while they are young.
    """
    current = NAMING.fullmatch(key)
    for entry in folder.iterdir():
        name = NAMING.fullmatch(entry.name)
        if current is None or name is None or entry.is_symlink() or not entry.is_dir():
            continue
        if name["model"] != current["model"]:
            is_outdated = is_own
        else:
            is_outdated = name.group("version", "form") != current.group("version", "form") and _is_old(entry)
        if is_outdated:
            shutil.rmtree(entry, ignore_errors=True)


def _is_old(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime > OUTDATED_AFTER_SECONDS
    return False


def _sweep(folder: Path) -> None:
    """Remove what crashes left long ago; what is young may be another process at work."""
    for abandoned in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - abandoned.stat().st_mtime > ABANDONED_AFTER_SECONDS:
                shutil.rmtree(abandoned, ignore_errors=True)
