"""What takes the audio of one speech: a file, a stream of bytes, the sound device."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from portevoix.cli.draft import refused
from portevoix.codecs import encoder, wav_header
from portevoix.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from portevoix.audio import Samples
    from portevoix.cli.draft import Draft

WAV_HEADER_BYTES = 44


class Outlet(Protocol):
    """Take float32 mono samples (n,); players are outlets too."""

    def write(self, samples: Samples) -> None:
        """Take the next samples; may block."""

    def close(self) -> None:
        """End well: everything has been taken."""

    def abort(self) -> None:
        """End early; safe to call after `close`."""


class FileOutlet:
    """Write a file that appears under its name when it is whole.

    Attributes:
        path: where the file is, once it is there.
        is_partial: it holds only what had been spoken when it was ended early.
    """

    def __init__(
        self, draft: Draft, place: Callable[[], tuple[Path, bool]], format_name: str, sample_rate: int
    ) -> None:
        """Write into `draft`.

        Args:
            draft: the file, which stays the caller's to discard.
            place: called in the end; the path, and whether a file that is there may be replaced.
            format_name: key of `codecs.FORMATS`.
            sample_rate: Hz of the samples.
        """
        self.path: Path | None = None
        self.is_partial = False
        self._draft = draft
        self._place = place
        self._encoder = encoder(format_name, sample_rate)
        self._output_rate = sample_rate
        self._is_wav = format_name == "wav"
        self._size_bytes = 0
        self._has_samples = False

    def write(self, samples: Samples) -> None:
        """Encode and write; raises `MachineError` where the disk refuses."""
        self._has_samples = self._has_samples or len(samples) > 0
        self._append(self._encoder.encode(samples))

    def close(self) -> None:
        """Finish the file and move it to its place, or the next free one."""
        self._append(self._encoder.finish())
        self._mend()
        target, may_replace = self._place()
        self.path = self._draft.publish(target) if may_replace else self._draft.publish_new(target)

    def abort(self) -> None:
        """Keep what was spoken as a valid file whose name says that it is not whole: `name.partial.wav`."""
        if self.path is not None or not self._has_samples:
            return
        with suppress(MachineError):
            self._append(self._encoder.finish())
        with suppress(MachineError):
            self._mend()
            target, _ = self._place()
            self.path = self._draft.publish_new(target.with_name(f"{target.stem}.partial{target.suffix}"))
            self.is_partial = True

    def _append(self, content: bytes) -> None:
        self._draft.write(content)
        self._size_bytes += len(content)

    def _mend(self) -> None:
        """Put the length that is now known into a WAVE's header."""
        if self._is_wav:
            self._draft.patch(wav_header(self._output_rate, self._size_bytes - WAV_HEADER_BYTES))


class StreamOutlet:
    """Write bytes as they are made, to a pipe or a device file."""

    def __init__(self, file: BinaryIO, format_name: str, sample_rate: int) -> None:
        """Write to `file`, which stays the caller's; `sample_rate` in Hz."""
        self._file = file
        self._encoder = encoder(format_name, sample_rate)

    def write(self, samples: Samples) -> None:
        """Encode and write; blocks while the reader has enough.

        Raises:
            BrokenPipeError: the reader has gone.
            MachineError: the device or the disk refuses.
        """
        self._pass_on(self._encoder.encode(samples))

    def close(self) -> None:
        """Write what the codec still holds."""
        self._pass_on(self._encoder.finish())

    def abort(self) -> None:
        """Write nothing more: what is cut must not look whole."""

    def _pass_on(self, content: bytes) -> None:
        try:
            self._file.write(content)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise refused(Path(str(self._file.name)), error) from error
