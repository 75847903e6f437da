import pytest
from django.core.checks import run_checks

from personalization import checks


def found(settings, **changes) -> list:
    settings.PERSONALIZATION = settings.PERSONALIZATION | changes
    return [message for message in run_checks(tags=["personalization"]) if message.id.startswith("personalization.")]


def test_the_demonstrations_settings_are_right(settings):
    assert found(settings) == []


EXTRACTOR = "personalization.catalog.extractors.PageExtractor"


@pytest.mark.parametrize(
    ("changes", "id"),
    [
        ({"CATALOG": {"home.NoSuchPage": EXTRACTOR}}, "personalization.E001"),
        ({"CATALOG": {"nonsense": EXTRACTOR}}, "personalization.E001"),
        ({"CATALOG": {"home.ArticlePage": "no.such.Extractor"}}, "personalization.E002"),
        ({"CATALOG": {"home.ArticlePage": "decimal.Decimal"}}, "personalization.E002"),
        ({"EMBEDDER": "personalization.catalog.embedders.NoSuch"}, "personalization.E003"),
        ({"EMBEDDER": "decimal.Decimal"}, "personalization.E003"),
        ({"IMAGE_FILTER": "squeeze-640x400"}, "personalization.E004"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(settings, changes, id):
    messages = found(settings, **changes)
    assert [message.id for message in messages] == [id]
    assert messages[0].hint


def test_a_missing_library_is_named(settings, monkeypatch):
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    messages = found(settings, EMBEDDER=checks.SENTENCE_EMBEDDER)
    assert [message.id for message in messages] == ["personalization.W001"]
