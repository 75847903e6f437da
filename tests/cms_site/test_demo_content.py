"""The demonstration magazine's own content: words, sections and covers."""

import re
from collections import Counter

import pytest

from cms_site.demo.articles import ContentError, read_article, read_articles, read_sections, rich_text
from cms_site.demo.covers import draw_cover
from cms_site.demo.motifs import MOTIFS

ARTICLES = read_articles()
SECTIONS = read_sections()
PALETTE = ("#141b41", "#4f5bd5", "#ffc46b")


def words(html: str) -> int:
    return len(re.sub(r"<[^>]+>", " ", html).split())


def test_the_magazine_has_nine_sections_of_eight_articles():
    assert [section.slug for section in SECTIONS] == list(dict.fromkeys(section.slug for section in SECTIONS))
    assert Counter(article.section for article in ARTICLES) == {section.slug: 8 for section in SECTIONS}
    assert len(SECTIONS) == 9


@pytest.mark.parametrize("field", ["title", "slug", "summary", "body"])
def test_no_two_articles_share_a(field):
    values = [getattr(article, field) for article in ARTICLES]
    assert all(values)
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.slug)
def test_an_article_has_the_length_and_the_fields_its_card_needs(article):
    assert 130 <= words(article.body) <= 220
    assert article.body.count("<p>") in range(3, 6)
    assert 90 <= len(article.summary) <= 160
    assert len(article.title) <= 60
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", article.slug)
    assert 1 <= article.days_ago <= 240
    assert 3 <= len(set(article.tags)) == len(article.tags) <= 5
    assert all(tag == tag.strip().lower() for tag in article.tags)
    assert article.byline == f"The {article.section} desk"


def test_every_tag_is_shared_and_many_cross_sections():
    uses = Counter(tag for article in ARTICLES for tag in article.tags)
    homes = {tag: {article.section for article in ARTICLES if tag in article.tags} for tag in uses}
    assert 28 <= len(uses) <= 36
    assert min(uses.values()) >= 3
    assert sum(len(sections) > 1 for sections in homes.values()) >= 12


def test_articles_come_newest_first_and_a_few_are_fresh():
    ages = [article.days_ago for article in ARTICLES]
    assert ages == sorted(ages)
    assert 2 <= sum(age <= 3 for age in ages) <= 8
    assert max(ages) > 200


def test_every_section_has_its_own_look():
    assert {section.motif for section in SECTIONS} == set(MOTIFS)
    assert len({section.palette for section in SECTIONS}) == len(SECTIONS)
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for section in SECTIONS for colour in section.palette)
    assert all(section.title and section.description.endswith(".") for section in SECTIONS)


def test_markdown_becomes_rich_text_and_markup_in_it_stays_text():
    markdown = "One <b>bold</b>\nline & more.\n\n## A heading\n\n- first\n- <script>\n\n"
    assert rich_text(markdown) == (
        "<p>One &lt;b&gt;bold&lt;/b&gt; line &amp; more.</p><h2>A heading</h2>"
        "<ul><li>first</li><li>&lt;script&gt;</li></ul>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "+++\ntitle = \n+++\nbody",
        '+++\ntitle = "only"\n+++\nbody',
        '+++\ntags = []\ncolour = "red"\n+++\n',
    ],
)
def test_a_broken_article_is_refused_with_the_name_of_its_file(tmp_path, text):
    path = tmp_path / "broken.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"broken\.md"):
        read_article(path)


def test_a_broken_section_file_is_refused(tmp_path):
    path = tmp_path / "sections.toml"
    path.write_text('[[section]]\nslug = "lonely"\npalette = ["#000000", "#ffffff"]\n', encoding="utf-8")
    with pytest.raises(ContentError, match=r"sections\.toml"):
        read_sections(path)


@pytest.mark.parametrize("motif", sorted(MOTIFS))
def test_a_cover_depends_on_nothing_but_its_arguments(motif):
    size = (320, 200)
    cover = draw_cover(slug="a", palette=PALETTE, motif=motif, size=size)
    assert (cover.size, cover.mode) == (size, "RGB")
    assert cover.tobytes() == draw_cover(slug="a", palette=PALETTE, motif=motif, size=size).tobytes()
    assert cover.tobytes() != draw_cover(slug="b", palette=PALETTE, motif=motif, size=size).tobytes()


def test_an_impossible_cover_is_refused_with_what_would_do():
    with pytest.raises(ValueError, match="circles"):
        draw_cover(slug="a", palette=PALETTE, motif="spirals")
    with pytest.raises(ValueError, match="three colours"):
        draw_cover(slug="a", palette=PALETTE[:2], motif="dots")
