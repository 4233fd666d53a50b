from __future__ import annotations

import unicodedata

import pytest

from portevoix.text.sanitize import sanitize

KEPT = [
    "Bonjour, comment allez-vous ?",
    "2 * 3 * 4 = 24",
    "2*3*4",
    "2 *3",
    "4* 5",
    "2 ** 8",
    "un snake_case et un autre_nom",
    "a < b et c > d",
    "x <b et c> y",
    "C# et F#",
    "#1 et #mot",
    "Prix : 3 € — 4 $ (5 %)",
    "« L'été », dit-il.",
    "l’hiver",
    "-5 degrés",
    "1. Un",
    "R&D, AT&T, a && b",
    "jean_dupont@example.com",
    "jean_@example.com",
    "example.com/page",
    "tab[i](x)",
    "[sic] et [1][2]",
    "vrai/faux, et/ou",
    "C:\\Users\\jean",
    "~5 minutes",
    "Attends... quoi ?!",
    "→ puis",
    "© 2024, 20 °C, n° 5",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "한국어, 中文。日本語！",
    "हिन्दी में",
    "x² + ½",
]

CHANGED = [
    # characters
    ("Bon\0jour\x07", "Bonjour"),
    ("\ufeffBon\u200bjour\u2060 \u202aami\u202c", "Bonjour ami"),
    ("exem\u00adple", "exemple"),
    ("a\ud800b \udc00", "ab"),
    ("a\ue000b\ufdd0c", "abc"),
    ("\x1b[1;31mrouge\x1b[0m", "rouge"),
    ("e\u0301te\u0301", "été"),
    ("Oui\u202f! 1\u202f000\u00a0€", "Oui ! 1 000 €"),
    ("a\t\tb\r\nc\u2028d\u2029\u2029\u2029e\x0cf", "a b\nc\nd\n\ne\nf"),
    ("  a  \n  \n\n\n  b  ", "a\n\nb"),
    ("ﬁn \U0001d407\U0001d41e Ｈｉ ⓗ", "fin He Hi h"),
    # emoji
    ("Super \U0001f44d\U0001f3fd !", "Super !"),
    ("Bravo\U0001f389\U0001f389.", "Bravo."),
    ("Marie\U0001f468\u200d\U0001f469\u200d\U0001f467Luc", "Marie Luc"),
    ("\U0001f1eb\U0001f1f7 France", "France"),
    ("\U0001f3f4\U000e0067\U000e0062\U000e007f Angleterre", "Angleterre"),
    ("1\ufe0f\u20e3 Un #\u20e3", "Un"),
    ("J'\u2764\ufe0f toi ☎ ★", "J' toi"),
    ("■ un ▪ deux", "un deux"),
    ("\U0001fae8 neuf", "neuf"),
    # repeated punctuation
    ("Quoi !!!!!!!!", "Quoi !!!"),
    ("Quoi ?!?!?!?!", "Quoi ?!?"),
    ("Chapitre 1 ........ 12", "Chapitre 1 ... 12"),
    # Markdown
    ("# Titre", "Titre"),
    ("## Titre ##\nTexte", "Titre\nTexte"),
    ("Titre\n=====\nTexte", "Titre\n\nTexte"),
    ("**gras**, *italique*, ***les deux*** et __gras__ _ici_", "gras, italique, les deux et gras ici"),
    ("l'**avion** et les **API**s", "l'avion et les APIs"),
    ("**Une phrase.", "Une phrase."),
    ("Une autre** suit.", "Une autre suit."),
    ("mot* et *note", "mot et note"),
    ("~~faux~~ vrai", "faux vrai"),
    ("- un\n* deux\n+ trois\n• quatre", "un\ndeux\ntrois\nquatre"),
    ("- [ ] à faire\n- [x] fait", "à faire\nfait"),
    ("> cité\n> > encore", "cité\nencore"),
    ("avant\n\n---\n\naprès", "avant\n\naprès"),
    ("* * *", ""),
    ("`code` et ``plus``", "code et plus"),
    ("l`avion", "l'avion"),
    ("```python\nprint(1)\n```", "print(1)"),
    ("~~~\nx\n~~~", "x"),
    ('[lien](https://a.example/b_(c) "titre") ici', "lien ici"),
    ("![alt](a.png) et [![logo](l.png)](http://x.example)", "alt et logo"),
    ("[voir][1] et [ici][]", "voir et ici"),
    ("un fait[^1]\n\n[^1]: la note", "un fait\n\nla note"),
    ('[1]: https://example.com "titre"', ""),
    ("suite](https://example.com/a) du lien", "suite du lien"),
    ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a, b\n\n1, 2"),
    ("a | b | c", "a, b, c"),
    (r"\*pas gras\* \# non", "pas gras # non"),
    # HTML
    ("<p>Un <b>mot</b>.</p><br/>Deux", "Un mot.\n\nDeux"),
    ('<a href="x.html">lien</a> <img src="a.png" alt="chat">', "lien chat"),
    ("<IMG SRC='a.png'>x", "x"),
    ("a<!-- caché\n -->b<!-- aussi -->c", "a\nb\nc"),
    ("a" + "<!-- x -->b" * 20, "a" + "\nb" * 20),
    ("<style>p{}</style>a<script src='x'>f()</script>b", "a\nb"),
    ("<script>reste", "reste"),
    ("caf&eacute; &amp; th&#233; &lt; &#x263A;&nbsp;!", "café & thé < !"),
    ("&amp;amp;lt;b&amp;amp;gt;x", "x"),
    ("&inconnu; & co", "&inconnu; & co"),
    ("&#55296;&#0;x", "x"),
    # addresses
    ("Voir https://www.example.com/a/b?c=d#e.", "Voir example.com."),
    ("(http://example.com)", "(example.com)"),
    ("www.example.com, www.exemple.fr/x", "example.com, exemple.fr"),
    ("https://jean:secret@example.com:8080/x", "example.com"),
    ("https://fr.example.org/wiki/Été_(saison)", "fr.example.org"),
    ("请看https://example.com吧", "请看example.com吧"),
    ("<https://example.com/a> <jean@example.com>", "example.com jean@example.com"),
    ("mailto:jean@example.com", "jean@example.com"),
    ("file:///tmp/x fin", "fin"),
    ("**https://example.com/a_b**", "example.com"),
]


@pytest.mark.parametrize("text", KEPT)
def test_prose_stays_as_it_is(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize(("text", "expected"), CHANGED)
def test_what_people_paste_becomes_speakable(text: str, expected: str) -> None:
    assert sanitize(text) == expected


@pytest.mark.parametrize("text", ["", " \n\t", "\0", "\ud800", "\U0001f600\U0001f468\u200d\U0001f467", "\ufeff\u200b"])
def test_what_cannot_be_said_leaves_nothing(text: str) -> None:
    assert sanitize(text) == ""


def test_markup_nested_beyond_reason_leaves_its_words() -> None:
    assert set(sanitize("&" + "#38;" * 20).split()) == {"38"}


def test_a_tower_of_marks_is_cut_to_a_few() -> None:
    clean = unicodedata.normalize("NFD", sanitize("a" + "\u0301\u0323" * 500 + "b"))
    assert clean[0] + clean[-1] == "ab"
    assert 1 < len(clean) <= 10


FLOOD_CHARACTERS = 200_000
FLOODS = [
    *"*_`~#>|[]()<&!?.-\\/@«•\n\r\0\x1b\u200d\ud83d\u0301\U0001f1eb\U0001f600\ufffc",
    *("**a ", "a**", "_a", "`a", "# ", "> ", "| a ", "[a", "[](", "[a](b", "![", "](", "[^", "[](a(", "[a][1]"),
    *("<b", "<b a=", "<!--", "<script>", '<a href="', "&amp;", "&#96;", "&bsol;", "&lt;b&gt;", "&am"),
    *("http://", "www.", "www.a", "mailto:a", "a@", "\x1b[0", "\u0301\u0316", "\u0627\u200d", "\ufffc a", "1", "mot "),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", FLOODS)
@pytest.mark.parametrize("ending", ["", "a"])
def test_a_flood_of_one_sign_ends_soon(unit: str, ending: str) -> None:
    """Quadratic time would take minutes here; the time limit of the test is the bar."""
    flood = unit * (FLOOD_CHARACTERS // len(unit)) + ending
    clean = sanitize(flood)
    assert sanitize(clean) == clean


@pytest.mark.timeout(20)
def test_a_flood_that_only_decoding_reveals_ends_soon() -> None:
    assert sanitize("&bsol;" * 400_000 + "a") == "\\\\\\a"
