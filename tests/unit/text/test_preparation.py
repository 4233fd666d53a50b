from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from portevoix.text.preparation import PORTION_CHARACTERS, Preparation
from portevoix.text.sanitize import sanitize
from portevoix.text.sentences import split
from portevoix.text.speakable import is_speakable


def preparation(**wishes) -> Preparation:
    return Preparation(**{"max_piece_length": 400, "sanitizes_text": True, "respell": str, **wishes})


async def prepared(text: str, more: AsyncIterator[str] | None = None, **wishes) -> list[list[str]]:
    return [known async for known in preparation(**wishes).sentences(text, more)]


@pytest.mark.parametrize("length", [0, 1, PORTION_CHARACTERS - 1, PORTION_CHARACTERS, PORTION_CHARACTERS + 1, 30_000])
async def test_portions_change_nothing(length: int) -> None:
    text = ("Bonjour **M. Dupont**, il fait 3.14 degrés. 😀 Ça va ? " * 600)[:length]
    pieces = [piece.strip() for piece in map(sanitize, split(text)) if is_speakable(piece)]
    assert [piece for known in await prepared(text) for piece in known] == pieces


async def test_a_long_text_comes_in_portions_and_a_usual_one_at_once() -> None:
    assert await prepared("Un. Deux. Trois.") == [["Un.", "Deux.", "Trois."]]
    portions = await prepared("Bonjour. " * 10_000)
    assert max(sum(map(len, known)) for known in portions) <= PORTION_CHARACTERS


async def test_what_arrives_goes_on_where_the_beginning_ends() -> None:
    async def arriving() -> AsyncIterator[str]:
        yield "ux. Tr"
        yield "ois"

    assert [known for known in await prepared("Un. De", arriving()) if known] == [["Un."], ["Deux."], ["Trois"]]


async def test_words_are_respelled_and_signs_stay_where_nothing_is_taken_out() -> None:
    assert await prepared("M*A", respell=lambda text: text.replace("*", " fois ")) == [["M fois A"]]
    assert await prepared("a\0b *c*", sanitizes_text=False) == [["a b *c*"]]
