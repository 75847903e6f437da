"""Corrections agree with published numbers and keep the order of what they correct."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.stats import benjamini_hochberg, holm
from tests.stats.vectors import read_vectors

p_values = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(("name", "correct"), [("holm", holm), ("bh", benjamini_hochberg)])
def test_numbers_are_those_of_the_published_engine(name, correct):
    case = read_vectors("multiple_testing.json")[name]
    assert [round(p, 4) for p in correct(case["p"])] == case["adjusted_in_input_order"]


@given(p_values)
def test_holm_is_the_stricter_and_neither_makes_a_p_value_smaller(values):
    for raw, gentle, strict in zip(values, benjamini_hochberg(values), holm(values), strict=True):
        assert raw <= gentle * (1 + 1e-12)
        assert gentle <= strict * (1 + 1e-12) + 1e-300
        assert strict <= 1


@given(p_values)
def test_the_order_stays(values):
    for correct in (holm, benjamini_hochberg):
        adjusted = np.array(correct(values))
        assert (np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("wrong", [[0.1, 1.1], [-0.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(wrong):
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="p-value"):
            correct(wrong)
