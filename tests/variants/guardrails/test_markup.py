"""Plain text stays as it is, and nothing else stays: whatever comes, however it is nested or escaped."""

import html
import unicodedata

import nh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from personalization.variants.guardrails.characters import HIDDEN, PILED, fold
from personalization.variants.guardrails.markup import ordinary, plain, tidy, visible
from tests.variants.guardrails.material import found, held, rules_of

TAGS = ("<", ">", "<b>", "</b>", "<script>", "</script>", "<!--", "-->", "<![CDATA[", "]]>", "<style>", "<svg ")
ESCAPES = ("&", ";", "lt;", "&lt;", "&gt;", "amp;", "&amp;", "quot", "#", "&#60;", "&#x3c;", "&#x200b;", "%3c")
REST = (
    "/",
    "=",
    "'",
    '"',
    "`",
    "!",
    "-",
    "x",
    "0",
    "onerror=",
    "alert(1)",
    "\u200b",
    "\u202e",
    "\u0301",
    "\u00ad",
    "e",
)
PIECES = st.sampled_from((*TAGS, *ESCAPES, *REST))
TANGLES = st.lists(PIECES, max_size=25).map("".join)
TEXTS = st.one_of(TANGLES, st.text(max_size=80))


@given(TEXTS)
@example("&" + "amp;" * 40 + "lt;script&gt;")
@example("<" * 30 + "script>")
@example("e\u200b\u0301")
def test_plain_text_is_a_fixed_point(text):
    assert plain(plain(text)) == plain(text)


@given(TEXTS)
@example("&" + "amp;" * 40 + "lt;script&gt;alert(1)")
def test_nothing_is_left_that_a_browser_reads_as_markup(text):
    cleaned = plain(text)
    assert html.unescape(nh3.clean(cleaned, tags=set())) == cleaned
    assert html.unescape(cleaned) == cleaned
    assert not HIDDEN.search(cleaned)
    assert not PILED.search(cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)


@given(st.text(st.characters(codec="utf-8", categories=["Lu", "Ll", "Nd", "Zs", "Po"], exclude_characters="&<>")))
def test_words_stay(text):
    cleaned = unicodedata.normalize("NFC", text)
    assert visible(cleaned) == HIDDEN.sub("", cleaned)
    assert plain(visible(cleaned)) == visible(cleaned)


@pytest.mark.parametrize(
    "text",
    [
        "R&D, Q&A and AT&T",
        "1 < 2 > 0",
        "I <3 bread",
        "Café – “naïve”, 5 °C, ½ l, 20 €",
        "Größe, œuvre, smørrebrød, Ħaż-Żebbuġ",
        "می‌خواهم",
        "क्‍ष",
        "שָׁלוֹם עֲלֵיכֶם",
        "สวัสดี",
        "Tiếng Việt",
        "line\nline",
        "🍞🌍",
    ],
)
def test_what_people_write_stays(text):
    assert plain(text) == unicodedata.normalize("NFC", text)


def test_joiners_stay_only_where_letters_are_joined():
    assert plain("Bre\u200dad\u200c") == "Bread"
    assert plain("\u0645\u06cc\u200c\u200c\u062e") == "\u0645\u06cc\u062e"


def test_line_ends_are_nobodys_finding():
    checked = held(summary="Flour\r\nand water\r\n")
    assert checked.words == {"summary": "Flour\nand water"}
    assert not checked.findings
    assert tidy("a\rb\u2028c") == "a\nb\nc"


def test_stray_markup_is_taken_out_and_told():
    checked = held(headline="<b>Bread</b>\u200b at 𝐡𝐨𝐦𝐞", call_to_action="Bake\nnow")
    assert checked.words == {"headline": "Bread at home", "call_to_action": "Bake now"}
    assert rules_of(checked, "redact") == ["hidden_characters", "markup", "odd_characters", "one_line"]
    assert not checked.is_blocked


def test_what_was_meant_to_run_blocks_and_stays_to_be_seen():
    checked = held(headline="Bread<script>alert(1)</script>")
    assert checked.words == {"headline": "Bread<script>alert(1)</script>"}
    assert checked.is_blocked
    assert held(**checked.words).is_blocked


def test_a_draft_of_nothing_but_markup_keeps_its_words_and_is_blocked():
    checked = held(headline="<b></b>\u200b")
    assert checked.words == {"headline": "<b></b>\u200b"}
    assert {"empty", "markup", "hidden_characters"} <= set(rules_of(checked, "block"))


def test_neither_can_be_switched_off():
    checked = held(headline="<b>Bread</b>\u200b at home")
    for severity in ("off", "warn"):
        lax = found("<b>Bread</b>\u200b at home", severities={"markup": severity, "hidden_characters": severity})
        assert {rule for rule, _excerpt in lax} == set(rules_of(checked))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Bre\u0430d at home", "mixed_scripts"),
        ("\u0420\u0430\u0443\u0440\u0430\u04cf at home", "foreign_script"),
        ("Bread, α and Ω", None),
        ("Bread of 5 µm", "numbers"),
    ],
)
def test_scripts(text, rule):
    assert [one for one, _excerpt in found(text) if one != "language"] == ([rule] if rule else [])


@given(st.text(max_size=60))
def test_folding_knows_where_each_letter_comes_from(text):
    folded = fold(text)
    assert len(folded.places) == len(folded.text)
    assert list(folded.places) == sorted(folded.places)
    assert all(0 <= place < len(text) for place in folded.places)


@given(st.text(max_size=60))
def test_ordinary_text_is_a_fixed_point(text):
    assert ordinary(ordinary(text)) == ordinary(text)
