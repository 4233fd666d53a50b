"""Speaking one text from the command line: from the words to the file or the loudspeaker."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Protocol

import click

from portevoix.cli import blocking
from portevoix.cli.destination import Destination, free_name, is_special
from portevoix.cli.draft import Draft, refused
from portevoix.cli.outlets import FileOutlet, Outlet, StreamOutlet
from portevoix.cli.progress import Progress
from portevoix.cli.session import opened
from portevoix.references.recordings import Recordings
from portevoix.sound import open_player

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from portevoix.app import App
    from portevoix.audio import AudioChunk
    from portevoix.cli.invocation import Invocation
    from portevoix.speaker import Speech
    from portevoix.speech import SpeechReport, SpeechRequest


class Incoming(Protocol):
    """Give a text that arrives while it is spoken.

    Attributes:
        beginning: its first characters, as far as they have arrived.
    """

    beginning: str

    def pieces(self) -> AsyncIterator[str]:
        """Yield the text until its end."""


@dataclass(frozen=True, slots=True)
class Recited:
    """Tell what became of a recital.

    Attributes:
        report: who spoke.
        path: the file that was written, or None.
        seconds: from the request to the last sample made or played.
    """

    report: SpeechReport
    path: Path | None
    seconds: float


class Recital:
    """Speak one text to where it was asked for; used once."""

    def __init__(
        self, request: SpeechRequest, incoming: Incoming | None, destination: Destination, lead_in_seconds: float,
        voice_of: str | None = None,
    ) -> None:  # fmt: skip
        """Speak `request`, followed by what is `incoming`; a player begins with `lead_in_seconds` of silence.

        `voice_of` is the path of a recording of the person to speak as.
        """
        self._request = request
        self._voice_of = voice_of
        self._incoming = incoming
        self._destination = destination
        self._lead_in_seconds = lead_in_seconds
        self._file: FileOutlet | None = None
        self._ends = ExitStack()

    async def give(self, invocation: Invocation) -> Recited:
        """Speak to the end.

        When it is cancelled or fails, a file keeps what was spoken, and stderr says where it is.

        Raises:
            PortevoixError: it could not be spoken, written or played.
            BrokenPipeError: nobody reads standard output any more.
        """
        with self._ends:
            draft = self._draft()
            async with opened(invocation) as app:
                return await self._recite(app, draft)

    async def give_in(self, app: App) -> Recited:
        """Speak to the end with `app`, which stays open; otherwise as `give`."""
        with self._ends:
            return await self._recite(app, self._draft())

    async def _recite(self, app: App, draft: Draft | None) -> Recited:
        began = time.monotonic()
        pieces = self._incoming.pieces() if self._incoming else None
        speech = await app.speaker.open(await self._borrowed(app), pieces)
        await self._pour(speech, draft)
        return Recited(speech.report, self._file.path if self._file else None, time.monotonic() - began)

    async def _borrowed(self, app: App) -> SpeechRequest:
        """Return the request with the recording whose voice it borrows; whoever types a path may read there."""
        if self._voice_of is None:
            return self._request
        recordings = Recordings(app.recordings.folder, None, app.recordings.limits)
        return replace(self._request, reference=await recordings.check(self._voice_of))

    def _draft(self) -> Draft | None:
        """Return the file to write, so that it is known before the first word whether there can be one."""
        target = self._destination.output
        if not self._destination.writes_file or (target and is_special(target)):
            return None
        if target:
            _refuse_folder(target)
        draft = Draft(self._destination.folder)
        self._ends.callback(draft.discard)
        return draft

    def _outlets(self, sample_rate: int, draft: Draft | None) -> list[Outlet]:
        wanted, outlets = self._destination, list[Outlet]()
        if draft is not None:
            self._file = FileOutlet(draft, self._place, wanted.format.name, sample_rate)
            outlets.append(self._file)
        elif wanted.output is not None:
            outlets.append(StreamOutlet(self._opened(wanted.output), wanted.format.name, sample_rate))
        if wanted.is_stdout:
            outlets.append(StreamOutlet(sys.stdout.buffer, wanted.format.name, sample_rate))
        if wanted.plays:
            outlets.append(open_player(sample_rate, lead_in_seconds=self._lead_in_seconds))
        return outlets

    def _opened(self, path: Path) -> BinaryIO:
        try:
            file = path.open("wb")
        except OSError as error:
            raise refused(path, error) from error
        self._ends.callback(_close, file)
        return file

    async def _pour(self, speech: Speech, draft: Draft | None) -> None:
        async with aclosing(speech.__aiter__()) as chunks:
            outlets = self._outlets(speech.sample_rate, draft)
            try:
                await self._fill(outlets, chunks)
                for outlet in outlets:
                    await _on_its_thread(outlet, outlet.close)
            except BaseException:
                self._stop(outlets)
                raise

    async def _fill(self, outlets: list[Outlet], chunks: AsyncIterator[AudioChunk]) -> None:
        is_heard = self._destination.plays
        characters = None if self._incoming else len(self._request.text)
        progress = Progress(characters, self._request.speed, is_seen=False if is_heard else None)
        spoken_seconds = 0.0
        try:
            async for chunk in chunks:
                for outlet in outlets:
                    await _on_its_thread(outlet, outlet.write, chunk.samples)
                spoken_seconds += chunk.seconds
                progress.show(spoken_seconds)
        finally:
            progress.clear()

    def _stop(self, outlets: list[Outlet]) -> None:
        for outlet in outlets:
            outlet.abort()
        if self._file and self._file.is_partial:
            click.echo(f"Stopped: what was spoken so far is in {self._file.path}", err=True)

    def _place(self) -> tuple[Path, bool]:
        """Return where the file goes, and whether it may replace another: one that was named may."""
        wanted = self._destination
        if wanted.output is not None:
            return wanted.output, True
        text = self._request.text or (self._incoming.beginning if self._incoming else "")
        return free_name(text, wanted.format.extension), False


def _refuse_folder(path: Path) -> None:
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise refused(path, error) from error
    if is_folder:
        raise refused(path, IsADirectoryError(None, "it is a folder"))


def _close(file: BinaryIO) -> None:
    """Close a file whose every write was flushed, and complained about where it failed."""
    with suppress(OSError):
        file.close()


async def _on_its_thread(outlet: Outlet, function: object, *arguments: object) -> None:
    """Call where it may block: files are quick, pipes and devices wait for their readers."""
    if isinstance(outlet, FileOutlet):
        function(*arguments)  # type: ignore[operator]
    else:
        await blocking.call(function, *arguments)  # type: ignore[arg-type]
