"""The catalog in memory: true, immutable, and cheap to keep true."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from personalization.catalog import snapshot
from personalization.catalog.models import Embedding, Epoch, Item
from tests.factories import make_item

pytestmark = pytest.mark.django_db

ARRAYS = ("live", "site", "locale", "type", "tree_paths", "expires")


def same(one: snapshot.Catalog, other: snapshot.Catalog) -> bool:
    assert (one.epoch, one.embedding_model, one.cards) == (other.epoch, other.embedding_model, other.cards)
    assert dict(one.row_of) == dict(other.row_of)
    assert dict(one.rows_of_group) == dict(other.rows_of_group)
    assert (one.items.ids, one.items.groups, one.items.tags) == (other.items.ids, other.items.groups, other.items.tags)
    np.testing.assert_array_equal(one.items.published, other.items.published)
    np.testing.assert_array_equal(one.items.embeddings, other.items.embeddings)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    return True


def change(key: str, **fields) -> None:
    with transaction.atomic():
        Item.objects.filter(key=key).update(epoch=Epoch.objects.advance("catalog"), **fields)


def test_an_empty_catalog_has_nothing_to_show():
    catalog = snapshot.current()
    assert len(catalog) == 0
    assert catalog.items.embeddings is None
    assert catalog.eligible(site_id=1, locale="en", now=timezone.now()).tolist() == []


def test_row_and_array_are_about_the_same_item():
    make_item("page:1", words="moon dust", tags=["space"], locale="en", site_id=3, tree_path="00010001")
    make_item("page:2", words="bread oven", group="page:1", locale="fr", live=False)
    make_item("page:3", published_at=datetime(2020, 1, 1, tzinfo=UTC), expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    catalog = snapshot.current()
    assert [catalog.row_of[key] for key in catalog.items.ids] == [0, 1, 2]
    assert catalog.rows_of_group["page:1"] == (0, 1)
    assert catalog.live.tolist() == [True, False, True]
    assert catalog.site.tolist() == [3, snapshot.EVERY_SITE, snapshot.EVERY_SITE]
    assert catalog.locale.tolist() == ["en", "fr", ""]
    assert catalog.type.tolist() == ["home.articlepage"] * 3
    assert catalog.tree_paths.tolist() == ["00010001", "", ""]
    assert catalog.items.published[2] == datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    assert catalog.items.tags[0] == catalog.cards[0].tags == ("space",)
    assert not catalog.items.embeddings[2].any()
    assert np.linalg.norm(catalog.items.embeddings[0]) == pytest.approx(1, rel=1e-5)


def test_embeddings_are_centred():
    make_item("a", words="moon dust")
    make_item("b", words="moon bread")
    catalog = snapshot.current()
    np.testing.assert_allclose(catalog.items.embeddings[0], -catalog.items.embeddings[1], atol=1e-6)
    np.testing.assert_allclose(catalog.items.mean, catalog.columns.vectors.mean(axis=0), atol=1e-6)


def test_eligible_asks_for_site_language_life_and_expiry():
    now = timezone.now()
    make_item("here", site_id=1, locale="en")
    make_item("there", site_id=2, locale="en")
    make_item("everywhere")
    make_item("french", site_id=1, locale="fr")
    make_item("withdrawn", site_id=1, locale="en", live=False)
    make_item("expired", site_id=1, locale="en", expires_at=now - timedelta(seconds=1))
    make_item("expiring", site_id=1, locale="en", expires_at=now + timedelta(seconds=1))
    catalog = snapshot.current()

    def keys(**context) -> set[str]:
        mask = catalog.eligible(**{"site_id": 1, "locale": "en", "now": now, **context})
        return {key for key, seen in zip(catalog.items.ids, mask, strict=True) if seen}

    assert keys() == {"here", "everywhere", "expiring"}
    assert keys(site_id=2) == {"there", "everywhere"}
    assert keys(site_id=None) == {"everywhere"}
    assert keys(locale=None) == {"here", "everywhere", "expiring", "french"}
    assert keys(now=now + timedelta(minutes=1)) == {"here", "everywhere"}


def test_a_refresh_is_the_same_as_a_new_reading():
    for n in range(20):
        make_item(f"page:{n}", words=f"word{n} moon" if n % 3 else "", tags=[f"tag{n}"])
    snapshot.current()
    change("page:3", title="Changed", live=False)
    change("page:4", group="page:5", tags=["other"])
    make_item("page:20", words="entirely new")
    make_item("page:21")
    Embedding.objects.filter(item__key="page:7").delete()
    change("page:7", text="")
    refreshed = snapshot.current()
    snapshot.forget()
    assert same(refreshed, snapshot.current())


def test_a_refresh_reads_only_what_changed(django_assert_num_queries):
    for n in range(5):
        make_item(f"page:{n}")
    catalog = snapshot.current()
    Item.objects.filter(key="page:1").update(title="changed without an epoch")
    change("page:2", title="changed")
    with django_assert_num_queries(2, connection=connection):
        refreshed = snapshot.current()
    assert [card.title for card in refreshed.cards][:3] == ["page:0", "page:1", "changed"]
    assert refreshed.cards[0] is catalog.cards[0]


def test_what_is_current_costs_no_query(django_assert_num_queries):
    make_item("page:1")
    catalog = snapshot.current()
    with django_assert_num_queries(0, connection=connection):
        assert snapshot.current(catalog.epoch) is catalog


def test_a_reader_that_comes_late_gets_the_newer_catalog():
    make_item("page:1")
    old = snapshot.current().epoch
    make_item("page:2")
    newer = snapshot.current()
    assert snapshot.current(old) is newer


def test_a_database_brought_back_from_a_backup_is_read_anew():
    make_item("page:1")
    make_item("page:2")
    snapshot.current()
    Item.objects.filter(key="page:2").delete()
    Epoch.objects.update(number=1)
    assert snapshot.current().items.ids == ("page:1",)


def test_nobody_can_change_what_others_read():
    make_item("page:1", words="moon dust")
    make_item("page:2", words="bread")
    catalog = snapshot.current()
    for array in [*(getattr(catalog, name) for name in ARRAYS), catalog.items.embeddings, catalog.columns.vectors]:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    with pytest.raises(TypeError):
        catalog.row_of["page:9"] = 9
    with pytest.raises(AttributeError):
        catalog.cards[0].title = "mine"


def test_a_vector_of_another_length_counts_as_none():
    make_item("page:1", words="moon dust")
    item = make_item("page:2")
    Embedding.objects.create(item=item, model="dummy-64", text_hash="", vector=b"\0" * 8)
    assert not snapshot.current().items.embeddings[1].any()


@pytest.mark.django_db(transaction=True)
def test_many_threads_read_one_catalog_while_it_changes():
    for n in range(50):
        make_item(f"page:{n}", words=f"word{n}")
    problems: list[str] = []
    stop = threading.Event()

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                catalog = snapshot.current()
                if catalog.epoch < last:
                    problems.append(f"went back from {last} to {catalog.epoch}")
                last = catalog.epoch
                titles = {card.title for card in catalog.cards if card.title.startswith("change")}
                if len(titles) > 1 or len(catalog.live) != len(catalog.cards) != len(catalog.items.embeddings):
                    problems.append("a catalog of two epochs at once")
        except Exception as error:
            problems.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(20):
        change("page:7", title=f"change {n}")
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert snapshot.current().cards[7].title == "change 19"
