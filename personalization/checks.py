"""System checks: a wrong setting is named before the first request, with what to do about it."""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from importlib.util import find_spec
from math import inf
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template
from django.utils.module_loading import import_string
from wagtail.images.exceptions import InvalidFilterSpecError
from wagtail.images.models import Filter

from personalization import conf
from personalization.events.validation import KINDS
from personalization.recommend.scorers import SCORERS
from personalization.slots.policies import BUILT_IN, Policy
from personalization.variants.generators.current import configured_generator
from personalization.variants.models import Variant
from personalization.variants.workflow import VariantReviewTask, fault_of

ABOVE_ZERO = (
    "visitor_cookie_days",
    "token_hours",
    "profile_half_life_days",
    "profile_recent_items",
    "retention_days",
    "api_max_body_bytes",
    "api_max_events",
    "api_max_slots",
    "deadline_ms",
    "promotion_latency_ms",
)
SHARES = ("global_holdout", "training_holdout", "promotion_coverage_minimum")
PRICED = ("input", "output", "image")
MIDDLEWARE = "personalization.middleware.PersonalizationMiddleware"
SENTENCE_EMBEDDER = "personalization.catalog.embedders.sentence.SentenceEmbedder"


@register("personalization")
def check_names(**kwargs: Any) -> Iterator[CheckMessage]:
    for name in conf.unknown():
        near = get_close_matches(str(name).upper(), conf.NAMES, n=1)
        yield Error(
            f"PERSONALIZATION names {name!r}, which is no setting.",
            hint=f"Did you mean {near[0]!r}?" if near else "Take it out, or look its name up in the reference.",
            id="personalization.E012",
        )


@register("personalization")
def check_catalog(**kwargs: Any) -> list[CheckMessage]:
    return [message for label, path in conf.get().catalog.items() for message in _catalog_entry(label, path)]


def _catalog_entry(label: str, path: str) -> Iterator[CheckMessage]:
    try:
        apps.get_model(label)
    except (LookupError, ValueError, AttributeError):
        yield Error(
            f"PERSONALIZATION['CATALOG'] names {label!r}, which is no installed model.",
            hint='Name page types and snippets as "app_label.ModelName", and see that the app is in INSTALLED_APPS.',
            id="personalization.E001",
        )
    extractor, error = _import(path)
    if not callable(getattr(extractor, "extract", None)):
        yield Error(
            f"PERSONALIZATION['CATALOG'][{label!r}] is {path!r}, which is no extractor. {error}".strip(),
            hint="Name a class with a method extract(obj), such as personalization.catalog.extractors.PageExtractor.",
            id="personalization.E002",
        )


@register("personalization")
def check_embedder(**kwargs: Any) -> Iterator[CheckMessage]:
    path = conf.get().embedder
    embedder, error = _import(path)
    if not callable(getattr(embedder, "embed", None)):
        yield Error(
            f"PERSONALIZATION['EMBEDDER'] is {path!r}, which is no embedder. {error}".strip(),
            hint="Name a class with name, dimensions and embed(texts); see personalization.catalog.embedders.base.",
            id="personalization.E003",
        )
    if path == SENTENCE_EMBEDDER and find_spec("sentence_transformers") is None:
        yield Warning(
            "The embedder needs sentence-transformers, which is not installed.",
            hint="pip install wagtail-slots[embeddings] where workers run, or set EMBEDDER to "
            "personalization.catalog.embedders.tfidf.TfidfEmbedder.",
            id="personalization.W001",
        )


@register("personalization")
def check_image_filter(**kwargs: Any) -> Iterator[CheckMessage]:
    spec = conf.get().image_filter
    try:
        Filter(spec=spec).operations  # noqa: B018
    except (InvalidFilterSpecError, AttributeError, TypeError) as error:
        yield Error(
            f"PERSONALIZATION['IMAGE_FILTER'] is {spec!r}, which Wagtail cannot read. {error}",
            hint='Name a filter as in image templates: "fill-640x400".',
            id="personalization.E004",
        )


@register("personalization")
def check_limits(**kwargs: Any) -> Iterator[CheckMessage]:
    for name in ABOVE_ZERO:
        value = getattr(conf.get(), name)
        if not isinstance(value, (int, float)) or not value > 0:
            yield Error(
                f"PERSONALIZATION[{name.upper()!r}] is {value!r}, which is no number above zero.",
                hint="Leave it out to have the default.",
                id="personalization.E005",
            )


@register("personalization")
def check_shares(**kwargs: Any) -> Iterator[CheckMessage]:
    for name in SHARES:
        value = getattr(conf.get(), name)
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            yield Error(
                f"PERSONALIZATION[{name.upper()!r}] is {value!r}, which is no share between 0 and 1.",
                hint="Write five per cent as 0.05, or leave it out to have the default.",
                id="personalization.E015",
            )


@register("personalization")
def check_event_weights(**kwargs: Any) -> Iterator[CheckMessage]:
    for kind, weight in conf.get().event_weights.items():
        if kind not in KINDS or not isinstance(weight, (int, float)) or not 0 <= weight < inf:
            yield Error(
                f"PERSONALIZATION['EVENT_WEIGHTS'] gives {kind!r} the weight {weight!r}.",
                hint=f"The kinds are {', '.join(sorted(KINDS))}; a weight is a number, 0 or more.",
                id="personalization.E006",
            )


@register("personalization")
def check_training_members(**kwargs: Any) -> Iterator[CheckMessage]:
    for name in conf.get().training_members:
        if name not in SCORERS:
            near = get_close_matches(str(name), SCORERS, n=1)
            yield Error(
                f"PERSONALIZATION['TRAINING_MEMBERS'] names {name!r}, which is no scorer.",
                hint=f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(sorted(SCORERS))}.",
                id="personalization.E013",
            )


@register("personalization")
def check_tracker(**kwargs: Any) -> Iterator[CheckMessage]:
    path = conf.get().tracker
    tracker, error = _import(path) if path else (None, "")
    if path and not callable(getattr(tracker, "track", None)):
        yield Error(
            f"PERSONALIZATION['TRACKER'] is {path!r}, which is no tracker. {error}".strip(),
            hint="Name a class with a method track(run), as personalization.training.tracking.mlflow.MlflowTracker is.",
            id="personalization.E014",
        )


@register("personalization")
def check_generator(**kwargs: Any) -> Iterator[CheckMessage]:
    path = conf.get().generator
    try:
        generator = configured_generator()
    except ImproperlyConfigured as error:
        yield Error(
            f"PERSONALIZATION['GENERATOR'] is {path!r}, and cannot be made with GENERATOR_OPTIONS. {error}",
            hint="docs/reference/settings.md lists the options; leave GENERATOR out to do without a language model.",
            id="personalization.E016",
        )
        return
    if generator is None:
        return
    if not all(callable(getattr(generator, verb, None)) for verb in ("write", "draw", "missing")):
        yield Error(
            f"PERSONALIZATION['GENERATOR'] is {path!r}, which is no generator.",
            hint="Name a class with all that personalization.variants.generators.base.Generator has.",
            id="personalization.E017",
        )
    elif missing := generator.missing():
        yield Warning(
            f"PERSONALIZATION['GENERATOR'] is set, but no language model can be asked. {missing}",
            hint="Until then editors are told so, and write variants by hand.",
            id="personalization.W002",
        )


@register("personalization")
def check_generator_prices(**kwargs: Any) -> Iterator[CheckMessage]:
    for model, prices in conf.get().generator_prices.items():
        if not isinstance(prices, Mapping) or not all(
            kind in PRICED and isinstance(price, (int, float)) and 0 <= price < inf for kind, price in prices.items()
        ):
            yield Error(
                f"PERSONALIZATION['GENERATOR_PRICES'][{model!r}] is {prices!r}, which is no price list.",
                hint='Write what a million tokens cost: {"input": 0.25, "output": 2, "image": 40}.',
                id="personalization.E018",
            )


@register("personalization")
def check_generator_rate(**kwargs: Any) -> Iterator[CheckMessage]:
    rate = conf.get().generator_rate
    if not re.fullmatch(r"([1-9]\d*/[smh])?", str(rate)):
        yield Error(
            f"PERSONALIZATION['GENERATOR_RATE'] is {rate!r}, which Celery cannot read.",
            hint='Write a number of calls and a period, such as "30/m", or "" for no limit.',
            id="personalization.E019",
        )


@register("personalization")
def check_throttles(**kwargs: Any) -> Iterator[CheckMessage]:
    for scope, rate in conf.get().api_throttles.items():
        if not re.fullmatch(r"[1-9]\d*/(s|sec|m|min|h|hour|d|day)", str(rate)):
            yield Error(
                f"PERSONALIZATION['API_THROTTLES'][{scope!r}] is {rate!r}, which is no rate.",
                hint='Write a number of requests and a period: "300/min".',
                id="personalization.E007",
            )


@register("personalization")
def check_policies(**kwargs: Any) -> Iterator[CheckMessage]:
    for name, path in conf.get().policies.items():
        policy, error = _import(path)
        if not isinstance(policy, Policy) or policy.name != name:
            yield Error(
                f"PERSONALIZATION['POLICIES'][{name!r}] is {path!r}, which is no policy of this name. {error}".strip(),
                hint="Name a personalization.slots.policies.Policy that is made with the same name.",
                id="personalization.E008",
            )
        elif name in BUILT_IN:
            yield Error(
                f"PERSONALIZATION['POLICIES'] gives {name!r} anew, which is built in.",
                hint="Give your policy another name.",
                id="personalization.E009",
            )


@register("personalization")
def check_slot_templates(**kwargs: Any) -> Iterator[CheckMessage]:
    for name in conf.get().slot_templates:
        try:
            get_template(name)
        except (TemplateDoesNotExist, TemplateSyntaxError) as error:
            yield Error(
                f"PERSONALIZATION['SLOT_TEMPLATES'] names {name!r}, which cannot be loaded: {error}",
                hint="Name a template as in {% include %}.",
                id="personalization.E010",
            )


@register("personalization")
def check_middleware(**kwargs: Any) -> Iterator[CheckMessage]:
    if MIDDLEWARE not in settings.MIDDLEWARE:
        yield Error(
            "Without its middleware, pages with slots are not kept out of caches, and nobody's exposures are recorded.",
            hint=f"Add {MIDDLEWARE!r} to MIDDLEWARE, after the authentication middleware.",
            id="personalization.E011",
        )


@register("personalization")
def check_workflows(**kwargs: Any) -> Iterator[CheckMessage]:
    if not getattr(settings, "WAGTAIL_WORKFLOW_ENABLED", True):
        yield Warning(
            "Wagtail's workflows are switched off: no variant can be reviewed, so none can be shown.",
            hint="Take WAGTAIL_WORKFLOW_ENABLED = False out of the settings, or leave variants alone.",
            id="personalization.W003",
        )


@register(Tags.database)
def check_review(databases: Collection[str] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Whether the workflow that an administrator has assigned to variants can approve any."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or not _has_table(VariantReviewTask):
        return
    workflow = Variant.get_default_workflow()
    if workflow and (fault := fault_of(workflow)):
        yield Warning(fault, hint="Add the step “review of variants” to it.", id="personalization.W004")


def _has_table(model: type[Model]) -> bool:
    return model._meta.db_table in connection.introspection.table_names()


def _import(path: Any) -> tuple[Any, str]:
    try:
        return import_string(path), ""
    except (ImportError, AttributeError, TypeError) as error:
        return None, str(error)
