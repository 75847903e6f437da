"""manage.py load_movielens: a real data set becomes pages, catalog and history, once."""

from datetime import timedelta
from functools import partial
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from wagtail.models import Page, ReferenceIndex

from cms_site.demo.movielens import DataError, read_films, read_ratings
from cms_site.home import covers
from cms_site.home.films import visitor_key
from cms_site.home.management.commands import load_movielens
from cms_site.home.models import FilmIndexPage, FilmPage
from personalization.catalog import snapshot
from personalization.catalog.models import Embedding, Item
from personalization.events.models import Event
from personalization.visitors.models import Visitor
from tests.factories import root_collection

MOVIES = """\
movieId,title,genres
1,Toy Story (1995),Adventure|Animation
2,"Usual Suspects, The (1995)",Crime|Sci-Fi
3,"City of Lost Children, The (Cité des enfants perdus, La) (1995)",Fantasy
4,Babylon 5,Sci-Fi
5,Nobody Saw This (2001),(no genres listed)
6,"Cry, the Beloved Country (1995)",Drama
"""
RATINGS = """\
userId,movieId,rating,timestamp
1,1,4.0,1000000000
1,2,3.5,1100000000
2,1,0.5,1200000000
2,3,5.0,1300000000
30,6,4.5,1400000000
"""
TAGS = """\
userId,movieId,tag,timestamp
1,2,sci-fi,1
2,2,Sci-Fi,1
1,1,Pixar,1
2,1,pixar,1
1,1,lonely opinion,1
"""
PLOTS = """\
movieId,rated,director,actors,plot
1,G,John Lasseter,"Tom Hanks, Tim Allen","A boy's toys come to life."
4,,,,"A space station, and those who pass through."
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {"movies": MOVIES, "ratings": RATINGS, "tags": TAGS, "plots": PLOTS}.items():
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def film_site(site, monkeypatch) -> None:
    """A site to load into; its covers are drawn as always, but small."""
    root_collection()
    snapshot.forget()
    monkeypatch.setattr(covers, "draw_cover", partial(covers.draw_cover, size=(160, 100)))


@pytest.fixture
def loaded(film_site, folder: Path) -> Path:
    load(folder)
    return folder


def load(folder: Path, **options) -> str:
    out = StringIO()
    call_command("load_movielens", str(folder), stdout=out, no_color=True, **options)
    return " ".join(out.getvalue().split())


def film(title: str) -> FilmPage:
    return FilmPage.objects.get(title=title)


def test_titles_are_as_people_say_them_and_years_stand_apart(folder):
    assert [(film.title, film.year) for film in read_films(folder)] == [
        ("Toy Story", 1995),
        ("The Usual Suspects", 1995),
        ("The City of Lost Children (Cité des enfants perdus, La)", 1995),
        ("Babylon 5", None),
        ("Nobody Saw This", 2001),
        ("Cry, the Beloved Country", 1995),
    ]


def test_films_with_a_plot_or_a_rating_become_pages(loaded):
    titles = set(FilmPage.objects.live().values_list("title", flat=True))
    assert "Babylon 5" in titles
    assert "The Usual Suspects" in titles
    assert "Nobody Saw This" not in titles
    assert len(titles) == 5


def test_pages_are_as_whole_as_those_made_one_by_one(loaded, client):
    index = FilmIndexPage.objects.get()
    toys = film("Toy Story")
    assert (toys.director, toys.actors) == ("John Lasseter", "Tom Hanks, Tim Allen")
    assert toys.get_parent().specific == index
    assert index.numchild == index.get_children().count() == 5
    assert toys.url_path == f"{index.url_path}toy-story-1/"
    assert Page.find_problems() == ([], [], [], [], [])
    assert toys.save_revision().publish() is None
    assert client.get(toys.url).status_code == 200
    assert list(ReferenceIndex.get_references_to(toys.cover)) != []
    assert toys in FilmPage.objects.search("lasseter").get_queryset()


def test_genres_and_words_of_at_least_two_people_become_tags(loaded):
    assert set(film("Toy Story").tags.names()) == {"Adventure", "Animation", "pixar"}
    assert set(film("The Usual Suspects").tags.names()) == {"Crime", "Sci-Fi"}


def test_every_film_is_in_the_catalog_with_an_embedding(loaded):
    assert (
        Item.objects.live()
        .filter(key__in=[f"page:{pk}" for pk in FilmPage.objects.values_list("pk", flat=True)])
        .count()
        == 5
    )
    assert Embedding.objects.count() >= 5
    assert "Crime" in Item.objects.get(title="The Usual Suspects").text


def test_each_rating_is_one_event_liked_or_seen(loaded):
    facts = {(e.visitor_key, e.item_key): (e.kind, e.goal) for e in Event.objects.all()}
    assert len(facts) == 5
    toys = f"page:{film('Toy Story').pk}"
    assert facts[visitor_key(1), toys] == ("conversion", "like")
    assert facts[visitor_key(2), toys] == ("view", "")
    assert set(Event.objects.values_list("for_personalization", "for_analytics", "source")) == {(True, False, "import")}


def test_people_are_pseudonyms_who_allowed_personalization_only(loaded):
    visitors = Visitor.objects.select_related("consent", "profile")
    assert {visitor.key for visitor in visitors} == {visitor_key(user) for user in (1, 2, 30)}
    for visitor in visitors:
        assert (visitor.consent.analytics, visitor.consent.personalization) == (False, True)
        assert not visitor.simulated
    one = visitors.get(key=visitor_key(1))
    assert [key for key, *_rest in one.profile.recent] == [
        f"page:{film(t).pk}" for t in ("Toy Story", "The Usual Suspects")
    ]


def test_dates_keep_their_order_and_fit_into_the_year(loaded):
    made = FilmIndexPage.objects.get().first_published_at
    times = list(Event.objects.order_by("occurred_at").values_list("occurred_at", flat=True))
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert times[-1] == made
    assert times[0] == made - timedelta(days=300)
    assert gaps == pytest.approx([75 * 86_400] * 4)
    assert film("The City of Lost Children (Cité des enfants perdus, La)").first_published_at == times[3]


def test_loading_again_adds_nothing(loaded):
    before = (Page.objects.count(), Event.objects.count(), Visitor.objects.count())
    assert "0 films added, 0 catalog rows changed, 0 texts embedded, 0 ratings added of 5" in load(loaded)
    assert (Page.objects.count(), Event.objects.count(), Visitor.objects.count()) == before


def test_an_interrupted_loading_goes_on_where_it_stopped(film_site, folder, monkeypatch):
    def interrupt(**kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(load_movielens, "record_history", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load(folder)
    assert FilmPage.objects.count() == 5
    assert not Event.objects.exists()
    assert "0 films added" in load(folder)
    assert Event.objects.count() == 5


def test_a_limit_loads_the_first_people_and_more_can_follow(film_site, folder):
    load(folder, limit_users=1)
    assert set(FilmPage.objects.values_list("title", flat=True)) == {"Toy Story", "The Usual Suspects", "Babylon 5"}
    assert Event.objects.count() == 2
    assert "2 films added" in load(folder)
    assert Event.objects.count() == 5
    assert Page.find_problems() == ([], [], [], [], [])


def test_plots_and_tags_may_be_missing(film_site, folder):
    (folder / "plots.csv").unlink()
    (folder / "tags.csv").unlink()
    load(folder)
    assert FilmPage.objects.count() == 4


def test_embeddings_can_be_left_to_the_worker(film_site, folder):
    assert "0 texts embedded" in load(folder, no_embed=True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ratings.csv", None, "does not exist"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n", "has no ratings"),
        ("ratings.csv", "userId,movieId,rating\n1,1,4.0\n", "has no column timestamp"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,1\nx,1,4.0,1\n", "line 3: userId is 'x'"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,1,nan,1\n", "line 2: rating is 'nan'"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0,-5\n", "timestamp is '-5'"),
        ("ratings.csv", "userId,movieId,rating,timestamp\n1,1,4.0\n", "timestamp is None"),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n1,\xff,4.0,1\n", "cannot be read"),
        ("movies.csv", "movieId,title\n1,Toy Story\n", "has no column genres"),
    ],
)
def test_a_damaged_file_is_named_with_the_line_and_nothing_is_loaded(film_site, folder, name, content, said):
    path = folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommandError, match=said):
        load(folder)
    assert not FilmIndexPage.objects.exists()


def test_a_folder_that_is_not_there_says_what_belongs_in_it(tmp_path):
    with pytest.raises(DataError, match="ml-latest-small"):
        read_ratings(tmp_path / "nowhere")


def test_a_limit_below_one_is_refused(film_site, folder):
    with pytest.raises(CommandError, match="at least 1"):
        load(folder, limit_users=0)
