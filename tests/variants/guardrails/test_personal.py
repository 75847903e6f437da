"""Personal data in all its forms; numbers that only look like it pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.guardrails.personal import find_personal, is_card, is_iban
from tests.variants.guardrails.material import ENGLISH


def kinds(text: str, source: str = "", language: str = "en") -> list[tuple[str, str]]:
    return [(hit.rule, hit.params["kind"]) for hit in find_personal("summary", text, source, language)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ada@example.org", "email"),
        ("ada.lovelace+news@mail.example.co.uk", "email"),
        ("ada [at] example [dot] org", "email"),
        ("ada at example dot org", "email"),
        ("+49 761 123456", "phone"),
        ("020 7946 0958", "phone"),
        ("Call us on 555-0199", "phone"),
        ("DE89370400440532013000", "iban"),
        ("4111 1111 1111 1111", "card"),
        ("203.0.113.42", "ip"),
        ("2001:db8::ff00:42:8329", "ip"),
        ("219-09-9999", "national_id"),
        ("2 69 05 49 588 157 80", "national_id"),
        ("86 095 742 719", "national_id"),
        ("@ada_lovelace", "handle"),
    ],
)
def test_personal_data_is_found(text, kind):
    assert kinds(f"So: {text}, please") == [("personal_data", kind)]


@pytest.mark.parametrize(
    "text",
    [
        "From 1994 to 1998",
        "On 2024-03-15 at 10:30",
        "12,345,678 copies",
        "4111 1111 1111 1112 steps",
        "Version 1.2.3",
        "Meet us @ home",
        "Look at example pages",
        "A dot com boom",
        "DE12 BREAD",
        "14:30:15",
    ],
)
def test_other_figures_pass(text):
    assert kinds(text) == []


def test_what_the_source_says_in_public_counts_for_less():
    assert kinds("Call +49 761 123456", "Call us: +49 (761) 123-456.") == [("public_data", "phone")]


def test_numbers_are_read_as_the_country_writes_them():
    assert kinds("Ruf 030 901820", language="de") == [("personal_data", "phone")]
    assert kinds("Le 01 42 68 53 00", language="fr") == [("personal_data", "phone")]
    assert kinds("Some 030 901820", language="en") == []


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(1, 9))
def test_one_wrong_digit_is_no_card(digits, off):
    number = next(f"{digits}{last}" for last in range(10) if is_card(f"{digits}{last}"))
    assert not is_card(number[:-1] + str((int(number[-1]) + off) % 10))


@given(st.text("0123456789ABCDEFGHIJ", min_size=12, max_size=25), st.integers(1, 96))
def test_wrong_check_digits_are_no_account(account, off):
    digits = "".join(str(int(letter, 36)) for letter in f"{account}DE00")
    check = 98 - int(digits) % 97
    assert is_iban(f"DE{check:02}{account}")
    assert not is_iban(f"DE{(check + off - 2) % 97 + 2:02}{account}")


def test_the_source_itself_holds_none():
    assert kinds(ENGLISH.source) == []
