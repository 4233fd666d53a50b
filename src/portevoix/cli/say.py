"""`say` and `speak`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from portevoix.cli.invocation import STANDARD, Finite, Invocation, shared_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from portevoix.cli.incoming import IncomingText
    from portevoix.cli.recital import Recited

F = TypeVar("F", bound="Callable[..., Any]")
SPEAKER_DIGITS = 18


def _speech_options(function: F) -> F:
    options = [
        click.argument("text", nargs=-1, metavar="[TEXT]..."),
        click.option("-o", "--output", metavar="FILE", help="Write to FILE; - writes the audio to standard output."),
        click.option("--voice", metavar="NAME", help="Speak with this voice: NAME or ENGINE:NAME."),
        click.option("--voice-of", metavar="FILE", help="Speak as the person in this recording, where an engine can."),
        click.option("--lang", metavar="TAG", help="Language of the text, as fr or en-GB; found out when not given."),
        click.option("--engine", metavar="NAME", help="Speak with this engine alone, or several in order: a,b."),
        click.option("--speed", type=float, default=1.0, metavar="FACTOR",
                     help="Pace as a factor of the voice's own, 0.25 to 4."),
        click.option("--speaker", metavar="NAME", help="Speaker inside a voice that has several: name or number."),
        click.option("--seed", type=int, default=0, metavar="NUMBER", help="The same number gives the same audio."),
        click.option("--format", "format_name", metavar="NAME",
                     help="wav, mp3, opus, aac, flac or pcm; found from the file's name when not given."),
        click.option("--play/--no-play", default=None, help="Play it, or do not, whatever else is done with it."),
        click.option("--lead-in", type=Finite(0, 10), default=0.0, metavar="SECONDS",
                     help="Silence before playing, for devices that swallow the first word."),
        click.option("--no-cache", is_flag=True, help="Speak anew what was spoken before."),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        shared_options(is_hidden=True),
        click.pass_obj,
    ]  # fmt: skip
    for option in reversed(options):
        function = cast("Callable[[F], F]", option)(function)
    return function


@click.command()
@_speech_options
def say(invocation: Invocation, text: tuple[str, ...], *, as_json: bool, **wishes: Any) -> None:
    """Speak TEXT: play it, or write it to a file where there is no sound device.

    Without TEXT, or with -, reads standard input and begins to speak before it ends.
    """
    recited = _recite(invocation, text, as_json=as_json, **wishes)
    if as_json:
        _print_report(recited)
        return
    click.echo(_who_spoke(recited), err=True)
    if recited.path is not None:
        click.echo(f"Wrote {recited.path}", err=True)


@click.command()
@_speech_options
def speak(invocation: Invocation, text: tuple[str, ...], *, as_json: bool, **wishes: Any) -> None:
    """Speak TEXT like an assistant: play it, and print who spoke and how fast.

    Takes what `say` takes.
    """
    recited = _recite(invocation, text, as_json=as_json, **wishes)
    if as_json:
        _print_report(recited)
        return
    is_stdout_free = wishes["output"] != STANDARD
    click.echo(_who_spoke(recited, f", all after {recited.seconds * 1000:.0f} ms"), err=not is_stdout_free)
    if recited.path is not None:
        click.echo(f"Wrote {recited.path}", err=True)


def _recite(
    invocation: Invocation, text: tuple[str, ...], *, output: str | None, format_name: str | None, play: bool | None,
    lead_in: float, as_json: bool, voice_of: str | None = None, **wishes: Any,
) -> Recited:  # fmt: skip
    _refuse_contradictions(output, as_json=as_json)
    from portevoix.cli.destination import choose
    from portevoix.cli.recital import Recital
    from portevoix.cli.session import run
    from portevoix.sound import has_sound

    destination = choose(output, format_name, plays=play, has_sound=has_sound())
    words, incoming = _source(text)
    recited = run(Recital(_request(words, **wishes), incoming, destination, lead_in, voice_of).give(invocation))
    if incoming is not None and incoming.has_broken_bytes:
        click.echo("Warning: the text was not UTF-8 in places, which were not spoken", err=True)
    return recited


def _refuse_contradictions(output: str | None, *, as_json: bool) -> None:
    if output == "":
        raise click.UsageError("-o needs the name of a file")
    if output == STANDARD and as_json:
        raise click.UsageError("-o - and --json both want standard output")
    if output == STANDARD and sys.stdout.isatty():
        raise click.UsageError("-o - would write audio to the terminal; send it to a program or a file")


def _source(text: tuple[str, ...]) -> tuple[str, IncomingText | None]:
    """Return the text that was given, and the one that is still to come."""
    from portevoix.cli.incoming import IncomingText

    if text and text != (STANDARD,):
        return " ".join(text), None
    is_readable = sys.stdin is not None and (bool(text) or not sys.stdin.isatty())
    if not is_readable:
        raise click.UsageError("There is no text. Give some, or send it to standard input")
    return "", IncomingText(sys.stdin.fileno())


def _request(
    words: str, *, voice: str | None, lang: str | None, engine: str | None, speed: float, speaker: str | None,
    seed: int, no_cache: bool,
) -> Any:  # fmt: skip
    from portevoix.speech import SpeechRequest

    is_number = speaker is not None and speaker.isdecimal() and len(speaker) <= SPEAKER_DIGITS
    number = int(speaker) if speaker is not None and is_number else speaker
    return SpeechRequest(words, voice, lang, engine, speed, number, seed, reads_cache=not no_cache)


def _who_spoke(recited: Recited, more: str = "") -> str:
    report = recited.report
    who = f"{report.engine} ({report.voice})" if report.voice else report.engine
    first = (
        f", first after {report.first_audio_seconds * 1000:.0f} ms" if report.first_audio_seconds is not None else ""
    )
    told = f"{who}{' from the cache' if report.is_cached else ''}: {report.audio_seconds:.1f} s of speech{first}{more}"
    return f"{told}\n  not the first choice: {report.why_degraded}" if report.is_degraded else told


def _print_report(recited: Recited) -> None:
    from portevoix.cli.tables import print_json

    path = None if recited.path is None else str(recited.path)
    print_json({**asdict(recited.report), "path": path, "total_seconds": recited.seconds})
