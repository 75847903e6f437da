from cms_site.home.models import FilmPage
from personalization.catalog.extractors import PageExtractor


class FilmExtractor(PageExtractor):
    """Two of three films come without a plot: their genres and people must speak for them."""

    def text(self, obj: FilmPage) -> str:
        people = [part for part in (obj.director, obj.actors) if part]
        return " ".join([obj.plot, *(f"{line}." for line in (", ".join(self.tags(obj)), *people) if line)]).strip()
