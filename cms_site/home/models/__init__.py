from cms_site.home.models.articles import ArticlePage, ArticleTag, SectionPage, Tone
from cms_site.home.models.films import FilmGenre, FilmIndexPage, FilmPage
from cms_site.home.models.front import HomePage, TagIndexPage

__all__ = [
    "ArticlePage",
    "ArticleTag",
    "FilmGenre",
    "FilmIndexPage",
    "FilmPage",
    "HomePage",
    "SectionPage",
    "TagIndexPage",
    "Tone",
]
