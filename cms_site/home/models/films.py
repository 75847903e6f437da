from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey
from taggit.models import Tag, TaggedItemBase
from wagtail.admin.panels import FieldPanel, FieldRowPanel
from wagtail.api import APIField
from wagtail.fields import RichTextField
from wagtail.images.api.fields import ImageRenditionField
from wagtail.models import Page
from wagtail.search import index

from cms_site.home.blocks import PROSE
from cms_site.home.listings import CARD_SIZES, CardManager, paginate


class FilmGenre(TaggedItemBase):
    content_object = ParentalKey("home.FilmPage", on_delete=models.CASCADE, related_name="tagged_items")


class FilmPage(Page):
    year = models.PositiveSmallIntegerField(
        _("year"), null=True, blank=True, db_index=True, validators=[MinValueValidator(1870), MaxValueValidator(2100)]
    )
    plot = models.TextField(_("plot"), blank=True)
    director = models.CharField(_("director"), max_length=255, blank=True)
    actors = models.TextField(_("actors"), blank=True)
    cover = models.ForeignKey(
        "wagtailimages.Image",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("cover"),
    )
    tags = ClusterTaggableManager(through=FilmGenre, blank=True, verbose_name=_("genres"))

    objects = CardManager()

    parent_page_types = ["home.FilmIndexPage"]
    subpage_types: list[str] = []
    content_panels = [
        *Page.content_panels,
        FieldRowPanel([FieldPanel("year"), FieldPanel("director")]),
        FieldPanel("plot"),
        FieldPanel("actors"),
        FieldPanel("tags"),
        FieldPanel("cover"),
    ]
    search_fields = [
        *Page.search_fields,
        index.SearchField("plot"),
        index.SearchField("director"),
        index.SearchField("actors"),
        index.AutocompleteField("title"),
        index.FilterField("year"),
        index.RelatedFields("tags", [index.SearchField("name"), index.FilterField("slug")]),
    ]
    api_fields = [
        APIField("year"),
        APIField("summary"),
        APIField("plot"),
        APIField("director"),
        APIField("actors"),
        APIField("tags"),
        APIField("cover"),
        APIField("cover_card", serializer=ImageRenditionField(CARD_SIZES[0], source="cover")),
    ]

    class Meta:
        verbose_name = _("film")

    @property
    def summary(self) -> str:
        """The beginning of the plot, as long as a card has room for."""
        return Truncator(self.plot).chars(160)


class FilmIndexPage(Page):
    intro = RichTextField(_("introduction"), blank=True, features=PROSE)

    show_in_menus_default = True
    parent_page_types = ["home.HomePage"]
    subpage_types = ["home.FilmPage"]
    content_panels = [*Page.content_panels, FieldPanel("intro")]
    search_fields = [*Page.search_fields, index.SearchField("intro")]
    api_fields = [APIField("intro")]

    class Meta:
        verbose_name = _("film index")

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        genres = list(Tag.objects.filter(pk__in=FilmGenre.objects.values("tag")).order_by("name"))
        genre = next((tag for tag in genres if tag.slug == request.GET.get("genre")), None)
        films = FilmPage.objects.child_of(self).showable().with_covers()
        films = films.order_by(models.F("year").desc(nulls_last=True), "title")
        if genre:
            films = films.filter(tagged_items__tag=genre)
        listing = {"films": paginate(request, films, size=48), "genre": genre, "genres": genres}
        return super().get_context(request, *args, **kwargs) | listing
