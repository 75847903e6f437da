"""What a site declares that may be shown: its models, each with the extractor that reads it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.db.models import Model
from django.utils.module_loading import import_string
from wagtail.models import AbstractPage, get_page_models

from personalization import conf
from personalization.catalog.extractors import Extractor


@cache
def registered() -> dict[type[Model], Extractor]:
    """The declared models and their extractors, from the CATALOG setting."""
    return {apps.get_model(label): import_string(path)() for label, path in conf.get().catalog.items()}


def extractor_for(model: type[Model] | None) -> Extractor | None:
    """The extractor of a model. A page type without one of its own is read as the nearest declared type above it."""
    if model is None:
        return None
    if not issubclass(model, AbstractPage):
        return registered().get(model)
    return next((registered()[base] for base in model.__mro__ if base in registered()), None)


def catalog_models() -> Iterator[type[Model]]:
    """Every model with an extractor, the page types below a declared one among them."""
    yield from catalog_page_models()
    yield from (model for model in registered() if not issubclass(model, AbstractPage))


def catalog_page_models() -> Iterator[type[AbstractPage]]:
    """Every page type with an extractor."""
    yield from (model for model in get_page_models() if extractor_for(model))


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting == "PERSONALIZATION":
        registered.cache_clear()


setting_changed.connect(_forget)
