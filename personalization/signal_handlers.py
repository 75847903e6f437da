"""The CMS's signals, turned into calls of the rooms' services.

A row changes in the transaction of the change it follows: what was withdrawn is gone on the next request, even with no
worker to be found. Only what takes long, texts and embeddings, is left to tasks.
"""

from contextlib import suppress
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.core.signals import setting_changed
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, Q
from django.db.models.signals import post_delete, post_migrate, post_save, pre_delete
from django.dispatch import receiver
from django.http import HttpRequest
from taggit.managers import TaggableManager
from taggit.models import ItemBase, TagBase
from waffle import get_waffle_flag_model, get_waffle_switch_model
from wagtail.images import get_image_model
from wagtail.images.models import AbstractRendition
from wagtail.models import AbstractPage, PageViewRestriction, ReferenceIndex, Site, WorkflowState
from wagtail.signals import (
    page_published,
    page_slug_changed,
    post_page_move,
    published,
    unpublished,
    workflow_cancelled,
)

from personalization import conf, tasks
from personalization.catalog import services as catalog
from personalization.catalog.extractors import rendition_url
from personalization.catalog.keys import key_of, page_model
from personalization.catalog.models import Epoch, Item
from personalization.catalog.places import paths_with_aliases
from personalization.catalog.registry import catalog_models, extractor_for
from personalization.events.privacy import join_at_login
from personalization.experiments.flagging import note_flag, note_switch
from personalization.experiments.obstacles import SWITCH, is_on
from personalization.slots.models import Slot
from personalization.training.services import training_requested
from personalization.variants import services as variants
from personalization.variants import staleness
from personalization.variants.models import RuleSet, Variant
from personalization.variants.serving import SWITCH as AI_SWITCH
from personalization.variants.workflow import ensure_workflow
from personalization.visitors.identity import read_key, remember_cookie_change
from personalization.visitors.models import Segment
from personalization.visitors.services import get_visitor

# What Wagtail writes about a page's drafts, locks and children; none of it is shown.
BOOKKEEPING = frozenset(
    [
        "latest_revision",
        "latest_revision_created_at",
        "has_unpublished_changes",
        "draft_title",
        "live_revision",
        "numchild",
        "locked",
        "locked_at",
        "locked_by",
    ]
)
# An image that stands on more objects than this is left to a task.
FEW = 50


def index(obj: Model) -> None:
    """Bring the object's row up to date now, and its embedding soon if there are new words to embed."""
    before = _words_shown(obj)
    item = catalog.index_object(obj=obj)
    if item is not None and item.live and item.text_hash != before:
        staleness.notice_changed_sources(item_keys=[item.key])
        tasks.enqueue(tasks.embed_items)


def _words_shown(obj: Model) -> str | None:
    return Item.objects.live().filter(key=key_of(obj)).values_list("text_hash", flat=True).first()


def index_below(path: str) -> None:
    """Correct the places of all pages below now, and read them again soon."""
    catalog.place_subtree(path_prefix=path)
    tasks.enqueue(tasks.index_subtree, path)


@receiver(post_save)
def index_saved(
    sender: type[Model], instance: Model, raw: bool = False, update_fields: Any = None, **kwargs: Any
) -> None:
    if raw or (update_fields is not None and BOOKKEEPING.issuperset(update_fields)):
        return
    if isinstance(instance, AbstractPage):
        index(instance)
        if update_fields is not None and not {"alias_of", "alias_of_id"}.isdisjoint(update_fields):
            index_below(instance.path)  # from now on its own view restrictions count, not those of its source
    elif isinstance(instance, ItemBase):
        index_tagged(sender, instance)
    elif extractor_for(sender):
        index(instance)


@receiver(page_published)
def index_published_page(sender: type[Model], instance: AbstractPage, **kwargs: Any) -> None:
    """Once more, now that the page's child objects are saved too."""
    index(instance)


@receiver(published)
def index_published_snippet(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    if not isinstance(instance, AbstractPage):
        index(instance)


@receiver(published, sender=Variant)
def draw_variants_image(sender: type[Model], instance: Variant, **kwargs: Any) -> None:
    """Make the cards' format of its image now, so that no visitor's page has to wait for it."""
    if instance.image_id:
        rendition_url(instance.image)


@receiver(unpublished, sender=Variant)
def retire_unpublished_variant(sender: type[Model], instance: Variant, **kwargs: Any) -> None:
    staleness.note_unpublished(variant=instance)


@receiver(workflow_cancelled)
def note_cancelled_review(sender: type[Model], instance: WorkflowState, **kwargs: Any) -> None:
    variants.note_cancelled_review(workflow_state=instance)


@receiver(post_save, sender=Slot)
def note_slots_words(sender: type[Model], instance: Slot, raw: bool = False, **kwargs: Any) -> None:
    """A slot's own heading and text may have variants, which were approved for what it said."""
    if not raw:
        staleness.notice_changed_sources(slot_keys=[instance.key])


@receiver(post_save, sender=get_image_model())
def note_replaced_image(sender: type[Model], instance: Model, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if not created and not raw:
        staleness.note_changed_image(image=instance)


@receiver(pre_delete, sender=get_image_model())
def note_deleted_image(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    staleness.note_changed_image(image=instance, is_going=True)


@receiver([post_save, post_delete], sender=RuleSet)
def hold_variants_against_new_rules(sender: type[Model], instance: RuleSet, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        tasks.enqueue(tasks.recheck_variants)


@receiver(post_migrate)
def prepare_review(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Let a fresh installation's administrators find the review among Wagtail's workflows, to be adapted."""
    if sender.name == "personalization" and using == DEFAULT_DB_ALIAS and _is_migrated(Variant):
        ensure_workflow()


def _is_migrated(model: type[Model]) -> bool:
    return model._meta.db_table in connection.introspection.table_names()


@receiver(post_page_move)
def place_moved(sender: type[Model], instance: AbstractPage, **kwargs: Any) -> None:
    """The siblings too, for a page that moves in among them pushes their paths along."""
    index_below(instance.path[: -instance.steplen])


@receiver(page_slug_changed)
def place_renamed(sender: type[Model], instance: AbstractPage, **kwargs: Any) -> None:
    index_below(instance.path)


@receiver([post_save, post_delete], sender=Site)
def place_site(sender: type[Model], raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        Site.clear_site_root_paths_cache()
        index_below("")


@receiver([post_save, post_delete], sender=PageViewRestriction)
def place_restricted(sender: type[Model], instance: PageViewRestriction, raw: bool = False, **kwargs: Any) -> None:
    """The page and its aliases, for an alias shares its source's restrictions."""
    for path in [] if raw else paths_with_aliases(Q(pk=instance.page_id)):
        index_below(path)


@receiver(post_save)
def index_renamed_tag(
    sender: type[Model], instance: Model, created: bool = False, raw: bool = False, **kwargs: Any
) -> None:
    if isinstance(instance, TagBase) and not created and not raw:
        tasks.enqueue(tasks.index_catalog)


def index_tagged(sender: type[ItemBase], instance: ItemBase, **kwargs: Any) -> None:
    try:
        obj = instance.content_object
    except ObjectDoesNotExist:
        return
    if obj is not None:
        index(obj)


@receiver([post_save, post_delete], sender=Segment)
def renew_segments(sender: type[Model], **kwargs: Any) -> None:
    """Let every process read slots and segments again."""
    Epoch.objects.advance("slots")


def withdraw_deleted(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    catalog.withdraw_object(obj=instance)


def index_users_of_image(sender: type[Model], instance: AbstractRendition, **kwargs: Any) -> None:
    """Wagtail deletes an image's renditions when its file is replaced: the cards' addresses no longer answer."""
    if instance.filter_spec != conf.get().image_filter:
        return
    instance.purge_from_cache()
    Epoch.objects.advance("variants")
    users = _users_of(instance.image)
    if len(users) > FEW:
        tasks.enqueue(tasks.index_catalog)
    else:
        for obj in users:
            index(obj)


def _users_of(image: Model) -> list[Model]:
    references = ReferenceIndex.get_references_to(image).values_list("content_type", "object_id").distinct()
    types = [(ContentType.objects.get_for_id(type_id).model_class(), pk) for type_id, pk in references]
    found = (model._base_manager.filter(pk=pk).first() for model, pk in types if extractor_for(model))
    return [obj for obj in found if obj is not None]


def connect_deletions() -> None:
    """Sender by sender: a handler of every deletion would cost all of Django its fast deletes."""
    post_delete.connect(index_users_of_image, sender=get_image_model().get_rendition_model())
    post_delete.connect(withdraw_deleted, sender=page_model())
    for model in catalog_models():
        if not issubclass(model, AbstractPage):
            post_delete.connect(withdraw_deleted, sender=model)
        for field in model._meta.get_fields():
            if isinstance(field, TaggableManager):
                post_delete.connect(index_tagged, sender=field.through)


@receiver(setting_changed)
def connect_again(setting: str, **kwargs: Any) -> None:
    if setting == "PERSONALIZATION":
        _connect_if_declared()


def _connect_if_declared() -> None:
    # Where CATALOG is wrong, the system checks say so, and what to do about it.
    with suppress(LookupError, ImportError, ValueError, TypeError, AttributeError, ImproperlyConfigured):
        connect_deletions()


_connect_if_declared()


@receiver(user_logged_in)
def join_visitor(sender: type[Model], request: HttpRequest | None, user: Model, **kwargs: Any) -> None:
    """Let what was learned before the login join the user's, and the cookie name the user's visitor or nobody."""
    if request is None:
        return
    key = read_key(cookies=request.COOKIES, headers=request.headers)
    own = join_at_login(visitor=get_visitor(key=key) if key else None, user=user)
    remember_cookie_change(request, own.key if own else None)


@receiver(user_logged_out)
def forget_visitor(sender: type[Model], request: HttpRequest | None, user: Model | None, **kwargs: Any) -> None:
    """Leave the device without the user's cookie; an anonymous visitor's stays."""
    if request is None or user is None:
        return
    key = read_key(cookies=request.COOKIES, headers=request.headers)
    visitor = get_visitor(key=key) if key else None
    if visitor is None or visitor.user_id is not None:
        remember_cookie_change(request, None)


@receiver(training_requested)
def begin_training(**kwargs: Any) -> None:
    """Tell a worker at once; were none to hear it, the schedule finds the request."""
    tasks.enqueue(tasks.train_if_due)


@receiver([post_save, post_delete], sender=get_waffle_flag_model())
def note_flag_change(sender: type[Model], instance: Model, raw: bool = False, **kwargs: Any) -> None:
    """Let the history of experiments tell that a flag they depend on went off, or on again."""
    if not raw:
        note_flag(name=instance.name, is_on=is_on(instance.name))


@receiver([post_save, post_delete], sender=get_waffle_switch_model())
def note_switch_change(sender: type[Model], instance: Model, raw: bool = False, **kwargs: Any) -> None:
    """A switch that does not exist counts as on. That of AI words takes them from every process's next page."""
    if not raw and instance.name == AI_SWITCH:
        Epoch.objects.advance("variants")
    if not raw and instance.name == SWITCH:
        note_switch(name=SWITCH, is_on=not sender.objects.filter(name=SWITCH, active=False).exists())
