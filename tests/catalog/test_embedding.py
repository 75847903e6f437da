"""Items get their vectors in batches, and only when their words change."""

import pytest
from django.db import connection

from personalization.catalog import snapshot
from personalization.catalog.embedders.dummy import DummyEmbedder
from personalization.catalog.models import Embedding, Item
from personalization.catalog.services import embed_items
from tests import factories

pytestmark = pytest.mark.django_db


class Counting(DummyEmbedder):
    """Remembers what it was given, and stops working after some batches."""

    texts: list[str] = []
    batches_left = 1_000

    def embed(self, texts):
        type(self).batches_left -= 1
        if self.batches_left < 0:
            raise RuntimeError("the machine went away")
        self.texts.extend(texts)
        return super().embed(texts)


class Nonsense(DummyEmbedder):
    def embed(self, texts):
        return super().embed(texts)[:1] * float("nan")


def use(settings, embedder: type, **options) -> None:
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "EMBEDDER": f"{__name__}.{embedder.__name__}",
        "EMBEDDER_OPTIONS": options,
    }


@pytest.fixture
def counting(settings):
    Counting.texts, Counting.batches_left = [], 1_000
    use(settings, Counting)
    return Counting


@pytest.fixture
def articles(section):
    return [factories.ArticlePageFactory(title=f"Article {n}", words="word " * n, parent=section) for n in range(6)]


def test_publishing_asks_for_an_embedding(section, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        factories.ArticlePageFactory(title="The Moon", parent=section)
    assert Embedding.objects.get().item.title == "The Moon"


def test_each_text_is_embedded_once(articles, counting):
    assert embed_items() == 6
    assert embed_items() == 0
    assert len(counting.texts) == 6
    assert counting.texts[0].startswith("Article")


def test_only_new_words_are_embedded_again(articles, counting, django_capture_on_commit_callbacks):
    embed_items()
    counting.texts.clear()
    with django_capture_on_commit_callbacks(execute=True):
        articles[0].tags.add("new")
        articles[0].save()
    assert counting.texts == []
    with django_capture_on_commit_callbacks(execute=True):
        articles[0].title = "Other words"
        articles[0].save()
    assert [text.split("\n")[0] for text in counting.texts] == ["Other words"]
    assert Embedding.objects.count() == 6


def test_withdrawn_items_are_not_embedded(articles, counting):
    articles[0].unpublish()
    articles[1].delete()
    assert embed_items() == 4


def test_an_item_that_comes_back_unchanged_needs_no_new_embedding(articles, counting):
    embed_items()
    articles[0].unpublish()
    articles[0].save_revision().publish()
    assert embed_items() == 0


def test_an_interrupted_run_goes_on_where_it_stopped(articles, counting):
    counting.batches_left = 2
    with pytest.raises(RuntimeError):
        embed_items(batch_size=2)
    assert Embedding.objects.count() == 4
    counting.batches_left = 1_000
    assert embed_items(batch_size=2) == 2
    assert sorted(counting.texts) == sorted(set(counting.texts))


def test_two_runs_share_the_work(articles, counting):
    """The second run begins while the first is between two batches, and does all of it."""
    others: list[int] = []

    def meanwhile(done: int, total: int) -> None:
        if done == 2 and not others:
            others.append(-1)
            others[0] = embed_items(batch_size=2)

    assert embed_items(batch_size=2, progress=meanwhile) == 2
    assert others == [4]
    assert len(counting.texts) == Embedding.objects.count() == 6


def test_progress_is_told(articles):
    told: list[tuple[int, int]] = []
    embed_items(batch_size=4, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (0, 6)
    assert told[-1] == (6, 6)
    assert len(told) == 3


def test_another_model_embeds_everything_anew_and_vectors_never_mix(articles, settings):
    embed_items()
    use(settings, DummyEmbedder)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "EMBEDDER": "personalization.catalog.embedders.dummy.DummyEmbedder",
        "EMBEDDER_OPTIONS": {"dimensions": 16},
    }
    catalog = snapshot.current()
    assert catalog.items.embeddings is None
    assert embed_items() == 6
    catalog = snapshot.current()
    assert catalog.embedding_model == "dummy-16"
    assert catalog.items.embeddings.shape == (6, 16)
    assert Embedding.objects.count() == 6


def test_an_embedder_that_answers_nonsense_is_refused(articles, settings):
    use(settings, Nonsense)
    with pytest.raises(ValueError, match="embedder answered 6 texts"):
        embed_items()
    assert not Embedding.objects.exists()


def test_a_summary_that_repeats_the_text_is_embedded_once(db):
    text = "A long story about tides. " * 20
    assert Item(title="Tides", summary=text[:100].strip() + "…", text=text).words == f"Tides\n{text}"
    assert Item(title="Tides", summary="Why they come.", text=text).words == f"Tides\nWhy they come.\n{text}"


def test_a_batch_costs_few_queries(articles, django_assert_max_num_queries):
    with django_assert_max_num_queries(9, connection=connection):
        embed_items()
