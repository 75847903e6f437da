"""Addresses in words: only of domains that may be linked to, that exist, and that are what they seem."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from personalization.variants.guardrails.characters import fold
from personalization.variants.guardrails.records import Hit, Material, Rules, hit

WEB = ("http", "https")
OTHER_SCHEMES = (
    "javascript|vbscript|data|mailto|tel|sms|callto|skype|whatsapp|tg|file|ftps?|sftp|ssh|blob|about|view-source|intent|"
    "bitcoin|ethereum|magnet|chrome|ws|wss|feed|jar|ldap|irc|hxxps?|market|itms|steam|facetime"
)
# Beside every country's two letters: the endings that turn up in texts.
ENDINGS = (
    "com|net|org|info|biz|edu|gov|mil|int|app|dev|shop|store|online|site|website|xyz|top|club|live|news|blog|page|link|"
    "click|cloud|tech|agency|media|social|world|life|today|zip|mov|museum|travel|jobs|mobi|name|pro|onion|local|icu|"
    "vip|win|bid|loan|men|date|review|stream|download|racing|cam|rest|lol|wtf|sucks|email|chat|support|help|bank"
)
# Endings of files and of code, and words after a full stop without a space.
NO_ENDINGS = frozenset(["js", "py", "md", "rb", "go", "ts", "cc", "hs", "vb", "ps", "ai", "sh", "pl", "rs", "cs"])
DOT = r"(?:\.|\s?(?:\[|\(|\{)\s?(?:\.|dot|punkt|point)\s?(?:\]|\)|\})\s?|。|｡)"
HOST = rf"(?:[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?{DOT})+(?P<ending>{ENDINGS}|xn--[a-z0-9-]+|[a-z]{{2}})"
REST = r"(?::\d{1,5})?(?:[/?#][^\s<>\"“”«»]*)?"
ADDRESS = re.compile(
    rf"(?<![a-z0-9])(?P<scheme>https?|{OTHER_SCHEMES})\s?:(?:/|\\)*\s?(?P<target>[^\s<>\"“”«»]+)"
    rf"|(?<![:\w])(?P<slashes>//|\\\\)(?P<relative>[^\s/<>]+\.[^\s<>]+)"
    rf"|(?<![\w@.-])(?P<bare>{HOST})(?P<rest>{REST})(?![\w@-])"
)
SPELT = re.compile(rf"(?<!\w)[a-z0-9-]{{2,}} (?:dot|punkt|point) (?:{ENDINGS}|[a-z]{{2}})(?!\w)")
MARKDOWN = re.compile(r"!?\[[^\]\n]{0,300}\]\s?\([^)\n]{1,500}\)|(?m:^\s*\[[^\]\n]{1,60}\]:\s*\S+)|\[\[[^\]\n]+\]\]")


def find_links(name: str, text: str, material: Material, rules: Rules) -> Iterator[Hit]:
    """Every address that a rule has something to say about."""
    for match in MARKDOWN.finditer(text):
        yield hit("link_disguised", name, text, match.start(), match.end(), kind="markdown")
    folded = fold(text)
    for match in SPELT.finditer(folded.text):
        yield hit("link_disguised", name, text, *folded.span(match.start(), match.end()), kind="spelt")
    for match in ADDRESS.finditer(folded.text):
        start, end = folded.span(match.start(), match.end())
        found = _judged(match, text[start:end].rstrip(".,;:!?)…'’"), material, rules)
        if found:
            rule, about = found
            yield hit(rule, name, text, start, start + len(text[start:end].rstrip(".,;:!?)…'’")), **about)


def without_links(text: str) -> str:
    """The text with spaces in place of its addresses, so that every character keeps its place.

    Examples
    --------
    >>> without_links("See example.com/7 now")
    'See               now'
    """
    folded, letters = fold(text), list(text)
    for match in ADDRESS.finditer(folded.text):
        start, end = folded.span(match.start(), match.end())
        letters[start:end] = " " * (end - start)
    return "".join(letters)


def host_of(address: str) -> str:
    """The host of an address, in small letters; empty where there is none."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_among(host: str, domains: Iterable[str]) -> bool:
    """Whether a host is one of the domains, or below one.

    Examples
    --------
    >>> is_among("www.example.com", ["example.com"]), is_among("example.com.evil.net", ["example.com"])
    (True, False)
    """
    plain = (domain.strip().lower().removeprefix("www.").rstrip(".") for domain in domains)
    return any(host == domain or host.endswith(f".{domain}") for domain in plain if domain)


def _judged(match: re.Match[str], raw: str, material: Material, rules: Rules) -> tuple[str, dict[str, str]] | None:
    if match["bare"] and (_is_no_address(match, raw) or "@" in raw):
        return None
    scheme = match["scheme"] or "https"
    if scheme not in WEB:
        return "link_scheme", {"scheme": scheme}
    address = _address(match, raw)
    host = host_of(address)
    is_allowed = is_among(host, (*rules.allowed_domains, *material.own_domains))
    if kind := _disguise(address, raw, is_allowed):
        return "link_disguised", {"kind": kind}
    if not is_allowed:
        return "link_domain", {"host": host}
    exists = material.link_exists(address)
    return None if exists else ("link_unknown" if exists is None else "link_missing", {"address": address[:200]})


def _is_no_address(match: re.Match[str], raw: str) -> bool:
    """Whether it is rather a file's name, an abbreviation, or two sentences without a space between them."""
    ending, before = match["ending"], len(match["bare"]) - len(match["ending"])
    capital_follows = raw[before : before + 1].isupper() and not raw.isupper()
    return ending in NO_ENDINGS or before < 3 or (capital_follows and len(ending) == 2)


def _address(match: re.Match[str], raw: str) -> str:
    return raw if match["scheme"] else "https://" + raw.lstrip("/\\")


def _disguise(address: str, raw: str, is_allowed: bool) -> str:
    """How an address hides where it leads; empty if it does not."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "malformed"
    if not raw.isascii() or "xn--" in host:
        return "lookalike"
    if "@" in parts.netloc or "\\" in address or "%" in parts.netloc or any(letter.isspace() for letter in address):
        return "misleading"
    if is_allowed:
        return ""
    if not re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*", host) or _is_ip(host):
        return "no_name"
    return "port" if port not in (None, 80, 443) else ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
