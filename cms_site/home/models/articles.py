from typing import Any

from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import TaggedItemBase
from wagtail.admin.panels import FieldPanel, MultiFieldPanel
from wagtail.api import APIField
from wagtail.fields import StreamField
from wagtail.images.api.fields import ImageRenditionField
from wagtail.models import Page
from wagtail.search import index

from cms_site.home.blocks import StoryBlock
from cms_site.home.listings import CARD_SIZES, CardManager, attach_parents, paginate

WORDS_PER_MINUTE = 220


class Tone(models.TextChoices):
    """The colours a section may have. Each is a class of the style sheet, readable by day and by night."""

    INK = "ink", _("Ink")
    NIGHT = "night", _("Night")
    EMBER = "ember", _("Ember")
    MOSS = "moss", _("Moss")
    BRICK = "brick", _("Brick")
    PLUM = "plum", _("Plum")
    LAGOON = "lagoon", _("Lagoon")
    STEEL = "steel", _("Steel")
    VIOLET = "violet", _("Violet")
    OLIVE = "olive", _("Olive")


class SectionPage(Page):
    description = models.TextField(_("description"), blank=True)
    tone = models.CharField(_("colour"), max_length=16, choices=Tone.choices, default=Tone.INK)

    show_in_menus_default = True
    parent_page_types = ["home.HomePage"]
    subpage_types = ["home.ArticlePage"]
    content_panels = [*Page.content_panels, FieldPanel("description"), FieldPanel("tone")]
    search_fields = [*Page.search_fields, index.SearchField("description")]
    api_fields = [APIField("description"), APIField("tone")]

    class Meta:
        verbose_name = _("section")

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        articles = ArticlePage.objects.child_of(self).showable().with_covers().order_by("-date", "pk")
        screen = paginate(request, articles, size=13)
        for article in screen:
            article.section = self
        return super().get_context(request, *args, **kwargs) | {"articles": screen}


class ArticleTag(TaggedItemBase):
    content_object = ParentalKey("home.ArticlePage", on_delete=models.CASCADE, related_name="tagged_items")


class ArticlePage(Page):
    summary = models.TextField(_("summary"), max_length=300, help_text=_("One sentence that makes one read on."))
    cover = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("cover"),
    )
    byline = models.CharField(_("byline"), max_length=120, blank=True)
    date = models.DateTimeField(_("published"), default=timezone.now, db_index=True)
    body = StreamField(StoryBlock(), verbose_name=_("body"), blank=True)
    tags = ClusterTaggableManager(through=ArticleTag, blank=True, verbose_name=_("tags"))

    objects = CardManager()

    parent_page_types = ["home.SectionPage"]
    subpage_types: list[str] = []
    content_panels = [
        *Page.content_panels,
        FieldPanel("summary"),
        FieldPanel("cover"),
        FieldPanel("body"),
        MultiFieldPanel(
            [FieldPanel("byline"), FieldPanel("date"), FieldPanel("tags")], heading=_("About this article")
        ),
    ]
    search_fields = [
        *Page.search_fields,
        index.SearchField("summary", boost=2),
        index.SearchField("body"),
        index.AutocompleteField("title"),
        index.FilterField("date"),
        index.RelatedFields("tags", [index.SearchField("name"), index.FilterField("slug")]),
    ]
    api_fields = [
        APIField("summary"),
        APIField("byline"),
        APIField("date"),
        APIField("body"),
        APIField("tags"),
        APIField("cover"),
        APIField("cover_card", serializer=ImageRenditionField(CARD_SIZES[0], source="cover")),
    ]
    preview_modes = [("", _("Article")), ("card", _("Card in a listing"))]

    class Meta:
        verbose_name = _("article")

    @cached_property
    def section(self) -> SectionPage | None:
        """The section it stands in; listings set it for all their articles at once."""
        return attach_sections([self])[0].section

    @cached_property
    def reading_minutes(self) -> int:
        words = sum(len(text.split()) for text in self.body.stream_block.get_searchable_content(self.body))
        return max(1, round(words / WORDS_PER_MINUTE))

    def get_preview_template(self, request: HttpRequest, mode_name: str) -> str:
        return (
            "home/article_card_preview.html"
            if mode_name == "card"
            else super().get_preview_template(request, mode_name)
        )


def attach_sections(articles: Any) -> list[ArticlePage]:
    """The articles, each knowing its section."""
    return attach_parents(articles, SectionPage.objects.all(), name="section")
