"""Recordings that a voice is borrowed from: checked once, kept as WAV, found again by their content."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import tempfile
import time
import wave
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from portevoix.children import end_child
from portevoix.errors import AudioNotReadable, NotAllowed, NotWritable, RequestError
from portevoix.references.faults import KINDS, ReferenceMissing, ReferenceTooLarge
from portevoix.references.judgement import SAMPLE_RATE, Bounds
from portevoix.speech import Reference

COMMAND = (sys.executable, "-m", "portevoix.references.child")
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each thread of a numerical library reserves address space, which the process has little of."""

SAMPLE_BYTES = 2
PRIVATE = 0o700
OLD_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class RecordingLimits:
    """Bound what is read of a recording.

    Attributes:
        bounds: how long it may be.
        file_bytes: largest file.
        memory_bytes: address space of the process that decodes.
        patience_seconds: how long that process may take.
    """

    bounds: Bounds = field(default_factory=Bounds)
    file_bytes: int = 64_000_000
    memory_bytes: int = 2_000_000_000
    patience_seconds: float = 60.0


class Recordings:
    """Check recordings, and keep those that are good; used from one event loop."""

    def __init__(
        self, folder: Path, allowed_folders: Iterable[Path] | None = None, limits: RecordingLimits = RecordingLimits()
    ) -> None:
        """Do no work.

        Args:
            folder: where checked recordings are kept; may be emptied at any time when nobody speaks.
            allowed_folders: where recordings may lie; None for anywhere.
            limits: how much is read.
        """
        self.folder = folder
        self.limits = limits
        self._allowed_folders = None if allowed_folders is None else tuple(allowed_folders)
        self._turn = asyncio.Semaphore(2)

    async def check(self, path: str | os.PathLike[str], transcript: str = "") -> Reference:
        """Return a recording on this machine as a reference; errors as in `check_bytes`.

        Raises:
            NotAllowed: it lies, or a link leads, outside the allowed folders.
            ReferenceMissing: it is not there, or is no file.
        """
        content = await asyncio.to_thread(read_recording, path, self._allowed_folders, self.limits.file_bytes)
        return await self.check_bytes(content, transcript)

    async def check_bytes(self, content: bytes, transcript: str = "") -> Reference:
        """Return a recording as a reference: mono WAV, 16 bit, `SAMPLE_RATE`; one seen before is not decoded again.

        Args:
            content: a file in one of the usual formats.
            transcript: what is said in it, where known.

        Raises:
            ReferenceTooLarge: the file is too large.
            AudioNotReadable: it is no recording, or cannot be decoded with little memory and time.
            ReferenceTooShort: too little is said in it.
            ReferenceTooLong: it is longer than anybody needs.
            ReferenceSilent: nothing is said in it.
            ReferenceClipped: it was recorded too loud.
            NotWritable: it cannot be kept.
        """
        if len(content) > self.limits.file_bytes:
            raise _too_large(self.limits.file_bytes)
        place = self.folder / f"{hashlib.sha256(content).hexdigest()}.wav"
        digest = await asyncio.to_thread(_use, place)
        if not digest:
            async with self._turn:
                samples = await _decode(content, self.limits)
            digest = await asyncio.to_thread(_keep, place, samples)
        return Reference(str(place), digest, transcript)


async def check_reference(
    path: str | os.PathLike[str], *, allowed_folders: Iterable[Path] | None, folder: Path, transcript: str = "",
    limits: RecordingLimits = RecordingLimits(),
) -> Reference:  # fmt: skip
    """Return the recording at `path` as a reference; see `Recordings.check`."""
    return await Recordings(folder, allowed_folders, limits).check(path, transcript)


def read_recording(path: str | os.PathLike[str], allowed_folders: Iterable[Path] | None, most_bytes: int) -> bytes:
    """Return a file's content.

    Args:
        path: the file; links are followed, and have to lead into an allowed folder.
        allowed_folders: where it may lie; None for anywhere.
        most_bytes: its largest size.

    Raises:
        NotAllowed: it lies elsewhere.
        ReferenceMissing: it is not there, or is no file.
        ReferenceTooLarge: it is too large.
    """
    place = _allowed_place(path, allowed_folders)
    try:
        if not place.is_file():
            raise ReferenceMissing("the recording is not there", f"there is no file {place.name!r:.80}",
                                   "Check its path.", param="reference")  # fmt: skip
        with place.open("rb") as file:
            content = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        raise ReferenceMissing("the recording cannot be opened", str(getattr(error, "strerror", error)),
                               "Check its path and its permissions.", param="reference") from error  # fmt: skip
    if len(content) > most_bytes:
        raise _too_large(most_bytes)
    return content


def _allowed_place(path: str | os.PathLike[str], allowed_folders: Iterable[Path] | None) -> Path:
    """Return where a path really leads; nothing is told of what lies outside the allowed folders."""
    refusal = NotAllowed("the recording lies outside the allowed folders",
                         hint="Put it into one of `references.folders`, or send the recording itself.")  # fmt: skip
    try:
        place = Path(path).resolve()
        folders = None if allowed_folders is None else [folder.resolve() for folder in allowed_folders]
    except (OSError, ValueError, RuntimeError) as error:
        raise refusal from error
    if folders is not None and not any(place.is_relative_to(folder) for folder in folders):
        raise refusal
    return place


def _use(place: Path) -> str:
    """Return the SHA-256 of a kept file in hex, and keep it longer; "" where there is none."""
    try:
        os.utime(place)
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return ""


async def _decode(content: bytes, limits: RecordingLimits) -> bytes:
    """Return the samples, decoded in a process of its own that is gone afterwards."""
    order = json.dumps({"bounds": asdict(limits.bounds), "memory_bytes": limits.memory_bytes})
    try:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, order, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True, env=os.environ | THREADS
        )
    except OSError as error:
        raise _unreadable("the process that decodes cannot be started") from error
    try:
        async with asyncio.timeout(limits.patience_seconds):
            answer, _ = await process.communicate(content)
    except TimeoutError:
        raise _unreadable(f"decoding took more than {limits.patience_seconds:g} s") from None
    finally:
        await end_child(process)
    line, _, samples = answer.partition(b"\n")
    if process.returncode or not line:
        raise _unreadable("decoding took too much memory or time")
    if told := json.loads(line):
        raise _told(told)
    return samples


def _told(told: dict[str, str]) -> RequestError:
    kind = KINDS.get(told["code"], AudioNotReadable)
    return kind(told["what"], told["why"], told["hint"], param="reference")  # type: ignore[call-arg, return-value]


def _unreadable(why: str) -> AudioNotReadable:
    return AudioNotReadable("the recording could not be read", why, "Give a short recording in a usual format.",
                            param="reference")  # fmt: skip


def _too_large(most_bytes: int) -> ReferenceTooLarge:
    return ReferenceTooLarge("the recording's file is too large", f"the limit is {most_bytes / 1e6:.0f} MB",
                             "Cut about ten seconds of clear speech out of it.", param="reference")  # fmt: skip


def _keep(place: Path, samples: bytes) -> str:
    """Write a WAV whole or not at all, and return its digest."""
    try:
        place.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        _sweep(place.parent)
        with (
            tempfile.NamedTemporaryFile(dir=place.parent, prefix=".", suffix=".wav", delete=False) as arriving,
            wave.open(arriving, "wb") as file,
        ):
            file.setparams((1, SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(samples)
        Path(arriving.name).replace(place)
    except OSError as error:
        raise NotWritable("the recording cannot be kept", error.strerror or "", f"Correct {place.parent}.") from error
    return _use(place)


def _sweep(folder: Path) -> None:
    """Take away recordings that nobody has used for a while: they are somebody's voice."""
    now = time.time()
    for path in folder.glob("*.wav"):
        with suppress(OSError):
            if now - path.stat().st_mtime > OLD_SECONDS:
                path.unlink()
