"""Personal data: ways to reach somebody, accounts, and numbers that name one person."""

import ipaddress
import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.records import Hit, hit

AT = r"\s?(?:@|\(at\)|\[at\]|\{at\}|_at_)\s?"
POINT = r"\s?(?:\.|\(dot\)|\[dot\]|\{dot\}|\(punkt\)|_dot_)\s?"
EMAIL = re.compile(
    rf"[a-z0-9][\w.+%-]*{AT}[a-z0-9-]+(?:{POINT}[a-z0-9-]+)*{POINT}[a-z]{{2,}}"
    r"|[a-z0-9][\w.+-]* at [a-z0-9-]+(?: dot [a-z0-9-]+)* dot [a-z]{2,}"
)
HANDLE = re.compile(r"(?<![\w@/.])@[a-z_][\w.]{2,}")
IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}\d{2}(?:[ -]?[a-z0-9]){11,30}(?![a-z0-9])")
CARD = re.compile(r"(?<![\d.,])[2-6]\d{3}(?:[ .-]?\d){9,15}(?!\d)")
IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])")
CALLED = re.compile(
    r"(?<!\w)(?:call|phone|tel|telephone|mobile|cell|text|dial|ring|whatsapp|fax|anruf\w*|telefon|handy|appelez|portable)"
    r"\W{1,3}(?:(?:us|me|at|on|now|number|unter|nummer|au|le)\W{1,2}){0,2}(\+?\(?\d(?:[ ()/.-]{0,2}\d){4,14})"
)
REGIONS = {"en": ("US", "GB"), "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH"), "es": ("ES",), "it": ("IT",)}
REGIONS |= {"nl": ("NL", "BE"), "pt": ("PT", "BR"), "pl": ("PL",), "sv": ("SE",), "da": ("DK",), "fi": ("FI",)}
# National numbers of persons: by shape, and by their check digits where they have some.
SSN = re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
NINO = re.compile(r"(?<!\w)[abceghj-prstw-z][abceghj-nprstw-z] ?\d{2} ?\d{2} ?\d{2} ?[a-d](?!\w)")
INSEE = re.compile(r"(?<!\d)[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d[\dab] ?\d{3} ?\d{3} ?\d{2}(?!\d)")
STEUER_ID = re.compile(r"(?<!\d)[1-9]\d ?\d{3} ?\d{3} ?\d{3}(?!\d)")

Span = tuple[str, int, int]


def find_personal(name: str, text: str, source: str, language: str) -> Iterator[Hit]:
    """Everything that leads to one person; what the source says in public anyway counts for less.

    Examples
    --------
    >>> [found.params["kind"] for found in find_personal("summary", "Write to ada (at) example.org", "", "en")]
    ['email']
    """
    folded = fold(text)
    taken: list[tuple[int, int]] = []
    public = _public(source)
    for kind, start, end in _spans(folded.text, language):
        if not any(start < other_end and other_start < end for other_start, other_end in taken):
            taken.append((start, end))
            rule = "public_data" if _bare(folded.text[start:end]) in public else "personal_data"
            yield hit(rule, name, text, *folded.span(start, end), kind=kind)


def is_iban(text: str) -> bool:
    """Whether the check digits of an account number are right (ISO 13616, modulus 97).

    Examples
    --------
    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    code = re.sub(r"[ -]", "", text).upper()
    digits = "".join(str(int(letter, 36)) for letter in code[4:] + code[:4])
    return 15 <= len(code) <= 34 and int(digits) % 97 == 1


def is_card(text: str) -> bool:
    """Whether a number has the length and the check digit of a payment card (Luhn).

    Examples
    --------
    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0


def is_insee(text: str) -> bool:
    """Whether the key of a French social security number is right.

    Examples
    --------
    >>> is_insee("2 69 05 49 588 157 80"), is_insee("2 69 05 49 588 157 81")
    (True, False)
    """
    code = text.replace(" ", "").upper().replace("2A", "19").replace("2B", "18")
    return code.isdigit() and 97 - int(code[:-2]) % 97 == int(code[-2:])


def is_steuer_id(text: str) -> bool:
    """Whether the check digit of a German tax number is right (ISO 7064, MOD 11,10).

    Examples
    --------
    >>> is_steuer_id("86 095 742 719"), is_steuer_id("86 095 742 718")
    (True, False)
    """
    digits = [int(digit) for digit in text if digit.isdigit()]
    product = 10
    for digit in digits[:-1]:
        product = ((digit + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == digits[-1]


def _spans(text: str, language: str) -> Iterator[Span]:
    yield from _matches("email", EMAIL, text)
    yield from _ibans(text)
    yield from (span for span in _matches("card", CARD, text) if is_card(text[span[1] : span[2]]))
    for pattern in (IPV4, IPV6):
        yield from (span for span in _matches("ip", pattern, text) if _is_ip(text[span[1] : span[2]]))
    for pattern in (SSN, NINO):
        yield from _matches("national_id", pattern, text)
    yield from (span for span in _matches("national_id", INSEE, text) if is_insee(text[span[1] : span[2]]))
    yield from _phones(text, language)
    yield from (span for span in _matches("national_id", STEUER_ID, text) if is_steuer_id(text[span[1] : span[2]]))
    yield from _matches("handle", HANDLE, text)


def _matches(kind: str, pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return ((kind, match.start(), match.end()) for match in pattern.finditer(text))


def _ibans(text: str) -> Iterator[Span]:
    """Account numbers, whatever words stand behind them."""
    for match in IBAN.finditer(text):
        ends = (end for end in range(match.end(), match.start() + 14, -1) if not text[end : end + 1].isalnum())
        if end := next((end for end in ends if is_iban(text[match.start() : end])), None):
            yield "iban", match.start(), end


def _phones(text: str, language: str) -> Iterator[Span]:
    if sum(letter.isdigit() for letter in text) < 5:
        return
    for region in (None, *REGIONS.get(language.split("-")[0].lower(), ())):
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            yield "phone", match.start, match.end
    for called in CALLED.finditer(text):
        yield "phone", called.start(1), called.end(1)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=64)
def _public(source: str) -> str:
    return _bare(fold(source).text)


def _bare(text: str) -> str:
    return re.sub(r"[\s().-]", "", text)
