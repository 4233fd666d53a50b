from __future__ import annotations

import pytest

from portevoix.text.sentences import LEAST_CAP, MAX_CHARACTERS, SentenceSplitter, split

WHOLE = [
    "Bonjour M. Dupont.",
    "M. et Mme. Martin et le Dr. Roux sont là.",
    "Mr. Smith met Dr. Jones, Prof. Brown and St. Nicholas.",
    "Il y a des pommes, des poires, etc. et des noix.",
    "Prenez un fruit, p. ex. une pomme.",
    "Some fruit, e.g. an apple, i.e. the red one.",
    "J. R. R. Tolkien et J.R.R. Tolkien et C. S. Lewis.",
    "J. A. Smith et I. A. Richards.",
    "Né en 44 av. J.-C. à Rome.",
    "The U.S. Army came at 5 p.m. or so.",
    "Voir art. 12, al. 3, p. 45 et fig. 6.",
    "Selon l'art. L. 121-1 du code.",
    "See No. 5 and no. 6, vol. 2.",
    "Pi vaut 3.14 ou 3,14, et 1.000.000 est grand.",
    "À 10.30 ou 10:30 h.",
    "La version 1.2.3 de fichier.txt sur www.example.com/a.b?c=d!e est là.",
    "C'est env. trois fois.",
    "Il y avait… enfin, presque... rien.",
    "« Bonjour ! » dit-il.",
    '"Hello!" he said.',
    "Il a dit (vraiment ?) et puis rien.",
    "1. Un point",
    "12. Douze",
    "- 3. Trois",
    "Un vers\nqui continue",
    "Yahoo!, c'est fini",
    "« Oui ! », dit-il.",
    "Le 14 juil. 1789.",
    "Inc. was a word.",
    "a.b.c.d",
    "Wait . . . what",
]

PIECES = [
    ["Bonjour. ", "Ça va ? ", "Oui ! ", "Bien"],
    ["Hello there. ", "How are you? ", "Fine! ", "OK."],
    ["bonjour. ", "ça va ? ", "oui"],
    ["Des noix, etc. ", "Puis rien."],
    ["In the U.S. ", "They won."],
    ["At 5 p.m. ", "We left."],
    ["Plan B. ", "Then we go."],
    ["I love art. ", "It is fun."],
    ["No. ", "I will not."],
    ["C'était en 1999. ", "Il pleuvait."],
    ["Attends… ", "Quoi ?! ", "Non... ", "Si."],
    ["« Bonjour. ", "Ça va ? » ", "Oui."],
    ["« Non. » ", "Puis oui."],
    ['"Hi." ', "Then he left."],
    ["**Gras.** ", "Suite."],
    ["(Fini.) ", "Suite."],
    ["Fin.”\n", "Suite"],
    ["Voir example.com. ", "Merci."],
    ["Titre sans point\n\n", "Texte"],
    ["Titre\r\n\r\n", "Texte"],
    ["Titre\n" + " " * 20 + "\n", "Texte"],
    ["M.\n\n", "Dupont"],
    ["Fin.\r\n", "Suite"],
    ["Liste :\n", "- un\n", "- deux\n", "1. trois"],
    ["Oui\n", "— Non\n", "— Si"],
    ["Un\n", "> cité\n", "~~~\n", "x"],
    ["# Titre\n", "Texte"],
    ["| a |\n", "| b |\n", "x"],
    ["Code\n", "```python\n", "x = 1\n", "```\n", "fin"],
    ["一。", "二！？", "「三。」", "四"],
    ["ما اسمك؟ ", "أنا"],
    ["यह है। ", "वह है।"],
    ["page\f", "suite"],
    ["Un. ", "  Deux. ", " "],
    ["Louis XIV. ", "Il régna."],
]


@pytest.mark.parametrize("text", WHOLE)
def test_a_period_inside_a_sentence_does_not_end_it(text: str) -> None:
    assert split(text) == [text]
    assert split(f"{text}\n\nSuite")[-1].strip() == "Suite"


@pytest.mark.parametrize("pieces", PIECES, ids="".join)
def test_sentences_are_told_apart(pieces: list[str]) -> None:
    assert split("".join(pieces)) == pieces


@pytest.mark.parametrize(
    "text", ["Bonjour tout le monde. ", "Vraiment ? ", "Oh ! ", "二。四", "Titre\n\n", "# Titre\n"]
)
def test_a_sentence_comes_out_with_the_one_character_that_decides(text: str) -> None:
    splitter = SentenceSplitter()
    assert splitter.feed(text[:-1]) == []
    assert "".join(splitter.feed(text[-1])) in {text, text[:-1]}


@pytest.mark.parametrize(
    "text", ["Bonjour", "Bonjour.", "M. ", "U.S. ", "U.S. T", "« Oui. ", "etc. ", "Fin.\r", "Liste\n-"]
)
def test_a_sentence_waits_while_it_may_go_on(text: str) -> None:
    splitter = SentenceSplitter()
    assert splitter.feed(text) == []
    assert "".join(splitter.finish()) == text


def test_after_the_end_another_text_starts_afresh() -> None:
    splitter = SentenceSplitter()
    assert [*splitter.feed("« Un"), *splitter.finish()] == ["« Un"]
    assert splitter.finish() == []
    assert splitter.feed("Deux. ») ") == ["Deux. "]


@pytest.mark.parametrize(
    ("text", "cap", "first"),
    [
        ("aaaa bb, cccc; dd eeee ffff", 20, "aaaa bb, cccc; "),
        ("aaaa bbbbbb, ccc dd eeee ffff", 20, "aaaa bbbbbb, "),
        ("aaaa bbbb cccc 3,14 ffff", 20, "aaaa bbbb cccc 3,14 "),
        ("a bbbbbbbbbbbbbbbbbbbbbbbbbbb", 20, "a "),
        ("aaaaaaaaaaaa-bbbbbbbbbbbb", 20, "aaaaaaaaaaaa-"),
        ("aaaa bbb 10\u00a0000\u00a0000 cc", 17, "aaaa bbb "),
        ("字" * 12 + "，" + "字" * 12, 20, "字" * 12 + "，"),
        ("a" * 50, 20, "a" * 20),
        ("a" * 19 + "e\u0301" * 9, 20, "a" * 19),
        ("a" * 19 + "\ud83d\ude00" * 9, 20, "a" * 19),
        ("a" * 19 + "\U0001f44d\U0001f3fd" * 9, 20, "a" * 19),
        ("a" * 19 + "\U0001f468\u200d\U0001f469" * 9, 20, "a" * 19),
        ("\U0001f1eb\U0001f1f7" * 20, 21, "\U0001f1eb\U0001f1f7" * 10),
        ("a" * 19 + "क्ष" * 9, 20, "a" * 19),
        ("a" * 19 + "\u1112\u1161" * 9, 20, "a" * 19),
        ("a" + "\u0301" * 50, 20, "a" + "\u0301" * 19),
    ],
)
def test_a_long_sentence_is_cut_at_the_softest_place(text: str, cap: int, first: str) -> None:
    pieces = split(text, cap)
    assert pieces[0] == first
    assert "".join(pieces) == text


def test_a_cap_without_room_for_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match=str(LEAST_CAP)):
        SentenceSplitter(LEAST_CAP - 1)


FLOOD_CHARACTERS = 200_000
FLOODS = [
    *".!?…。\n\r\t \0«»a1-,;:*#|`\ud83d\u0301\u094d\u200d\U0001f1eb\U0001f600",
    *("M. ", "A. ", "U.S. ", "etc. ", "1. ", "« ", ". »", "\r\n", "\n\n", "\n- ", "\n1", "a.", "(a", ". ", "mot "),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", FLOODS)
def test_a_flood_of_one_sign_ends_soon_and_loses_nothing(unit: str) -> None:
    """Quadratic time would take minutes here; the time limit of the test is the bar."""
    flood = unit * (FLOOD_CHARACTERS // len(unit))
    pieces = split(flood)
    assert "".join(pieces) == flood
    assert max(map(len, pieces)) <= MAX_CHARACTERS


@pytest.mark.timeout(60)
def test_ten_megabytes_are_split_and_none_is_lost() -> None:
    text = "Bonjour M. Dupont, comment allez-vous ? Il fait 3.14 degrés; « oui ». " * 140_000
    assert "".join(split(text)) == text
