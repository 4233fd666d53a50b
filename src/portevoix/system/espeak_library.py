"""libespeak-ng through ctypes: the few calls that speaking needs.

The library's state is global to its process, and its noise generators cannot be set back: opening a fresh copy for each
utterance (about 1 ms) makes equal requests give equal bytes. One thread at a time may use it.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_short, c_size_t, c_ubyte, c_uint, c_void_p
from dataclasses import dataclass
from pathlib import Path

from portevoix.errors import EngineFailed, EngineUnavailable

SAMPLE_RATE = 22050
BUFFER_MS = 60
"""Audio that the library hands over at a time, in milliseconds."""

CONTINUE, ABORT = 0, 1

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, which runs on the calling thread
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
_UTF8 = 1  # espeakCHARS_UTF8 alone: no markup (0x10) and no phonemes in [[ ]] (0x100) are obeyed
_RATE, _VOLUME, _WORD_GAP = 1, 2, 7
_WORD_EVENT = 1
_PATH_LIMIT_BYTES = 150  # the library keeps the path of its data in 160 bytes


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p), ("languages", c_void_p), ("identifier", c_char_p), ("gender", c_ubyte), ("age", c_ubyte),
        ("variant", c_ubyte), ("xx1", c_ubyte), ("score", c_int), ("spare", c_void_p),
    )  # fmt: skip


class _EventId(ctypes.Union):
    _fields_ = (("number", c_int), ("name", c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", c_int), ("unique_identifier", c_uint), ("text_position", c_int), ("length", c_int),
        ("audio_position", c_int), ("sample", c_int), ("user_data", c_void_p), ("id", _EventId),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """Name a voice as the library lists it.

    Attributes:
        identifier: what it is chosen by, as `roa/fr`.
        languages: code and rank of each language, the main one first; a lower rank suits better.
    """

    identifier: str
    languages: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class WordEvent:
    """Tell that a word begins.

    Attributes:
        start: index of a character in the text.
        length: how many characters the library takes the word to have.
        sample: where its audio begins, from the utterance's first sample.
    """

    start: int
    length: int
    sample: int


@dataclass(frozen=True, slots=True)
class Manner:
    """Say how to speak.

    Attributes:
        words_per_minute: 80 to 450; above it the library shortens its own output.
        word_gap: additional pause between words, in the library's units.
        volume: 0 to 100.
        seed: start of the noise generator.
    """

    words_per_minute: int
    word_gap: int = 0
    volume: int = 100
    seed: int = 0


Listener = Callable[[bytes, tuple[WordEvent, ...]], int]
"""Take 16-bit samples and the words that begin in or after them; return `CONTINUE` or `ABORT`."""


class EspeakLibrary:
    """Hold one open copy of the library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.espeak_ListVoices.restype = POINTER(POINTER(_Voice))
        library.espeak_Info.restype = c_char_p
        library.espeak_ng_SetRandSeed.argtypes = (c_long,)
        library.espeak_Synth.argtypes = (
            c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, POINTER(c_uint), c_void_p,
        )  # fmt: skip

    def version(self) -> str:
        """Return the library's version, as `1.52.0`."""
        return str((self._library.espeak_Info(None) or b"").decode())

    def voices(self) -> tuple[EspeakVoice, ...]:
        """Return every voice that the data holds."""
        listed = self._library.espeak_ListVoices(None)
        found: list[EspeakVoice] = []
        while listed[len(found)]:
            voice = listed[len(found)].contents
            found.append(EspeakVoice(voice.identifier.decode(), tuple(_languages(voice.languages))))
        return tuple(found)

    def speak(self, text: str, identifier: str, manner: Manner, listener: Listener) -> None:
        """Speak `text` to the end, or until `listener` aborts; calls it on this thread.

        Raises:
            EngineFailed: the voice or the text was refused.
        """
        library = self._library
        library.espeak_ng_SetRandSeed(manner.seed & 0x7FFFFFFF)
        if library.espeak_SetVoiceByName(identifier.encode()) != 0:
            raise EngineFailed("espeak-ng failed", f"it has no voice {identifier}")
        library.espeak_SetParameter(_RATE, manner.words_per_minute, 0)
        library.espeak_SetParameter(_VOLUME, manner.volume, 0)
        library.espeak_SetParameter(_WORD_GAP, manner.word_gap, 0)
        callback = _Callback(_relay(listener))
        library.espeak_SetSynthCallback(callback)
        encoded = text.encode("utf-8")
        status = library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, byref(c_uint()), None)
        if status != 0:
            raise EngineFailed("espeak-ng failed", f"it refused the text with status {status}")


@dataclass(frozen=True, slots=True)
class EspeakFiles:
    """Say where the library and the folder with its dictionaries and voices are."""

    library: Path
    data: Path


@contextmanager
def open_library(files: EspeakFiles) -> Iterator[EspeakLibrary]:
    """Open a fresh copy of the library, and close it again.

    Raises:
        EngineUnavailable: the library or its data is missing or cannot be used.
    """
    try:
        library = ctypes.CDLL(str(files.library))
    except OSError as error:
        raise EngineUnavailable("espeak-ng cannot be loaded", str(error), _INSTALL) from error
    with _short_path(files.data) as short, _unloaded(library):
        if library.espeak_Initialize(_SYNCHRONOUS, BUFFER_MS, os.fsencode(short), _DONT_EXIT) != SAMPLE_RATE:
            raise EngineUnavailable("espeak-ng cannot be used", f"its data in {files.data} cannot be read", _INSTALL)
        try:
            yield EspeakLibrary(library)
        finally:
            library.espeak_Terminate()


_INSTALL = "Run `pip install --force-reinstall espeakng-loader`."


def bundled_files() -> EspeakFiles:
    """Return the library and the data that espeakng-loader brings along.

    Raises:
        EngineUnavailable: the package is not installed, or incomplete.
    """
    try:
        import espeakng_loader
    except ImportError as error:
        raise EngineUnavailable("espeak-ng is not installed", str(error), _INSTALL) from error
    try:
        return EspeakFiles(Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path()))
    except RuntimeError as error:
        raise EngineUnavailable("espeak-ng cannot be used", str(error), _INSTALL) from error


@contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """Yield a path of `folder` that the library can hold; a long one is reached through an open descriptor."""
    if len(os.fsencode(folder)) <= _PATH_LIMIT_BYTES or not Path("/proc/self/fd").is_dir():
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextmanager
def _unloaded(library: ctypes.CDLL) -> Iterator[None]:
    """Take the library out of memory at the end, and its state with it."""
    try:
        yield
    finally:
        unload = getattr(_ctypes, "dlclose", None) or getattr(_ctypes, "FreeLibrary")  # noqa: B009 - only on Windows
        unload(library._handle)  # noqa: SLF001 - ctypes has no public way to unload


def _relay(listener: Listener) -> Callable[..., int]:
    def relay(samples: ctypes._Pointer[c_short], count: int, events: ctypes._Pointer[_Event]) -> int:
        pcm = ctypes.string_at(samples, 2 * count) if samples and count > 0 else b""
        return listener(pcm, tuple(_words(events)))

    return relay


def _words(events: ctypes._Pointer[_Event]) -> Iterator[WordEvent]:
    index = 0
    while (event := events[index]).type:
        if event.type == _WORD_EVENT:
            yield WordEvent(event.text_position - 1, event.length, event.sample)
        index += 1


def _languages(address: int) -> Iterator[tuple[str, int]]:
    """Read `<rank byte><code>NUL` until an empty one."""
    while entry := ctypes.string_at(address):
        yield entry[1:].decode(), entry[0]
        address += len(entry) + 1
