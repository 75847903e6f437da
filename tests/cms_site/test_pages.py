"""The magazine's pages, as a reader and a headless front end get them."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.template.loader import render_to_string
from django.utils import timezone
from wagtail.models import PageViewRestriction

from personalization.slots.models import Slot
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def home(site):
    home = site.root_page.specific
    home.intro = "How things work."
    home.save()
    return home


@pytest.fixture
def section(home):
    return factories.SectionPageFactory(title="Space", parent=home, tone="night", show_in_menus=True)


@pytest.fixture
def tag_index(home):
    return factories.TagIndexPageFactory(parent=home)


def article(section, title, *, days_ago=1, **fields):
    date = timezone.now() - timedelta(days=days_ago)
    return factories.ArticlePageFactory(title=title, parent=section, date=date, **fields)


def read(client, url, status=200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def titles(html: str) -> list[str]:
    return re.findall(r'class="card__title">([^<]+)<', html)


def queries_of(client, url, django_assert_max_num_queries) -> int:
    client.get(url)
    with django_assert_max_num_queries(60) as captured:
        client.get(url)
    return len(captured)


def test_every_page_has_one_heading_of_the_first_rank_and_the_landmarks(client, home, section, tag_index):
    story = article(section, "Rings", tags=["planets"], cover=factories.ImageFactory())
    film = factories.FilmPageFactory(title="Alien", tags=["Horror"])
    pages = [home, section, story, tag_index, film, film.get_parent()]
    for url in [*(page.url for page in pages), "/tags/planets/", "/account/login/"]:
        html = read(client, url)
        assert len(re.findall(r"<h1[ >]", html)) == 1, url
        assert '<a class="skip" href="#content">' in html
        assert '<main id="content"' in html
        assert re.search(r'<html lang="en" dir="ltr">', html)
        assert re.search(r"<title>\s*\S", html)


def test_pages_bring_no_inline_style_and_nothing_from_elsewhere(client, home, section):
    html = read(client, article(section, "Rings", cover=factories.ImageFactory()).url)
    assert not re.search(r"<[^>]+\sstyle=", html)
    assert "<style" not in html
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', html)


def test_the_home_page_leads_with_the_newest_article_and_names_sections(client, home, section):
    for age, title in [(3, "Old"), (1, "New"), (2, "Middle")]:
        article(section, title, days_ago=age)
    html = read(client, home.url)
    assert titles(html) == ["New", "Middle", "Old"]
    assert "How things work." in html
    assert html.count('class="card__kicker">Space<') == 3
    assert 'class="card tone-night card--lead"' in html


def test_an_empty_home_page_says_so(client, home):
    assert "Nothing has been published yet" in read(client, home.url)


def test_drafts_and_restricted_articles_are_not_listed(client, home, section, tag_index):
    article(section, "Open", tags=["stars"])
    article(section, "Draft", tags=["stars"], live=False)
    secret = article(section, "Secret", tags=["stars"])
    PageViewRestriction.objects.create(page=secret, restriction_type="password", password="x")
    for url in (home.url, section.url, "/tags/stars/"):
        assert titles(read(client, url)) == ["Open"]
    assert "1 article<" in read(client, tag_index.url)


def test_a_restricted_article_asks_for_its_password_in_the_sites_frame(client, section):
    secret = article(section, "Secret")
    PageViewRestriction.objects.create(page=secret, restriction_type="password", password="x")
    html = read(client, secret.url)
    assert 'type="password"' in html
    assert 'class="masthead"' in html
    assert "Secret</h1>" not in html


def test_a_section_lists_its_own_articles_newest_first_over_pages(client, home, section):
    for age in range(1, 16):
        article(section, f"Story {age}", days_ago=age)
    article(factories.SectionPageFactory(parent=home), "Elsewhere")
    first, second = read(client, section.url), read(client, f"{section.url}?page=2")
    assert titles(first) == [f"Story {age}" for age in range(1, 14)]
    assert titles(second) == ["Story 14", "Story 15"]
    assert 'href="?page=2"' in first
    assert titles(read(client, f"{section.url}?page=nonsense")) == titles(first)
    assert titles(read(client, f"{section.url}?page=999")) == titles(second)


def test_an_article_shows_its_words_and_leads_on_to_its_section_and_tags(client, section, tag_index):
    body = [
        ("paragraph", "<p>Ice and dust.</p>"),
        ("heading", "Why <thin>"),
        ("quote", {"text": "Thin.", "attribution": "A list"}),
    ]
    story = article(
        section, "Rings & things", summary="Thin and wide.", tags=["planets"], byline="The space desk", body=body
    )
    html = read(client, story.url)
    assert "<h1>Rings &amp; things</h1>" in html
    assert "<h2>Why &lt;thin&gt;</h2>" in html
    for part in ("Ice and dust.", "Thin and wide.", "The space desk", "1 minute read", "<blockquote>"):
        assert part in html
    assert f'href="{section.url}"' in html
    assert 'href="/tags/planets/"' in html
    assert '<meta name="description" content="Thin and wide.">' in html


def test_the_tag_index_counts_the_articles_of_every_tag(client, section, tag_index):
    article(section, "One", tags=["stars", "ice"], days_ago=2)
    article(section, "Two", tags=["stars"], days_ago=1)
    html = read(client, tag_index.url)
    assert re.findall(r'<li><a href="/tags/(\w+)/">\w+</a> <span class="tag-index__uses">(\d+ articles?)<', html) == [
        ("ice", "1 article"),
        ("stars", "2 articles"),
    ]
    assert titles(read(client, "/tags/stars/")) == ["Two", "One"]


def test_an_unused_tag_is_not_found(client, section, tag_index):
    article(section, "Draft", tags=["nothing"], live=False)
    assert "There is no page here" in read(client, "/tags/nothing/", status=404)
    assert 'class="masthead"' in read(client, "/no/such/page/", status=404)


def test_the_film_shelf_filters_by_genre_and_keeps_it_over_pages(client, home):
    shelf = factories.FilmIndexPageFactory(parent=home)
    for n in range(50):
        factories.FilmPageFactory(title=f"Scare {n:02}", parent=shelf, tags=["Horror"])
    factories.FilmPageFactory(title="Laughs", parent=shelf, tags=["Comedy"], year=2024)
    assert titles(read(client, shelf.url))[0] == "Laughs"
    scary = read(client, f"{shelf.url}?genre=horror")
    assert len(titles(scary)) == 48
    assert "Laughs" not in titles(scary)
    assert 'href="?genre=horror&amp;page=2"' in scary
    assert len(titles(read(client, f"{shelf.url}?genre=horror&page=2"))) == 2
    assert titles(read(client, f"{shelf.url}?genre=%00<b>")) == titles(read(client, shelf.url))


def test_an_empty_film_shelf_says_so(client, home):
    assert "No film stands on this shelf yet" in read(client, factories.FilmIndexPageFactory(parent=home).url)


def test_a_film_without_a_cover_still_has_a_card_and_a_page(client, home):
    film = factories.FilmPageFactory(title="Alien", year=1979, plot="Something is on board.", director="R. S.")
    assert "card__blank" in read(client, film.get_parent().url)
    html = read(client, film.url)
    assert "Something is on board." in html
    assert "<dd>R. S.</dd>" in html


@pytest.mark.parametrize("listing", ["home", "section", "tag"])
def test_a_listing_takes_the_same_queries_for_two_articles_as_for_six(
    client, home, section, tag_index, listing, django_assert_max_num_queries
):
    url = {"home": home.url, "section": section.url, "tag": "/tags/stars/"}[listing]
    for n in range(2):
        article(section, f"Few {n}", tags=["stars"], cover=factories.ImageFactory())
    few = queries_of(client, url, django_assert_max_num_queries)
    other = factories.SectionPageFactory(parent=home)
    for n in range(4):
        article(section if listing == "section" else other, f"More {n}", tags=["stars"], cover=factories.ImageFactory())
    assert queries_of(client, url, django_assert_max_num_queries) == few


def test_simulated_readers_are_labelled_on_every_page(client, home, section):
    assert "simulated" not in read(client, section.url)
    home.readers_are_simulated = True
    home.save()
    for url in (home.url, section.url, article(section, "Rings").url):
        assert "are simulated" in read(client, url)


def test_signing_in_and_out(client, home):
    get_user_model().objects.create_user("reader", password="right-words-here")
    wrong = client.post("/account/login/", {"username": "reader", "password": "wrong"})
    assert 'role="alert"' in wrong.content.decode()
    right = client.post("/account/login/", {"username": "reader", "password": "right-words-here", "next": "/"})
    assert right.headers["Location"] == "/"
    assert "You are signed in as reader." in read(client, "/account/login/")
    assert "Signed out" in client.post("/account/logout/").content.decode()
    assert "_auth_user_id" not in client.session


def test_the_error_page_needs_neither_database_nor_style_sheet(django_assert_num_queries):
    with django_assert_num_queries(0):
        html = render_to_string("500.html")
    assert "Something broke" in html
    assert "<link" not in html


def test_an_article_can_be_previewed_as_a_page_and_as_a_card(rf, section):
    story = article(section, "Rings", summary="Thin and wide.")
    for mode, marker in [("", 'class="story"'), ("card", 'class="card ')]:
        response = story.make_preview_request(preview_mode=mode)
        assert response.status_code == 200
        assert marker in response.content.decode()


def test_the_cms_api_gives_a_front_end_all_of_an_article(client, section):
    story = article(section, "Rings", summary="Thin.", tags=["ice"], byline="Desk", cover=factories.ImageFactory())
    found = client.get(f"/api/cms/v2/pages/{story.pk}/").json()
    assert found["title"] == "Rings"
    assert (found["summary"], found["byline"], found["tags"]) == ("Thin.", "Desk", ["ice"])
    assert found["body"][0]["type"] == "paragraph"
    assert ".fill-640x400." in found["cover_card"]["url"]
    listed = client.get("/api/cms/v2/pages/?type=home.ArticlePage&fields=summary,date,cover_card").json()
    assert [item["summary"] for item in listed["items"]] == ["Thin."]


def test_a_slot_in_the_text_of_an_article_is_filled_for_readers_and_named_for_front_ends(client, home, section):
    other = article(section, "Moons")
    slot = Slot.objects.create(key="in-text", heading="Meanwhile", policy="newest", size=1)
    story = article(section, "Rings", body=[("paragraph", "<p>Ice.</p>"), ("slot", slot)])
    html = read(client, story.url)
    assert re.search(rf'class="slot__heading"[^>]*>Meanwhile<.*data-slot-item="page:{other.pk}"', html, re.DOTALL)
    body = client.get(f"/api/cms/v2/pages/{story.pk}/").json()["body"]
    assert [(block["type"], block["value"]) for block in body][1] == ("slot", "in-text")


def test_the_cms_api_gives_a_front_end_all_of_a_film(client, home):
    film = factories.FilmPageFactory(title="Alien", year=1979, plot="On board. " * 40, tags=["Horror"])
    found = client.get(f"/api/cms/v2/pages/{film.pk}/").json()
    assert (found["year"], found["tags"], found["cover"]) == (1979, ["Horror"], None)
    assert found["plot"].startswith(found["summary"][:100])
    assert len(found["summary"]) <= 160
