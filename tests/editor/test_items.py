from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from tests.factories import ArticlePageFactory

LIST = reverse("personalization_items:index")
CHOOSE = reverse("personalization_item_chooser:choose_results")


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_an_empty_catalog_explains_what_an_item_is(admin):
    assert "an item is a page or snippet that slots may show" in text(admin.get(LIST))


def test_a_search_without_a_match_does_not_explain(admin, make_item):
    make_item("Comets")
    answer = text(admin.get(LIST, {"q": "zebra"}))
    assert "an item is a page or snippet" not in answer
    assert "No items match your query" in answer


def test_the_list_says_what_can_be_shown(admin, make_item):
    make_item("Comets")
    make_item("Taken back", live=False)
    make_item("Past", expires_at=timezone.now() - timedelta(hours=1))
    answer = text(admin.get(LIST))
    for state in ("can be shown", "withdrawn", "expired"):
        assert state in answer


def test_filters_find_items_that_are_not_ready(admin, make_item):
    make_item("Ready", embedded=True)
    stale = make_item("Stale", embedded=True)
    stale.text_hash = "newer"
    stale.save()
    make_item("Bare")
    answer = text(admin.get(LIST, {"embedded": "false"}))
    assert "Stale" in answer
    assert "Bare" in answer
    assert "Ready" not in answer
    assert "Ready" in text(admin.get(LIST, {"embedded": "true"}))


def test_filters_offer_the_types_that_exist(admin, make_item):
    item = make_item("Comets")
    make_item("Comètes", locale="fr")
    answer = text(admin.get(LIST))
    assert f'value="{item.content_type_id}"' in answer
    assert "Comets" in text(admin.get(LIST, {"content_type": item.content_type_id}))
    assert "Comets" not in text(admin.get(LIST, {"locale": "fr"}))


def test_search_reads_title_summary_and_key(admin, make_item):
    make_item("Comets", summary="Dirty snowballs", key="page:77")
    make_item("Sourdough")
    for words in ("comet", "snowball", "page:77"):
        answer = text(admin.get(LIST, {"q": words}))
        assert "Comets" in answer
        assert "Sourdough" not in answer


def test_the_list_needs_as_many_queries_for_many_items_as_for_few(admin, make_item, django_assert_max_num_queries):
    for number in range(40):
        make_item(f"Item {number}", embedded=True)
    admin.get(LIST)
    with django_assert_max_num_queries(25):
        admin.get(LIST)


def test_the_page_of_an_item_escapes_and_links(admin, make_item):
    item = make_item("<b>Comets</b>", url="/comets/?a=1&b=2", tags=["space", "ice"])
    answer = text(admin.get(reverse("personalization_items:inspect", args=[item.pk])))
    assert "<b>Comets" not in answer
    assert 'href="/comets/?a=1&amp;b=2"' in answer
    assert "space, ice" in answer
    assert "not made yet" in answer


def test_the_page_of_an_item_leads_to_its_source(admin, make_item):
    page = ArticlePageFactory(title="Comets")
    item = make_item("Comets", object_id=str(page.pk))
    answer = text(admin.get(reverse("personalization_items:inspect", args=[item.pk])))
    assert reverse("wagtailadmin_pages:edit", args=[page.pk]) in answer


def test_the_chooser_offers_what_can_be_shown(admin, make_item):
    make_item("Comets", tags=["space"])
    make_item("Taken back", live=False)
    answer = text(admin.get(CHOOSE))
    assert "Comets" in answer
    assert "Taken back" not in answer


def test_the_chooser_finds_by_title_and_tag(admin, make_item):
    make_item("Comets", tags=["space"])
    make_item("Sourdough", tags=["food"])
    for words in ("comets", "space", "comets space"):
        answer = text(admin.get(CHOOSE, {"q": words}))
        assert "Comets" in answer
        assert "Sourdough" not in answer


def test_a_slot_can_name_a_chosen_item(admin, make_item):
    item = make_item("Comets")
    answer = admin.get(reverse("personalization_item_chooser:chosen", args=[item.pk])).json()
    assert answer["result"]["id"] == str(item.pk)
    assert answer["result"]["title"] == "Comets"
