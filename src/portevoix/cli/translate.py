"""`translate`: a text in one language in, the text, and its speech where it is asked for, in another out."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from portevoix.cli.invocation import STANDARD, Invocation, shared_options
from portevoix.errors import PortevoixError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from portevoix.app import App
    from portevoix.cli.recital import Recital, Recited
    from portevoix.translate.request import Translation, TranslationRequest
    from portevoix.translate.translator import Rendering


@click.command()
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@click.option("--to", "target", metavar="TAG", help="Language it is wanted in, as fr or en.")
@click.option("--from", "source", metavar="TAG", default="auto", show_default=True, help="Language it is in.")
@click.option("--engine", metavar="NAME", help="Translate with this engine alone: ctranslate2, apertium.")
@click.option("--model", metavar="NAME", help="Translate with this model alone; needed for those with restrictions.")
@click.option("--say", "says", is_flag=True, help="Speak the translation as well.")
@click.option("-o", "--output", metavar="FILE", help="Write its speech to FILE; - writes it to standard output.")
@click.option("--voice", metavar="NAME", help="Speak with this voice.")
@click.option("--voice-of", metavar="FILE", help="Speak as the person in this recording, where an engine can.")
@click.option("--list", "lists", is_flag=True, help="List what can be translated now, and by whom.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known of the translation as JSON.")
@shared_options(is_hidden=True)
@click.pass_obj
def translate(
    invocation: Invocation, /, text: tuple[str, ...], *, target: str | None, lists: bool, as_json: bool, **wishes: Any
) -> None:
    """Translate TEXT, or standard input, into another language."""
    from portevoix.cli.session import run

    if lists:
        run(_list(invocation, as_json=as_json))
        return
    if target is None:
        raise click.UsageError("Missing option '--to': the language that the text is wanted in")
    run(_translate(invocation, _source(text), target, as_json=as_json, **wishes))


async def _translate(
    invocation: Invocation, text: str, target: str, *, source: str, engine: str | None, model: str | None, says: bool,
    output: str | None, voice: str | None, voice_of: str | None, as_json: bool,
) -> None:  # fmt: skip
    from portevoix.cli.session import opened
    from portevoix.translate.request import TranslationRequest

    if output == STANDARD and as_json:
        raise click.UsageError("-o - and --json both want standard output")
    request = TranslationRequest(text, target, source, engine, model)
    async with opened(invocation) as app:
        rendering = await app.translator.open(request)
        telling = _Telling(rendering, is_shown=not as_json, is_stdout_free=output != STANDARD)
        recited, trouble = None, None
        if says or output or voice or voice_of:
            try:
                recited = await _recital(request, telling, output, voice, voice_of).give_in(app)
            except PortevoixError as error:
                trouble = error
                telling.begin_again(await app.translator.open(request))
        async for _ in telling.pieces():
            pass
    _report(telling.rendering.report, recited, as_json=as_json)
    if trouble is not None:
        raise trouble


def _recital(
    request: TranslationRequest, telling: _Telling, output: str | None, voice: str | None, voice_of: str | None
) -> Recital:
    from portevoix.cli.destination import choose
    from portevoix.cli.recital import Recital
    from portevoix.sound import has_sound
    from portevoix.speech import SpeechRequest

    destination = choose(output, None, plays=None, has_sound=has_sound())
    return Recital(SpeechRequest("", voice, request.target), telling, destination, 0.0, voice_of)


class _Telling:
    """Print a translation as it comes, and hand it to whoever speaks it; what nobody spoke is printed all the same.

    Attributes:
        beginning: the first words of the translation.
        rendering: the translation.
    """

    BEGINNING_CHARACTERS = 200

    def __init__(self, rendering: Rendering, *, is_shown: bool, is_stdout_free: bool) -> None:
        from portevoix.translate.script import script

        self.beginning = ""
        self.rendering = rendering
        self._is_shown = is_shown
        self._to_stderr = not is_stdout_free
        self._words = script(rendering)
        self._given, self._skipped = 0, 0

    def begin_again(self, rendering: Rendering) -> None:
        """Go on with the same translation made anew, behind what was printed already."""
        from portevoix.translate.script import script

        self.rendering, self._words = rendering, script(rendering)
        self._given, self._skipped = 0, self._given

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the words; a second reader goes on where the first has stopped."""
        async for words in self._words:
            self._show(words)
            yield words

    def _show(self, words: str) -> None:
        from portevoix.translate.script import SENTENCE_END

        self._given += 1
        plain = words.removesuffix(SENTENCE_END)
        self.beginning = (self.beginning + plain)[: self.BEGINNING_CHARACTERS]
        if self._is_shown and self._given > self._skipped:
            is_last = self._given > len(self.rendering.plan.tasks)
            click.echo(plain, nl=is_last, err=self._to_stderr)


def _source(text: tuple[str, ...]) -> str:
    """Return the text that was given, or all of standard input."""
    if text and text != (STANDARD,):
        return " ".join(text)
    if sys.stdin is None or (not text and sys.stdin.isatty()):
        raise click.UsageError("There is no text. Give some, or send it to standard input")
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace").rstrip("\n")


def _report(translation: Translation, recited: Recited | None, *, as_json: bool) -> None:
    if as_json:
        from portevoix.cli.tables import print_json

        speech = None if recited is None else {**asdict(recited.report), "path": recited.path and str(recited.path)}
        print_json({**asdict(translation), "speech": speech})
        return
    click.echo(_who_translated(translation), err=True)
    for warning in translation.warnings:
        click.echo(f"Note: {warning}", err=True)
    if recited is not None and recited.path is not None:
        click.echo(f"Wrote {recited.path}", err=True)


def _who_translated(translation: Translation) -> str:
    if not translation.chain:
        return "Nothing was translated"
    remarks = [
        "by way of another language" if translation.is_pivoted else "",
        "by rules: expect the gist" if translation.is_rule_based else "",
        f"not the first choice: {translation.why_degraded}" if translation.is_degraded else "",
    ]
    who = f"{translation.engine} ({translation.model}): {' > '.join(translation.chain)}"
    return "; ".join([who, *(remark for remark in remarks if remark)])


async def _list(invocation: Invocation, *, as_json: bool) -> None:
    from portevoix.cli.session import opened

    async with opened(invocation) as app:
        await app.translator.load()
        await app.translator.survey()
        _print_languages(app, as_json=as_json)


def _print_languages(app: App, *, as_json: bool) -> None:
    from portevoix.cli.tables import print_json, print_table
    from portevoix.server.translation.languages import describe_languages

    found = describe_languages(app.translator)
    if as_json:
        print_json(found)
        return
    names = ("source_lang", "target_lang", "engine", "model", "licence")
    rows = [[pair[name] for name in names] for pair in found["pairs"]]
    print_table(("FROM", "TO", "ENGINE", "MODEL", "LICENCE"), rows)
    for engine in found["engines"]:
        if engine["state"] != "ready":
            click.echo(f"{engine['name']}: {engine['why']}\n  {engine['hint']}", err=True)
