from __future__ import annotations

import pytest

from portevoix.translate.faults import LanguageUnknown
from portevoix.translate.languages import name_of, normalise, short


@pytest.mark.parametrize(
    ("tag", "code"),
    [("fr", "fr"), ("FR", "fr"), ("fra", "fr"), ("fr-CA", "fr"), ("pt_BR", "pt"), ("French", "fr"), (" en ", "en"),
     ("zh-Hans-CN", "zh"), ("ast", "ast")],
)  # fmt: skip
def test_names_come_to_one_form(tag, code):
    assert normalise(tag, "target_lang") == code


@pytest.mark.parametrize("tag", ["", "klingon", "x", "fr fr", "../fr", "xx", "fr\0", "é", "f" * 1000])
def test_what_is_no_language_is_refused(tag):
    with pytest.raises(LanguageUnknown) as caught:
        normalise(tag, "target_lang")
    assert caught.value.param == "target_lang"
    assert caught.value.hint


def test_a_slip_gets_a_hint():
    with pytest.raises(LanguageUnknown) as caught:
        normalise("Frensh", "target_lang")
    assert "french" in caught.value.hint


def test_codes_of_three_letters():
    assert (short("eng"), short("en"), short("QQQ")) == ("en", "en", "qqq")
    assert (name_of("fr"), name_of("qq")) == ("French", "qq")
