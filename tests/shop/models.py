"""Snippets as a site might have them: one with drafts and translations, one without either."""

from django.db import models
from taggit.managers import TaggableManager
from wagtail.models import DraftStateMixin, RevisionMixin, TranslatableMixin
from wagtail.snippets.models import register_snippet


@register_snippet
class Offer(DraftStateMixin, RevisionMixin, TranslatableMixin, models.Model):
    title = models.CharField(max_length=300)
    introduction = models.TextField(blank=True)
    terms = models.TextField(blank=True)

    class Meta(TranslatableMixin.Meta):
        pass

    def __str__(self) -> str:
        return self.title


@register_snippet
class Product(models.Model):
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    tags = TaggableManager(blank=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/shop/{self.pk}/"
