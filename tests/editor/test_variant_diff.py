"""Two texts side by side: nothing of either is lost, whatever they say."""

from hypothesis import given
from hypothesis import strategies as st

from personalization.editor.word_diff import ADDED, LEFT_OUT, REMOVED, SAME, compare_words, shortened

WORDS = st.lists(
    st.sampled_from(["the", "train", "<b>", "&amp;", "fast", "\u200f", "🚆", ",", "\n", "100"]), max_size=30
)
TEXTS = st.one_of(st.text(), WORDS.map(" ".join))


def said(pieces) -> str:
    return "".join(piece.text for piece in pieces)


@given(TEXTS, TEXTS)
def test_each_side_says_what_its_text_says(before, after):
    compared = compare_words(before, after)
    assert said(compared.before) == before
    assert said(compared.after) == after
    assert {piece.kind for piece in compared.before} <= {SAME, REMOVED}
    assert {piece.kind for piece in compared.after} <= {SAME, ADDED}


@given(TEXTS, TEXTS)
def test_what_both_say_is_the_same_on_both_sides(before, after):
    compared = compare_words(before, after)
    kept = [said(piece for piece in side if piece.kind == SAME) for side in (compared.before, compared.after)]
    assert kept[0] == kept[1]


@given(TEXTS)
def test_the_same_text_has_no_changes(text):
    compared = compare_words(text, text)
    assert {piece.kind for piece in (*compared.before, *compared.after)} <= {SAME}


@given(TEXTS, TEXTS)
def test_a_shortened_side_keeps_every_change(before, after):
    compared = compare_words(before, after)
    for side in (compared.before, compared.after):
        short = shortened(side)
        assert said(short) == said(side)
        assert [piece for piece in short if piece.kind not in (SAME, LEFT_OUT)] == [
            piece for piece in side if piece.kind != SAME
        ]


def test_a_word_in_the_middle():
    compared = compare_words("The slow train to the coast", "The fast train to the coast")
    assert [(piece.kind, piece.text) for piece in compared.before] == [
        (SAME, "The "),
        (REMOVED, "slow"),
        (SAME, " train to the coast"),
    ]
    assert compared.after[1].text == "fast"


def test_little_in_common_between_changes_is_no_confetti():
    compared = compare_words("one a two", "three a four")
    assert [piece.kind for piece in compared.before] == [REMOVED]


def test_long_texts_are_compared_in_no_time():
    before = "lorem ipsum dolor sit amet " * 4000
    after = "other words altogether and " * 4000
    assert said(compare_words(before, after).after) == after


def test_only_what_surrounds_a_change_is_shown_of_a_long_text():
    long = "word " * 400
    short = shortened(compare_words(long + "old " + long, long + "new " + long).after)
    assert [piece.kind for piece in short] == [LEFT_OUT, SAME, ADDED, SAME, LEFT_OUT]
    assert len(short[1].text) < 100
