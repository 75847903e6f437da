"""A page with three personalized slots against the same page with three fixed lists of the same cards."""

import time
from functools import partial

import numpy as np
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rich.console import Console
from wagtail.models import Locale, Page, Site

from benchmarks import urls
from benchmarks.claims import Claim, alternate, seconds, summary
from benchmarks.workload import create_items, record_readings
from cms_site.demo.articles import read_articles, read_sections
from cms_site.home.covers import save_cover
from cms_site.home.models import ArticlePage, HomePage
from personalization import conf
from personalization.catalog.models import Epoch, Item
from personalization.experiments.choices import Status
from personalization.experiments.models import Arm, Experiment, Phase
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.serve import serve
from personalization.training.services import train
from personalization.variants.choices import Act, State
from personalization.variants.models import Variant
from personalization.variants.records import record
from personalization.variants.serving import serving_variants
from personalization.visitors.identity import sign_key
from personalization.visitors.models import Segment, Visitor

ITEMS = VISITORS = 10_000
SIZE = 4
ROUNDS = 300
SLOTS = ("one", "two", "three")
EXPERIMENTS = 20
ARMS = {"control": {}, "fresh": {"freshness": 0.2, "heading": "New articles"}}
VARIANTS = ITEMS // 5
WRITTEN = {"headline": "as a model wrote it"}
KINDS = ("slots", "lists", "rows")


def measure(data: str, console: Console) -> list[Claim]:
    prepare(console)
    plain = compare()
    run_experiments()
    tested = compare(f", {EXPERIMENTS} experiments running")
    approve_variants()
    return [*plain, *tested, *compare(f", and {VARIANTS:,} variants"), *renewals()]


def compare(state: str = "") -> list[Claim]:
    """Measure what `prepare` has built; every page is asked for by another visitor."""
    urls.CHOSEN[:] = _chosen()
    keys = list(Visitor.objects.order_by("key").values_list("key", flat=True)[: ROUNDS + 20])
    cookies = [sign_key(key) for key in keys]
    for cookie in cookies[ROUNDS:]:
        for kind in KINDS:
            _page(kind, cookies, cookies.index(cookie))
    queries = _queries(cookies)
    times = alternate(*(partial(_page, kind, cookies) for kind in KINDS), rounds=ROUNDS)
    slots, lists, rows = np.median(times, axis=0)
    decisions = [_decide(cookie) for cookie in cookies]
    detail = "; ".join(f"{kind} {summary(times[:, n])} ms" for n, kind in enumerate(KINDS))
    leanest = f"{slots / rows:.2f} of a page that reads the same cards ready made from the catalog"
    return [
        Claim(
            f"page with three slots / with three lists of pages{state}",
            float(slots / lists),
            1.25,
            detail=f"{detail}; {leanest}",
        ),
        Claim(f"queries of three slots together{state}", queries, 3),
        Claim(
            f"decision of three slots, p99{state}",
            float(np.percentile(decisions, 99)),
            15,
            " ms",
            detail=summary(decisions),
        ),
    ]


def prepare(console: Console) -> None:
    """The workload, a trained model, three slots, and twelve real pages for the lists."""
    home = Page.get_first_root_node().add_child(instance=HomePage(title="Benchmark", slug="benchmark"))
    Site.objects.filter(is_default_site=True).update(root_page=home)
    Site.clear_site_root_paths_cache()
    _create_pages(home)
    topics = create_items(ITEMS)
    console.print(f"{ITEMS:,} items. Recording what {VISITORS:,} visitors read…")
    console.print(f"{record_readings(topics, VISITORS):,} readings. Training…")
    run = train(trigger="benchmark")
    console.print(f"{run.get_status_display()}: {run.message}")
    for key in SLOTS:
        Slot.objects.create(key=key, heading="Articles", size=SIZE, policy="for-you", live=True)


def run_experiments() -> None:
    """Start experiments: one in each slot of the page, the others in slots of their own."""
    now = timezone.now()
    for number in range(EXPERIMENTS):
        key = SLOTS[number] if number < len(SLOTS) else f"elsewhere-{number}"
        slot, _made = Slot.objects.get_or_create(key=key, defaults={"size": SIZE, "policy": "for-you", "live": True})
        experiment = Experiment.objects.create(key=key, name=key, slot=slot, status=Status.RUNNING, started_at=now)
        for arm, changes in ARMS.items():
            Arm.objects.create(experiment=experiment, key=arm, name=arm, is_control=not changes, **changes)
        Phase.objects.create(experiment=experiment, number=1, weights=dict.fromkeys(ARMS, 1))
        experiment.save()


def approve_variants() -> None:
    """Other words for every fifth item: in turn for everybody, and for readers at a desk, who are all of these."""
    segment = Segment.objects.create(key="desk", name="At a desk", live=True, rules=[("device", "desktop")])
    locale = Locale.objects.get(language_code="en")
    for number, item in enumerate(Item.objects.order_by("pk")[::5]):
        variant = Variant(item=item, locale=locale, segment=segment if number % 2 else None, drafted=WRITTEN)
        variant.headline, variant.source_hash = f"{item.title}, in other words", item.text_hash
        variant.save()
        Variant.objects.filter(pk=variant.pk).update(state=State.APPROVED, live=True)
        record(variant, Act.APPROVED)
    Epoch.objects.advance("variants")


def renewals() -> list[Claim]:
    """What it takes a process to read all variants again, which happens on the request after a decision."""
    times = [1000 * seconds(serving_variants) for _round in range(20)]
    with CaptureQueriesContext(connection) as captured:
        serving_variants()
    return [
        Claim(
            f"reading {VARIANTS:,} variants again, median", float(np.median(times)), 400, " ms", detail=summary(times)
        ),
        Claim("queries of that", len(captured.captured_queries), 6),
    ]


def _create_pages(home: HomePage) -> None:
    looks = {section.slug: section for section in read_sections()}
    for article in read_articles()[: SIZE * len(SLOTS)]:
        look = looks[article.section]
        cover = save_cover(title=article.title, slug=article.slug, palette=look.palette, motif=look.motif)
        page = ArticlePage(title=article.title, slug=article.slug, summary=article.summary, cover=cover)
        home.add_child(instance=page)


def _chosen() -> list[list[int]]:
    keys = list(ArticlePage.objects.order_by("pk").values_list("pk", flat=True)[: SIZE * len(SLOTS)])
    return [keys[start : start + SIZE] for start in range(0, len(keys), SIZE)]


def _page(kind: str, cookies: list[str], number: int) -> None:
    client = Client()
    client.cookies[conf.get().visitor_cookie_name] = cookies[number]
    response = client.get(f"/benchmark/{kind}/")
    cards = response.content.count(b"slot-card__title")
    if response.status_code != 200 or cards != SIZE * len(SLOTS):
        raise RuntimeError(f"/benchmark/{kind}/ answered {response.status_code} with {cards} cards.")


def _queries(cookies: list[str]) -> int:
    """Statements that read or write our tables."""
    with CaptureQueriesContext(connection) as captured:
        _page("slots", cookies, 0)
    return sum("personalization_" in query["sql"] for query in captured.captured_queries)


def _decide(cookie: str) -> float:
    request = RequestFactory().get("/")
    request.COOKIES[conf.get().visitor_cookie_name] = cookie
    start = time.perf_counter()
    decisions = serve(SLOTS, ServingContext.from_request(request))
    spent = time.perf_counter() - start
    if any(decision.fallback for decision in decisions):
        raise RuntimeError(f"A slot fell back: {[decision.reason for decision in decisions]}.")
    return 1000 * spent
