"""Words with a period that ends no sentence, in French and English."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BEFORE_NAMES = _words(
    """
    M MM Mr Mrs Ms Mx Messrs Mme Mmes Mlle Mlles Dr Drs Pr Prof Mgr Me St Ste Sts Rev Hon Gen Col Sgt Capt Cpt Lt
    Cmdr Gov Sen Rep Pres Supt Mt Ft Gal Cdt Cap Adj Vve
    """
)
"""Titles, case sensitive: a name follows ("M. Dupont")."""

NEVER_FINAL = _words(
    """
    e.g i.e cf vs viz p.ex c.-à-d c-à-d c.à.d env approx av apr ap éd ex resp dépt bibl litt fém masc sing plur
    invar trad coll hab incl excl tél tel
    """
)
"""Case folded: the sentence always goes on ("p. ex.", "av. J.-C.")."""

BEFORE_NUMBERS = _words(
    """
    n no nos nr num art al chap ch fig tabl p pp pg vol t vv v l ll § éq eq sec sect réf ref nb cap janv févr fév
    mars avr juil sept oct nov déc jan feb mar apr jun jul aug dec lun mer jeu ven sam dim
    """
)
"""Case folded: the sentence goes on when a number follows ("art. 12", "No. 5"), for many are words of their own too."""

SOMETIMES_FINAL = _words(
    """
    etc cie inc ltd corp bros jr sr ph.d dept assoc univ
    """
)
"""Case folded: the sentence goes on when a small letter follows ("Inc. was", "etc. et")."""

FIRST_WORDS = _words(
    """
    the a an he she it we they you this that these those there then but and or so if when what who why how his her
    its our their your my in on at for from with after before not no yes now one some all as i le la les l' un une
    des il elle nous vous ils elles ce cet cette ces c' j' je tu mais et ou donc ni car si quand que qui quoi
    comment pourquoi où son sa ses leur leurs notre nos votre vos mon ma mes dans en au aux avec pour par sur
    après avant puis alors ensuite oui non maintenant tout tous toutes chaque d' s' n' qu'
    """
)
"""Case folded: with a capital after an initial or an acronym ("Plan B. Then") they start a new sentence."""
