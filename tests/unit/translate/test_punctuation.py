from __future__ import annotations

import pytest

from portevoix.translate.punctuation import respaced


@pytest.mark.parametrize(
    ("pair", "sentence", "translation", "wanted"),
    [
        ("es-fr", "La casa.", "La maison .", "La maison."),
        ("en-es", "Wait...", "Espera ...", "Espera..."),
        ("en-es", "He said: come; I went.", "Dijo : ven ;  fui .", "Dijo: ven; fui."),
        ("en-es", 'He said "come."', 'Dijo "ven ."', 'Dijo "ven."'),
        ("fr-en", "Où est le chat ?", "Where is the cat ?", "Where is the cat?"),
        ("fr-en", "Il dort\u202f; oui\u00a0!", "It sleeps\u202f; yes\u00a0!", "It sleeps; yes!"),
        ("en-es", "Really?!", "Realmente ?!", "Realmente?!"),
        ("es-fr", "¿La casa?", "La maison ?", "La maison ?"),
        ("es-fr", "La casa: blanca.", "La maison\u00a0: blanche .", "La maison\u00a0: blanche."),
        ("fr-es", "Une ville .", "Una ciudad .", "Una ciudad ."),
        ("en-es", "Who knows ?", "Quién sabe ?", "Quién sabe ?"),
        ("en-es", "Hello :) you", "Hola :) tú", "Hola :) tú"),
        ("en-es", "Use .NET or .5 now.", "Usa .NET o .5 ahora.", "Usa .NET o .5 ahora."),
        ("en-es", "Two  spaces.", "Dos  espacios.", "Dos  espacios."),
        ("en-es", "Three, 3 %.", "Tres , 3 % .", "Tres, 3 %."),
    ],
)
def test_marks_stand_as_the_sentence_has_them_and_as_french_wants_them(pair, sentence, translation, wanted):
    assert respaced(sentence, translation, *pair.split("-")) == wanted
