"""A walk through every page of ours in the admin: the addresses, from the resolver, and what each role gets there."""

from collections.abc import Iterator
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.urls import get_resolver, reverse

OURS = ("personalization_", "wagtailsnippets_personalization_", "wagtailsnippetchoosers_personalization_")

Page = tuple[str, tuple[str, ...]]


def pages() -> Iterator[Page]:
    """The name of every page of ours, and of the parts of its address."""
    resolver = get_resolver("wagtail.admin.urls")
    for namespace, (_prefix, inner) in sorted(resolver.namespace_dict.items()):
        if namespace.startswith(OURS):
            for name in sorted(name for name in inner.reverse_dict if isinstance(name, str)):
                yield f"{namespace}:{name}", tuple(inner.reverse_dict[name][0][0][1])
    for name in resolver.reverse_dict:
        if isinstance(name, str) and name.startswith(OURS):
            yield name, ()


def address(page: Page, parts: dict[str, Any]) -> str:
    name, wanted = page
    return reverse(name, kwargs={part: parts[part] for part in wanted})


def rows_of_ours() -> dict[str, list]:
    """Every row of our tables and of the log, to tell whether anything has changed."""
    models = [ContentType.model_class(one) for one in ContentType.objects.filter(app_label="personalization")]
    found = {model._meta.db_table: list(model._base_manager.order_by("pk").values_list()) for model in models if model}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM wagtailcore_modellogentry")
        return found | {"log": cursor.fetchall()}
