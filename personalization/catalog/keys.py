"""Names of items: the key says which row it is, the group which rows share their history."""

from typing import Any

from django.db.models import Model
from wagtail.models import AbstractPage, Site


def page_model() -> type[AbstractPage]:
    """The site's base page model: Wagtail's own, or the one that takes its place."""
    return Site._meta.get_field("root_page").related_model


def key_of(obj: Model) -> str:
    """The key of one object: ``page:12`` or ``shop.product:7``."""
    return key_for(type(obj), obj.pk)


def key_for(model: type[Model], pk: Any) -> str:
    """The key that the object of this model and primary key has."""
    return f"{'page' if issubclass(model, AbstractPage) else model._meta.label_lower}:{pk}"


def group_of(obj: Model) -> str:
    """The collaborative id of one object, which its translations share."""
    prefix = "page" if isinstance(obj, AbstractPage) else obj._meta.label_lower
    return f"{prefix}:{getattr(obj, 'translation_key', None) or obj.pk}"
