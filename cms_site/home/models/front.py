from typing import Any

from django.db import models
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from taggit.models import Tag
from wagtail.admin.panels import FieldPanel
from wagtail.api import APIField
from wagtail.contrib.routable_page.models import RoutablePageMixin, path
from wagtail.fields import StreamField
from wagtail.models import Page
from wagtail.search import index

from cms_site.home.blocks import StoryBlock
from cms_site.home.listings import CardQuerySet, paginate
from cms_site.home.models.articles import ArticlePage, ArticleTag, attach_sections


class HomePage(Page):
    intro = models.TextField(_("introduction"), blank=True, help_text=_("One or two sentences under the name."))
    body = StreamField(
        StoryBlock(), verbose_name=_("body"), blank=True, help_text=_("Shown under the latest articles.")
    )
    readers_are_simulated = models.BooleanField(
        _("readers are simulated"),
        default=False,
        help_text=_("Says at the foot of every page that the readers on this site are not real people."),
    )

    parent_page_types = ["wagtailcore.Page"]
    subpage_types = ["home.SectionPage", "home.TagIndexPage", "home.FilmIndexPage"]
    content_panels = [*Page.content_panels, FieldPanel("intro"), FieldPanel("body")]
    settings_panels = [*Page.settings_panels, FieldPanel("readers_are_simulated")]
    search_fields = [*Page.search_fields, index.SearchField("intro"), index.SearchField("body")]
    api_fields = [APIField("intro"), APIField("body"), APIField("readers_are_simulated")]

    class Meta:
        verbose_name = _("home page")

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        newest = ArticlePage.objects.descendant_of(self).showable().with_covers().order_by("-date", "pk")[:7]
        articles = attach_sections(newest)
        return super().get_context(request, *args, **kwargs) | {"lead": articles[:1], "latest": articles[1:]}


class TagIndexPage(RoutablePageMixin, Page):
    description = models.TextField(_("description"), blank=True)

    parent_page_types = ["home.HomePage"]
    subpage_types: list[str] = []
    content_panels = [*Page.content_panels, FieldPanel("description")]
    api_fields = [APIField("description")]

    class Meta:
        verbose_name = _("tag index")

    def articles(self) -> CardQuerySet:
        """The articles that stand beside this page: of this site, in this language."""
        return ArticlePage.objects.filter(path__startswith=self.path[: -self.steplen]).showable()

    def tags(self) -> models.QuerySet[Tag]:
        """Every tag in use, with the number of its articles as ``uses``."""
        used = ArticleTag.objects.filter(content_object__in=self.articles()).values("tag").annotate(uses=Count("pk"))
        uses = models.Subquery(used.filter(tag=models.OuterRef("pk")).values("uses"))
        return Tag.objects.annotate(uses=uses).filter(uses__gt=0).order_by("name")

    @path("")
    def all_tags(self, request: HttpRequest) -> HttpResponse:
        return self.render(request, context_overrides={"tags": self.tags()})

    @path("<slug:slug>/", name="tag")
    def one_tag(self, request: HttpRequest, slug: str) -> HttpResponse:
        tag = get_object_or_404(self.tags(), slug=slug)
        articles = self.articles().filter(tagged_items__tag=tag).with_covers().order_by("-date", "pk")
        screen = paginate(request, articles, size=12)
        screen.object_list = attach_sections(screen.object_list)
        return self.render(request, context_overrides={"tag": tag, "articles": screen}, template="home/tag_page.html")
