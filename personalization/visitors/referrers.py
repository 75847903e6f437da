"""Where a visitor comes from, told from one request and kept nowhere."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

LONGEST = 2_000
SEARCH = {"baidu", "bing", "brave", "duckduckgo", "ecosia", "google", "kagi", "naver", "qwant", "yahoo", "yandex"}
SOCIAL = {
    "bsky",
    "facebook",
    "instagram",
    "linkedin",
    "mastodon",
    "pinterest",
    "reddit",
    "threads",
    "tiktok",
    "youtube",
}
SOCIAL |= {"t", "tumblr", "twitter", "vk", "weibo", "x", "xing"}
PARAMETERS = {"utm_source": "source", "utm_medium": "medium", "utm_campaign": "campaign"}


def referrer_class(referrer: str, host: str) -> str:
    """The kind of page that led here: "direct", "internal", "search", "social" or "other"."""
    other = _host_of(referrer)
    if not other:
        return "direct"
    if other == host.partition(":")[0].casefold():
        return "internal"
    # The name before the ending: "google" of www.google.co.uk, "t" of t.co.
    names = set(other.removeprefix("www.").split(".")[:-1])
    if names & SEARCH:
        return "search"
    return "social" if names & SOCIAL else "other"


def campaign_of(address: str) -> Mapping[str, str]:
    """The parameters source, medium and campaign of an address that a campaign has spread."""
    try:
        query = urlsplit(address[:LONGEST]).query
    except ValueError:
        return {}
    return {PARAMETERS[name]: value for name, value in parse_qsl(query) if name in PARAMETERS}


def _host_of(address: str) -> str:
    try:
        return (urlsplit(address[:LONGEST]).hostname or "").casefold()
    except ValueError:
        return ""
