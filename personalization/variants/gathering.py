"""What the guardrails have to know of a variant: the rules of its language, its source, and what stands beside it."""

import logging
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db.models import F, Q
from wagtail.models import Page, Site

from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Item
from personalization.variants.asking import PromptTemplate
from personalization.variants.choices import State
from personalization.variants.guardrails.check import VERSION
from personalization.variants.guardrails.links import host_of, is_among
from personalization.variants.guardrails.placeholders import names_in
from personalization.variants.guardrails.records import FIELDS, LIMITS, Material, Rules
from personalization.variants.hashing import Source, digest_of, source_of
from personalization.variants.limits import RuleSet

logger = logging.getLogger(__name__)

BUILT_IN = "built-in"
DNS_SECONDS = 2.0
LISTS = ("banned", "required", "allowed_domains", "claims", "profanity")


def rules_for(variant: Any) -> Rules:
    """The rules of the variant's language, else those of all languages, else the built-in ones; and its template's."""
    rule_set = rule_set_for(variant.locale_id)
    template = template_of(variant)
    lists = {name: lines(getattr(rule_set, name, "")) for name in LISTS}
    return Rules(
        version=version_of(rule_set, template),
        language=variant.locale.language_code,
        severities=rule_set.severities if rule_set else {},
        limits={name: getattr(template, f"longest_{name}") for name in FIELDS} if template else dict(LIMITS),
        hardest=rule_set.hardest if rule_set else None,
        least_similarity=rule_set.least_similarity if rule_set else Rules.least_similarity,
        **lists
        | {
            "banned": (*lists["banned"], *lines(getattr(template, "must_not_say", ""))),
            "required": (*lists["required"], *lines(getattr(template, "must_say", ""))),
        },
    )


def rule_set_for(locale_id: int) -> RuleSet | None:
    """What an administrator has set for a language, or for all."""
    fitting = RuleSet.objects.filter(Q(locale=locale_id) | Q(locale=None))
    return fitting.order_by(F("locale").asc(nulls_last=True)).first()


def template_of(variant: Any) -> PromptTemplate | None:
    """The prompt template that a variant was asked for with."""
    return variant.part.request.template if variant.part_id else None


def version_of(rule_set: RuleSet | None, template: PromptTemplate | None) -> str:
    """Which state of the rules this is: of their code, of the site's lists, and of the template."""
    if rule_set is None:
        own = BUILT_IN
    else:
        said = {name: getattr(rule_set, name) for name in (*LISTS, "severities", "hardest", "least_similarity")}
        own = f"{rule_set.pk}.{rule_set.latest_revision_id or 0}-{digest_of(said)[:8]}"
    return f"{VERSION}/{own}" + (f"/{template.version}" if template else "")


def lines(text: str) -> tuple[str, ...]:
    """The terms of a list that holds one on each line."""
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def material_for(variant: Any, *, is_worker: bool = False) -> Material:
    """What a variant is compared with. Only a worker asks the network, and loads a model for the meanings."""
    source = source_of(variant)
    sites = list(Site.objects.select_related("root_page"))
    own = frozenset(host for site in sites for host in (site.hostname, host_of(source.url)) if host)
    return Material(
        title=source.title,
        summary=source.summary,
        text=source.text,
        url=source.url,
        language=source.language or variant.locale.language_code,
        known="\n".join([*(site.site_name for site in sites), *(variant.item.tags if variant.item_id else ())]),
        own_domains=own,
        neighbours=neighbours_of(variant),
        placeholders=frozenset() if variant.item_id else names_in(f"{source.title}\n{source.summary}"),
        link_exists=_link_asker(sites, own, is_worker),
        similarity=similarity(variant.words.values(), source) if is_worker else None,
        has_image=bool(variant.image_id),
    )


def neighbours_of(variant: Any) -> tuple[dict[str, str], ...]:
    """The words of other variants of the same source, segment and language that may be shown, now or some day."""
    others = type(variant)._base_manager.filter(
        item=variant.item_id, slot=variant.slot_id, segment=variant.segment_id, locale=variant.locale_id
    )
    gone = (State.REJECTED, State.RETIRED)
    return tuple(others.exclude(pk=variant.pk).exclude(state__in=gone).values(*FIELDS).order_by("pk"))


def similarity(words: Iterable[str], source: Source) -> float | None:
    """How alike the meanings of words and of their source are, by the catalog's embedder; None where it cannot say."""
    said = "\n".join(filter(None, words))
    theirs = "\n".join(filter(None, (source.title, source.summary, source.text)))
    if not said or not theirs:
        return None
    try:
        one, other = current_embedder().embed([said, theirs])
    except (ImproperlyConfigured, ImportError, OSError, RuntimeError, ValueError):
        logger.exception("The embedder cannot compare a draft with its source; the draft goes without that finding.")
        return None
    return float(one @ other) if one.any() and other.any() else None


def _link_asker(sites: list[Site], own: frozenset[str], is_worker: bool) -> Callable[[str], bool | None]:
    def exists(address: str) -> bool | None:
        host = host_of(address)
        if is_among(host, own):
            return leads_to_page(address, sites)
        return is_known_host(host) if is_worker else None

    return exists


def leads_to_page(address: str, sites: Iterable[Site]) -> bool:
    """Whether an address of our own leads to something that visitors can read."""
    parts = urlsplit(address)
    path = parts.path or "/"
    both = (path, path.rstrip("/") or "/", f"{path.rstrip('/')}/")
    addresses = [*both, *(f"{parts.scheme}://{parts.netloc}{one}" for one in both)]
    if Item.objects.live().filter(url__in=addresses).exists():
        return True
    roots = [site.root_page.url_path.rstrip("/") for site in sites if is_among(host_of(address), [site.hostname])]
    return Page.objects.live().public().filter(url_path__in=[f"{root}{both[2]}" for root in roots]).exists()


@lru_cache(maxsize=1000)
def is_known_host(host: str) -> bool | None:
    """Whether the name of a host can be resolved; None where nobody answers in time."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return bool(pool.submit(socket.getaddrinfo, host, 443).result(timeout=DNS_SECONDS))
    except socket.gaierror as error:
        return None if error.errno == socket.EAI_AGAIN else False
    except (TooLate, OSError, UnicodeError):
        return None
    finally:
        pool.shutdown(wait=False)
