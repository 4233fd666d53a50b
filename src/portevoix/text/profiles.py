"""What tells languages apart in writing: their scripts, their small words and their spelling."""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Spelling:
    """Marks of one language written in Latin letters.

    Attributes:
        words: Frequent words, case folded; without those that another one here writes too ("on", "six").
        signs: Letters with diacritics that are usual in it.
        groups: Regular expressions of frequent letter groups.
        elisions: Regular expression of what only this language writes around an apostrophe.
    """

    words: frozenset[str]
    signs: str
    groups: tuple[str, ...]
    elisions: str


SPELLINGS = {
    "fr": Spelling(
        _words(
            """
            le la les un une des du ai ont de et est sont était être êtes sommes suis avoir avons avez aux au ce
            cet cette ces cela ça je tu il elle nous vous ils elles lui leur leurs mon ma mes ta tes sa ses notre
            nos votre vos qui que quoi dont où quand comment pourquoi combien quel quelle quels quelles dans avec
            sans sous chez vers pour par entre mais donc ni si comme ne pas plus rien jamais toujours très trop
            aussi bien peu beaucoup tout toute tous toutes même encore déjà ici alors puis après avant depuis
            pendant oui bonjour bonsoir merci salut adieu voici voilà fait faire faut peut peux veux veut vais va
            allez aller dit dire aujourd'hui demain hier soir matin nuit jour jours heure heures temps monde homme
            femme enfant maison deux trois quatre cinq sept huit neuf dix monsieur madame mademoiselle svp stp
            revoir bienvenue désolé accord à coup feu deuxième premier première lundi mardi mercredi jeudi
            vendredi samedi dimanche
            """
        ),
        "éèêëàâçùûîïôœ",
        (
            r"eau|eux\b|aux\b|euse?\b|eur\b|ouv|oui|oir",
            r"ez\b|ait\b|aient\b|ement\b|ette\b|elle\b|ienne?\b|ille",
            r"-(?:vous|moi|toi|nous|il|elle|ce|je|tu|là|ci)\b",
            r"qu[eio]|gn|ç|\s[!?;:](?:\s|$)",
        ),
        r"\b(?:l|d|j|qu|n|s|c|m|t|jusqu|lorsqu)'(?=\w\w)",
    ),
    "en": Spelling(
        _words(
            """
            the and is are was were be been being am of to in it its that this these those there here he she they
            we you i my your his her our their him them us not no yes do does did don't doesn't isn't it's i'm
            you're can't won't let's what which who whom whose when where why how with without from for by at into
            onto over under about between because if then than so but has have had will would could should shall
            can may might must just very too also more most much many some any all every each other another only
            again always never hello hi hey goodbye bye thanks thank please sorry welcome good morning evening
            night day today tomorrow yesterday one two three four five six seven eight nine ten man woman child
            house world time year people way like make go going get got know think see look come want say said
            call keep tell give take up out down off back now well new old first last next dog cat mr mrs ms sir
            okay sure great nice
            """
        ),
        "",
        (
            r"th|wh|sh",
            r"ght|ck|kn|wr",
            r"ing\b|ness\b|ly\b|ed\b|ful\b",
            r"oo|ee|ow|aw|ew|y\b|w",
        ),
        r"n't\b|'(?:s|re|ve|ll|m)\b",
    ),
}

SCRIPTS = (
    ("ko", "\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3"),
    ("ja", "\u3041-\u30ff\uff66-\uff9d"),
    ("zh", "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"),
    ("ru", "\u0400-\u052f"),
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("he", "\u0590-\u05ff\ufb1d-\ufb4f"),
    ("ar", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefe"),
    ("hi", "\u0900-\u097f"),
    ("th", "\u0e00-\u0e7f"),
)
"""The language most often written in a script, and the script as the inside of a character class."""

SCRIPT_SIGNS = (
    ("uk", "ru", "\u0404\u0406\u0407\u0454\u0456\u0457\u0490\u0491"),
    ("fa", "ar", "\u067e\u0686\u0698\u06a9\u06af\u06cc"),
)
"""A language, the one whose script it shares, and the letters that only the former writes."""
